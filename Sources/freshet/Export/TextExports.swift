import Foundation
import Telemetry

/// One JSON object a line. Times are RFC 3339, numbers have the shortest digits that read back as the same value.
struct JSONLinesExport: ExportWriter {
  private let output: ExportOutput
  private let columns: [ExportKind.Column]

  init(_ kind: ExportKind, to output: ExportOutput) {
    self.output = output
    columns = kind.columns
  }

  mutating func append(_ row: [ExportValue]) throws {
    var line = Array("{".utf8)
    for (column, value) in zip(columns, row) {
      line += Array("\(line.count > 1 ? "," : "")\"\(column.name)\":".utf8)
      switch value {
      case .text(let bytes): JSONString.append(bytes, to: &line)
      case .integer(let number): line += Array(String(number).utf8)
      case .float(let number): line += Array("\(number)".utf8)
      case .time(let time): line += Array("\"\(Timestamp.rfc3339(milliseconds: time))\"".utf8)
      case .null: line += Array("null".utf8)
      case .floats(let numbers): line += Array("[\(numbers.map { "\($0)" }.joined(separator: ","))]".utf8)
      }
    }
    try output.write(line + Array("}\n".utf8))
  }

  mutating func finish() throws { try output.finish() }
}

/// Comma-separated values with a line of names (RFC 4180).
struct CSVExport: ExportWriter {
  private let output: ExportOutput

  init(_ kind: ExportKind, to output: ExportOutput) throws {
    self.output = output
    try output.write(Array((kind.columns.map(\.name).joined(separator: ",") + "\r\n").utf8))
  }

  mutating func append(_ row: [ExportValue]) throws {
    var line: [UInt8] = []
    for (place, value) in row.enumerated() {
      if place > 0 { line.append(UInt8(ascii: ",")) }
      switch value {
      case .text(let bytes): Self.append(bytes, to: &line)
      case .integer(let number): line += Array(String(number).utf8)
      case .float(let number): line += Array("\(number)".utf8)
      case .time(let time): line += Array(Timestamp.rfc3339(milliseconds: time).utf8)
      case .null: break
      case .floats(let numbers): line += Array(numbers.map { "\($0)" }.joined(separator: " ").utf8)
      }
    }
    try output.write(line + Array("\r\n".utf8))
  }

  /// Quoted where a reader would see something else, or a number with zeros in front.
  static func append(_ bytes: [UInt8], to line: inout [UInt8]) {
    let quote = UInt8(ascii: "\"")
    let isPlain =
      !bytes.isEmpty && !bytes.contains { [quote, UInt8(ascii: ","), 10, 13].contains($0) } && bytes[0] != 32 && bytes.last != 32
    guard !isPlain else { return line += bytes }
    line.append(quote)
    for byte in bytes {
      if byte == quote { line.append(quote) }
      line.append(byte)
    }
    line.append(quote)
  }

  mutating func finish() throws { try output.finish() }
}
