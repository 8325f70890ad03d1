/// One column of a file that is being written: its page in the making and the pages that wait for the end of the group.
///
/// `ParquetWriter` makes columns. Every column takes one value, or one missing value, for each row.
public class ParquetColumn {
  public let isOptional: Bool
  let schema: ColumnSchema
  let encoder: PageEncoder
  let options: ParquetOptions
  /// Which entries of the page have a value; only kept if some may be missing.
  var definitions = LevelBits()

  // Of the group, for the pages that are finished.
  private let pages = ByteBuffer()
  private(set) var groupRows = 0
  private var entries = 0
  private var nulls = 0
  private var size = PageEncoder.Size()
  private var encodings: [PageEncoder.StoredEncoding] = []

  public var name: String { schema.name }

  init(_ schema: ColumnSchema, _ encoder: PageEncoder, _ options: ParquetOptions) {
    self.schema = schema
    self.encoder = encoder
    self.options = options
    isOptional = schema.isOptional
  }

  // MARK: For the kinds of columns

  /// Encodes the page in the making and empties it; does nothing if there is none.
  func finishPage() { preconditionFailure("a kind of column without pages") }

  /// The dictionary of the group, as values stored plain. It is only written if a page needs it.
  var dictionary: (values: Int, bytes: UnsafeRawBufferPointer)? { nil }

  /// The smallest and largest value of the group, if they may be told.
  var range: (minimum: [UInt8], maximum: [UInt8])? { nil }

  /// Whether the footer says anything of the values.
  var hasStatistics: Bool { true }

  func resetGroup() {}

  /// Takes the encoder's body as a page of this column.
  func addPage(rows: Int, entries: Int, nulls: Int, _ encoding: PageEncoder.StoredEncoding) {
    let page = encoder.append(encoder.body.bytes, .data(values: entries, encoding), to: pages)
    encoder.held.pointee += page.compressed
    size += page
    groupRows += rows
    self.entries += entries
    self.nulls += nulls
    if !encodings.contains(encoding) { encodings.append(encoding) }
    encoder.body.removeAll(keeping: 4 << 20)
  }

  // MARK: For the writer

  /// Writes the column's part of a group and begins the next one.
  func finishGroup(at offset: Int, _ write: (UnsafeRawBufferPointer) throws -> Void) throws -> ChunkMetadata {
    finishPage()
    var dataAt = offset
    var all = size
    var stored = encodings
    let dictionary = stored.contains(.dictionary) ? self.dictionary : nil
    if let dictionary {
      let head = ByteBuffer()
      let page = encoder.append(dictionary.bytes, .dictionary(values: dictionary.values), to: head)
      all += page
      dataAt += page.compressed
      if !stored.contains(.plain) { stored.append(.plain) }
      try write(head.bytes)
    }
    try write(pages.bytes)
    let metadata = ChunkMetadata(
      encodings: stored + [.runs], values: entries, size: all, dictionaryAt: dictionary == nil ? nil : offset, dataAt: dataAt,
      statistics: hasStatistics ? .init(nulls: nulls, range: range) : nil)
    pages.removeAll()
    (groupRows, entries, nulls, size) = (0, 0, 0, PageEncoder.Size())
    encodings.removeAll()
    resetGroup()
    return metadata
  }
}
