import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// Writes factors for other programs: NumPy arrays and the ids of their rows.
enum FactorFiles {
  static func write(_ outcome: StaticTraining.Outcome, to directory: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try npy(outcome.training.rowFactors).write(to: URL(fileURLWithPath: directory + "/user_factors.npy"))
      try npy(outcome.training.columnFactors).write(to: URL(fileURLWithPath: directory + "/item_factors.npy"))
      try ids(outcome.users).write(to: URL(fileURLWithPath: directory + "/user_ids.txt"))
      try ids(outcome.items).write(to: URL(fileURLWithPath: directory + "/item_ids.txt"))
    } catch { throw CommandFailure("cannot write to \(directory): \(error.localizedDescription)") }
  }

  private static func ids(_ names: [String]) -> Data { Data((names.joined(separator: "\n") + "\n").utf8) }

  /// Encodes a matrix in NumPy format 1.0: magic, version, a header padded to 64 bytes, then float32 values in row-major order.
  static func npy(_ matrix: FactorMatrix) -> Data {
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(matrix.rows), \(matrix.factors)), }"
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
    withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
    data.append(contentsOf: header.utf8)
    for row in 0..<matrix.rows { data.append(contentsOf: UnsafeRawBufferPointer(matrix[row])) }
    return data
  }
}
