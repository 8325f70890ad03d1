/// A column of texts, or of bytes that need not be text.
public final class ParquetBytesColumn: ParquetColumn {
  @usableFromInline let numbers: UnsafeMutablePointer<UInt32>
  @usableFromInline let filled: UnsafeMutablePointer<Int>
  @usableFromInline let capacity: Int
  @usableFromInline let known: UnsafeMutablePointer<KnownNumbers>
  private let values: BytesDictionary
  private let usesDictionary: Bool
  private var isDictionaryOpen: Bool
  private let isText: Bool
  /// Values of the page that are stored plain.
  private let plain = ByteBuffer()
  private var plainRange = BytesRange()

  init(_ schema: ColumnSchema, _ encoding: ParquetEncoding, _ encoder: PageEncoder, _ options: ParquetOptions) {
    capacity = options.pageRowsMax
    numbers = .allocate(capacity: capacity)
    filled = .allocate(capacity: 1)
    filled.initialize(to: 0)
    values = BytesDictionary(bytesMax: options.dictionaryBytesMax)
    known = values.known
    usesDictionary = encoding == .dictionary
    isDictionaryOpen = usesDictionary
    if case .text = schema.meaning { isText = true } else { isText = false }
    super.init(schema, encoder, options)
  }

  deinit {
    numbers.deallocate()
    filled.deallocate()
  }

  // MARK: Values

  /// Appends a value that the caller has numbered: the same number, the same bytes.
  ///
  /// The bytes are only asked for when the number is new in its group, so a row costs no more than looking into an array. Numbers should
  /// be dense; those from 2^24 on are found by their bytes.
  /// - Parameter lend: calls its argument once, with the bytes.
  @inlinable public func append(
    number: Int, _ lend: (_ take: (UnsafeRawBufferPointer) -> Void) -> Void
  ) throws(ParquetError) {
    if !isOptional, filled.pointee < capacity, UInt(bitPattern: number) < UInt(bitPattern: known.pointee.count) {
      let index = known.pointee.slots[number]
      if index != 0 {
        numbers[filled.pointee] = index - 1
        filled.pointee += 1
        return
      }
    }
    try appendUncommon(number, lend)
  }

  /// Appends a text that the caller has numbered.
  @inlinable public func append(number: Int, _ text: @autoclosure () -> String) throws(ParquetError) {
    try append(number: number) { take in
      var text = text()
      text.withUTF8 { take(UnsafeRawBufferPointer($0)) }
    }
  }

  public func append(_ bytes: UnsafeRawBufferPointer) throws(ParquetError) { try add(bytes, number: nil) }

  /// A missing value for `nil`; the column must be optional then.
  public func append(_ bytes: [UInt8]?) throws(ParquetError) {
    guard let bytes else { return appendNull() }
    let result = bytes.withUnsafeBytes { raw in Result { () throws(ParquetError) in try add(raw, number: nil) } }
    try result.get()
  }

  public func append(_ text: String) throws(ParquetError) {
    var text = text
    let result = text.withUTF8 { utf8 in
      Result { () throws(ParquetError) in try add(UnsafeRawBufferPointer(utf8), number: nil) }
    }
    try result.get()
  }

  public func append(_ text: String?) throws(ParquetError) {
    if let text { try append(text) } else { appendNull() }
  }

  /// Appends a missing value; the column must be optional.
  public func appendNull() {
    precondition(isOptional, "the column \(name) is not optional")
    beginEntry(isValue: false)
  }

  // MARK: Pages

  @usableFromInline func appendUncommon(_ number: Int, _ lend: ((UnsafeRawBufferPointer) -> Void) -> Void) throws(ParquetError) {
    precondition(number >= 0, "a value with the number \(number) in the column \(name)")
    if number < known.pointee.count, known.pointee.slots[number] != 0 { return addKnown(known.pointee.slots[number] - 1) }
    var result: Result<Void, ParquetError>?
    lend { bytes in result = Result { () throws(ParquetError) in try add(bytes, number: number) } }
    guard let result else { preconditionFailure("no bytes for the value \(number) of the column \(name)") }
    try result.get()
  }

  private func add(_ bytes: UnsafeRawBufferPointer, number: Int?) throws(ParquetError) {
    guard bytes.count <= ParquetError.valueBytesMax else { throw .valueTooLong(column: name, bytes: bytes.count) }
    guard !isText || UTF8Check.isText(bytes) else { throw .notText(column: name) }
    if isDictionaryOpen {
      let before = values.bytes.count
      if let index = number.map({ values.add(bytes, known: $0) }) ?? values.number(of: bytes) {
        encoder.held.pointee += values.bytes.count - before
        return addKnown(index)
      }
      // Numbers and plain values do not share a page.
      finishPage()
      values.close()
      isDictionaryOpen = false
    }
    if !plain.bytes.isEmpty, plain.count + 4 + bytes.count > options.pageBytesMax { finishPage() }
    beginEntry(isValue: true)
    plain.append(littleEndian: UInt32(bytes.count))
    plain.append(bytes)
    plainRange.include(bytes)
    filled.pointee += 1
  }

  private func addKnown(_ index: UInt32) {
    beginEntry(isValue: true)
    numbers[filled.pointee] = index
    filled.pointee += 1
  }

  private func beginEntry(isValue: Bool) {
    if (isOptional ? definitions.count : filled.pointee) == capacity { finishPage() }
    if isOptional { definitions.append(isValue) }
  }

  override func finishPage() {
    let count = filled.pointee
    let entries = isOptional ? definitions.count : count
    guard entries > 0 else { return }
    if isOptional { definitions.write(to: encoder.body) }
    // A page of missing values only needs no dictionary.
    let encoding: PageEncoder.StoredEncoding = isDictionaryOpen && count > 0 ? .dictionary : .plain
    if encoding == .dictionary {
      let width = BitRuns.width(count: values.count)
      encoder.body.append(UInt8(width))
      BitRuns.append(UnsafeBufferPointer(start: numbers, count: count), width: width, to: encoder.body)
    } else {
      encoder.body.append(plain.bytes)
      plain.removeAll(keeping: 4 << 20)
    }
    addPage(rows: entries, entries: entries, nulls: entries - count, encoding)
    filled.pointee = 0
    definitions.removeAll()
  }

  override var dictionary: (values: Int, bytes: UnsafeRawBufferPointer)? { values.count == 0 ? nil : (values.count, values.bytes) }

  override var range: (minimum: [UInt8], maximum: [UInt8])? { values.range.including(plainRange).bounds }

  override func resetGroup() {
    values.reset()
    plainRange = BytesRange()
    isDictionaryOpen = usesDictionary
  }
}
