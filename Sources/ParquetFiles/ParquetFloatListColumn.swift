/// A column whose rows are lists of single-precision numbers, such as the factors of a user.
public final class ParquetFloatListColumn: ParquetColumn {
  private let values = ByteBuffer()
  /// Which entries continue a row.
  private var repetitions = LevelBits()
  private var rows = 0

  init(name: String, _ encoder: PageEncoder, _ options: ParquetOptions) {
    super.init(ColumnSchema(name: name, physical: .float, meaning: .list, isOptional: false), encoder, options)
  }

  /// Appends one row, whose list may be empty.
  public func append(_ list: UnsafeBufferPointer<Float>) {
    precondition(list.count <= ParquetError.valueBytesMax / 4, "a list of \(list.count) numbers in the column \(name)")
    if rows == options.pageRowsMax || (rows > 0 && values.count + list.count * 4 > options.pageBytesMax) { finishPage() }
    rows += 1
    repetitions.append(false)
    definitions.append(!list.isEmpty)
    guard !list.isEmpty else { return }
    repetitions.append(true, count: list.count - 1)
    definitions.append(true, count: list.count - 1)
    values.append(UnsafeRawBufferPointer(list))
  }

  public func append(_ list: [Float]) { list.withUnsafeBufferPointer { append($0) } }

  override func finishPage() {
    guard rows > 0 else { return }
    repetitions.write(to: encoder.body)
    definitions.write(to: encoder.body)
    encoder.body.append(values.bytes)
    addPage(rows: rows, entries: definitions.count, nulls: 0, .plain)
    rows = 0
    repetitions.removeAll()
    definitions.removeAll()
    values.removeAll(keeping: 4 << 20)
  }

  override var hasStatistics: Bool { false }
}
