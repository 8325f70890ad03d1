import Foundation
import StreamingRecommender
import Telemetry

/// Item vectors of another program in a directory: `item_factors.npy`, and `item_ids.txt` with the id of each row.
enum VectorFiles {
  static let factors = "item_factors.npy"
  static let ids = "item_ids.txt"

  /// - Returns: the paths of both files.
  static func write(_ model: StoredModel, to directory: String) throws -> [String] {
    let paths = ["\(directory)/\(factors)", "\(directory)/\(ids)"]
    try FactorFiles.npy(model.factors).write(to: URL(fileURLWithPath: paths[0]))
    var names: [UInt8] = []
    for item in model.items {
      names += item.bytes
      names.append(UInt8(ascii: "\n"))
    }
    try Data(names).write(to: URL(fileURLWithPath: paths[1]))
    return paths
  }

  static func read(_ directory: String) throws -> StoredModel {
    func content(_ name: String) throws -> Data {
      guard let data = FileManager.default.contents(atPath: "\(directory)/\(name)") else {
        throw ExternalTrainingError("there is no \(name) in \(directory)")
      }
      return data
    }
    let array = try content(factors)
    let matrix: NumPyMatrix
    do throws(NumPyMatrix.Fault) { matrix = try NumPyMatrix(array) } catch { throw ExternalTrainingError("\(factors): \(error)") }
    var names = try content(ids).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if names.last?.isEmpty == true { names.removeLast() }
    guard names.count == matrix.rows else {
      throw ExternalTrainingError("\(ids) has \(names.count) lines and \(factors) \(matrix.rows) rows")
    }
    // What they were trained on is not known here.
    var model = StoredModel(epoch: 0, trainedPairs: 0, trainedAtMilliseconds: WallClock.milliseconds(), factors: matrix.columns)
    for (row, id) in names.enumerated() { model.append(Identifier(Array(id)), matrix[row]) }
    return model
  }
}
