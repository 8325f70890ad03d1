/// A column of numbers or times.
public final class ParquetNumberColumn<Value: ParquetNumber>: ParquetColumn {
  // In memory of their own: appending is the hot path of a table, and a property of a class is checked at each access.
  @usableFromInline let values: UnsafeMutablePointer<Value>
  @usableFromInline let filled: UnsafeMutablePointer<Int>
  @usableFromInline let capacity: Int
  private let coder: NumberCoder

  init(_ schema: ColumnSchema, _ encoding: ParquetEncoding, _ encoder: PageEncoder, _ options: ParquetOptions) {
    capacity = max(1, min(options.pageRowsMax, options.pageBytesMax / MemoryLayout<Value>.size))
    values = .allocate(capacity: capacity)
    filled = .allocate(capacity: 1)
    filled.initialize(to: 0)
    coder = NumberCoder(Value.parquetType, encoding, options)
    super.init(schema, encoder, options)
  }

  deinit {
    values.deallocate()
    filled.deallocate()
  }

  @inlinable public func append(_ value: Value) {
    if isOptional { beginEntry(isValue: true) } else if filled.pointee == capacity { finishPage() }
    values[filled.pointee] = value
    filled.pointee += 1
  }

  /// Appends a missing value; the column must be optional.
  public func appendNull() {
    precondition(isOptional, "the column \(name) is not optional")
    beginEntry(isValue: false)
  }

  public func append(_ value: Value?) {
    if let value { append(value) } else { appendNull() }
  }

  /// Appends the values of several rows.
  public func append(contentsOf rows: UnsafeBufferPointer<Value>) {
    if isOptional {
      for row in rows { append(row) }
      return
    }
    var rest = rows[...]
    while !rest.isEmpty {
      if filled.pointee == capacity { finishPage() }
      let part = rest.prefix(capacity - filled.pointee)
      (values + filled.pointee).initialize(from: part.base.baseAddress! + part.startIndex, count: part.count)
      filled.pointee += part.count
      rest = rest.dropFirst(part.count)
    }
  }

  @usableFromInline func beginEntry(isValue: Bool) {
    if definitions.count == capacity { finishPage() }
    definitions.append(isValue)
  }

  @usableFromInline override func finishPage() {
    let count = filled.pointee
    let entries = isOptional ? definitions.count : count
    guard entries > 0 else { return }
    if isOptional { definitions.write(to: encoder.body) }
    let encoding = coder.encode(values, count: count, to: encoder.body)
    addPage(rows: entries, entries: entries, nulls: entries - count, encoding)
    filled.pointee = 0
    definitions.removeAll()
  }

  override var dictionary: (values: Int, bytes: UnsafeRawBufferPointer)? { coder.dictionary }
  override var range: (minimum: [UInt8], maximum: [UInt8])? { coder.range }
  override func resetGroup() { coder.resetGroup() }
}
