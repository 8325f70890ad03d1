import Foundation
import StreamingRecommender
import Telemetry

/// Item vectors of another program in a directory: `item_factors.npy`, and `item_ids.txt` with the id of each row.
enum VectorFiles {
  static func read(_ directory: String) throws -> StoredModel {
    func content(_ name: String) throws -> Data {
      guard let data = FileManager.default.contents(atPath: "\(directory)/\(name)") else {
        throw ExternalTrainingError("there is no \(name) in \(directory)")
      }
      return data
    }
    let array = try content("item_factors.npy")
    let matrix: NumPyMatrix
    do throws(NumPyMatrix.Fault) { matrix = try NumPyMatrix(array) } catch { throw ExternalTrainingError("item_factors.npy: \(error)") }
    var ids = try content("item_ids.txt").split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if ids.last?.isEmpty == true { ids.removeLast() }
    guard ids.count == matrix.rows else {
      throw ExternalTrainingError("item_ids.txt has \(ids.count) lines and item_factors.npy \(matrix.rows) rows")
    }
    // What they were trained on is not known here.
    var model = StoredModel(epoch: 0, trainedPairs: 0, trainedAtMilliseconds: WallClock.milliseconds(), factors: matrix.columns)
    for (row, id) in ids.enumerated() { model.append(Identifier(Array(id)), matrix[row]) }
    return model
  }
}
