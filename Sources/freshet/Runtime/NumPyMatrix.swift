import Foundation

/// A matrix of floats in NumPy's format 1.0 to 3.0, as `numpy.save` writes it.
struct NumPyMatrix {
  enum Fault: Error, Equatable, CustomStringConvertible {
    case noArray, truncated
    case otherType(String)
    case otherShape(String)

    var description: String {
      switch self {
      case .noArray: "it is not an array of NumPy"
      case .truncated: "it ends early"
      case .otherType(let header): "it must hold float32 or float64 in row-major order, and its header says \(header)"
      case .otherShape(let header): "it must be a matrix, a row for each item, and its header says \(header)"
      }
    }
  }

  let rows: Int
  let columns: Int
  private let data: Data
  private let start: Int
  private let isDouble: Bool

  init(_ data: Data) throws(Fault) {
    let bytes = [UInt8](data.prefix(12))
    guard bytes.count == 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else { throw .noArray }
    let isShort = bytes[6] == 1
    let length = Int(bytes[8]) | Int(bytes[9]) << 8 | (isShort ? 0 : Int(bytes[10]) << 16 | Int(bytes[11]) << 24)
    start = (isShort ? 10 : 12) + length
    guard data.count >= start else { throw .truncated }
    let header = String(decoding: data.dropFirst(isShort ? 10 : 12).prefix(length), as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines)
    guard header.contains("'fortran_order': False"), let type = ["<f4", "<f8"].first(where: { header.contains("'\($0)'") }) else {
      throw .otherType(header)
    }
    isDouble = type == "<f8"
    guard let open = header.firstIndex(of: "("), let close = header[open...].firstIndex(of: ")") else { throw .otherShape(header) }
    let sizes = header[header.index(after: open)..<close].split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard sizes.count == 2, sizes.allSatisfy({ (1...(1 << 31)).contains($0) }) else { throw .otherShape(header) }
    (rows, columns) = (sizes[0], sizes[1])
    self.data = data
    let (values, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, (data.count - start) / (isDouble ? 8 : 4) >= values else { throw .truncated }
  }

  subscript(row: Int) -> [Float] {
    data.withUnsafeBytes { bytes in
      (0..<columns).map { column in
        let place = row * columns + column
        return isDouble
          ? Float(Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start + place * 8, as: UInt64.self))))
          : Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + place * 4, as: UInt32.self)))
      }
    }
  }
}
