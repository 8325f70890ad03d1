import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// Writes factors for other programs: NumPy arrays and the ids of their rows.
enum FactorFiles {
  /// - Returns: the paths of the files.
  static func write(_ outcome: StaticTraining.Outcome, to directory: String) throws -> [String] {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      let files = [
        ("user_factors.npy", npy(outcome.training.rowFactors)), ("item_factors.npy", npy(outcome.training.columnFactors)),
        ("user_ids.txt", ids(outcome.users)), ("item_ids.txt", ids(outcome.items)),
      ]
      return try files.map { name, content in
        let path = "\(directory)/\(name)"
        try content.write(to: URL(fileURLWithPath: path))
        return path
      }
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
