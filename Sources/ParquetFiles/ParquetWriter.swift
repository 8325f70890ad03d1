/// Writes one Parquet file: a table of flat columns, one row after the other, or several rows of a column at a time.
///
///     let writer = ParquetWriter(to: sink, createdBy: "freshet version 1.0")
///     let user = writer.text("user")
///     let time = writer.time("time", .milliseconds)
///     for event in events {
///       try user.append(number: event.user, names[event.user])
///       time.append(event.time)
///       try writer.endRow()
///     }
///     try writer.finish()
///
/// Memory is bounded by `ParquetOptions.groupBytesMax`, the dictionaries and one page a column. Not Sendable: one thread at a time.
public final class ParquetWriter {
  private let sink: any ParquetSink
  private let options: ParquetOptions
  private let createdBy: String
  private let metadata: [(key: String, value: String)]
  private let encoder: PageEncoder
  private var columns: [ParquetColumn] = []
  private var groups: [ParquetFooter.Group] = []
  private var rows = 0
  private var offset = 0
  private var isFinished = false
  /// What the sink has thrown; the file is of no use then, and nothing more is written.
  private var failure: (any Error)?

  /// - Parameters:
  ///   - createdBy: the program, in the form `name version 1.2`.
  ///   - metadata: stored in the footer as it is, for readers that look for it.
  public init(
    to sink: any ParquetSink, options: ParquetOptions = ParquetOptions(), createdBy: String, metadata: [(key: String, value: String)] = []
  ) {
    precondition(
      options.groupRowsMax > 0 && options.groupBytesMax > 0 && (1...(1 << 24)).contains(options.pageRowsMax)
        && (1...(1 << 28)).contains(options.pageBytesMax) && (0...(1 << 28)).contains(options.dictionaryBytesMax),
      "limits out of range: \(options)")
    self.sink = sink
    self.options = options
    self.createdBy = createdBy
    self.metadata = metadata
    encoder = PageEncoder(options.compression)
  }

  // MARK: Columns, in the order of the table

  public func text(_ name: String, isOptional: Bool = false, _ encoding: ParquetEncoding = .dictionary) -> ParquetBytesColumn {
    let schema = ColumnSchema(name: name, physical: .bytes, meaning: .text, isOptional: isOptional)
    return add(ParquetBytesColumn(schema, encoding, encoder, options))
  }

  public func bytes(_ name: String, isOptional: Bool = false, _ encoding: ParquetEncoding = .dictionary) -> ParquetBytesColumn {
    let schema = ColumnSchema(name: name, physical: .bytes, meaning: .plain, isOptional: isOptional)
    return add(ParquetBytesColumn(schema, encoding, encoder, options))
  }

  public func int32(_ name: String, isOptional: Bool = false, _ encoding: ParquetEncoding = .plain) -> ParquetNumberColumn<Int32> {
    number(name, .int32, .plain, isOptional, encoding)
  }

  public func int64(_ name: String, isOptional: Bool = false, _ encoding: ParquetEncoding = .plain) -> ParquetNumberColumn<Int64> {
    number(name, .int64, .plain, isOptional, encoding)
  }

  public func float(_ name: String, isOptional: Bool = false, _ encoding: ParquetEncoding = .plain) -> ParquetNumberColumn<Float> {
    number(name, .float, .plain, isOptional, encoding)
  }

  public func double(_ name: String, isOptional: Bool = false, _ encoding: ParquetEncoding = .plain) -> ParquetNumberColumn<Double> {
    number(name, .double, .plain, isOptional, encoding)
  }

  /// A column of times since 1970.
  /// - Parameter isUTC: whether they are moments; otherwise they are what a clock on the wall shows, in no zone.
  public func time(
    _ name: String, _ unit: ParquetTimeUnit, isUTC: Bool = true, isOptional: Bool = false, _ encoding: ParquetEncoding = .plain
  ) -> ParquetNumberColumn<Int64> {
    number(name, .int64, .timestamp(unit, isUTC: isUTC), isOptional, encoding)
  }

  public func floatList(_ name: String) -> ParquetFloatListColumn { add(ParquetFloatListColumn(name: name, encoder, options)) }

  private func number<Value: ParquetNumber>(
    _ name: String, _ physical: ColumnSchema.Physical, _ meaning: ColumnSchema.Meaning, _ isOptional: Bool, _ encoding: ParquetEncoding
  ) -> ParquetNumberColumn<Value> {
    let schema = ColumnSchema(name: name, physical: physical, meaning: meaning, isOptional: isOptional)
    return add(ParquetNumberColumn(schema, encoding, encoder, options))
  }

  private func add<Column: ParquetColumn>(_ column: Column) -> Column {
    precondition(rows == 0 && offset == 0, "a column is added before the first row")
    precondition(!column.name.isEmpty, "a column needs a name")
    precondition(!columns.contains { $0.name == column.name }, "two columns with the name \(column.name)")
    columns.append(column)
    return column
  }

  // MARK: Rows

  /// Ends a row, for which every column has taken its value.
  public func endRow() throws { try endRows(1) }

  /// Ends several rows, for which every column has taken its values.
  public func endRows(_ count: Int) throws {
    rows += count
    if rows >= options.groupRowsMax || encoder.held.pointee >= options.groupBytesMax { try finishGroup() }
  }

  /// Writes what is left and the footer. The sink is left open. After an error of the sink, this and `endRow` throw that error again.
  @discardableResult
  public func finish() throws -> ParquetSummary {
    precondition(!isFinished && !columns.isEmpty, "a file has columns and is finished once")
    try finishGroup()
    if offset == 0 { try writeMagic() }
    isFinished = true
    let footer = ByteBuffer()
    ParquetFooter(columns: columns.map(\.schema), groups: groups, codec: encoder.codec, createdBy: createdBy, metadata: metadata)
      .write(to: footer)
    try write(footer.bytes)
    return ParquetSummary(rows: groups.reduce(0) { $0 + $1.rows }, groups: groups.count, bytes: offset)
  }

  private func finishGroup() throws {
    precondition(!isFinished, "the file is finished")
    guard rows > 0 else { return }
    if offset == 0 { try writeMagic() }
    var chunks: [ChunkMetadata] = []
    for column in columns {
      column.finishPage()
      precondition(column.groupRows == rows, "the column \(column.name) has \(column.groupRows) values for \(rows) rows")
      chunks.append(try column.finishGroup(at: offset) { try write($0) })
    }
    groups.append(.init(rows: rows, chunks: chunks))
    rows = 0
    encoder.held.pointee = 0
  }

  private func writeMagic() throws {
    let magic = ByteBuffer()
    magic.append(ParquetFooter.magic)
    try write(magic.bytes)
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard !bytes.isEmpty else { return }
    if let failure { throw failure }
    do { try sink.write(bytes) } catch {
      failure = error
      throw error
    }
    offset += bytes.count
  }
}
