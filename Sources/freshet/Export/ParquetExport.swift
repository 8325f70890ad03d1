import ParquetFiles

/// A Parquet file.
struct ParquetExport: ExportWriter {
  private enum Column {
    case text(ParquetBytesColumn)
    case int32(ParquetNumberColumn<Int32>)
    case int64(ParquetNumberColumn<Int64>)
    case float(ParquetNumberColumn<Float>)
    case floats(ParquetFloatListColumn)
  }

  private let output: ExportOutput
  private let writer: ParquetWriter
  private var columns: [Column] = []

  init(_ kind: ExportKind, to output: ExportOutput) {
    self.output = output
    writer = ParquetWriter(to: output, createdBy: "freshet version \(Version.freshet)")
    for column in kind.columns {
      switch column.type {
      case .text: columns.append(.text(writer.text(column.name, isOptional: column.isNullable)))
      case .integer: columns.append(.int32(writer.int32(column.name, isOptional: column.isNullable, .dictionary)))
      case .epoch: columns.append(.int64(writer.int64(column.name, isOptional: column.isNullable, .dictionary)))
      case .float: columns.append(.float(writer.float(column.name, isOptional: column.isNullable)))
      case .time: columns.append(.int64(writer.time(column.name, .milliseconds, isOptional: column.isNullable)))
      case .floats: columns.append(.floats(writer.floatList(column.name)))
      }
    }
  }

  mutating func append(_ row: [ExportValue]) throws {
    for (column, value) in zip(columns, row) {
      switch (column, value) {
      case (.text(let column), .text(let bytes)): try column.append(bytes)
      case (.int32(let column), .integer(let number)): column.append(Int32(number))
      case (.int64(let column), .integer(let number)): column.append(Int64(number))
      case (.int64(let column), .time(let time)): column.append(time)
      case (.float(let column), .float(let number)): column.append(number)
      case (.text(let column), .null): column.appendNull()
      case (.int32(let column), .null): column.appendNull()
      case (.int64(let column), .null): column.appendNull()
      case (.float(let column), .null): column.appendNull()
      case (.floats(let column), .floats(let numbers)): numbers.withUnsafeBufferPointer { column.append($0) }
      default: preconditionFailure("a value of another type than its column")
      }
    }
    try writer.endRow()
  }

  mutating func finish() throws {
    _ = try writer.finish()
    try output.finish()
  }
}
