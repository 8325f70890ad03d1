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

  /// Encodes a matrix as an array of NumPy with float32 values.
  static func npy(_ matrix: FactorMatrix) -> Data {
    var data = Data(NumPyArchive.header("<f4", [matrix.rows, matrix.factors]))
    for row in 0..<matrix.rows { data.append(contentsOf: UnsafeRawBufferPointer(matrix[row])) }
    return data
  }
}
