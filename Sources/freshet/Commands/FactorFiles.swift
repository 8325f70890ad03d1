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
        ("user_factors.npy", npy(outcome.training.rowFactors)), (VectorFiles.factors, npy(outcome.training.columnFactors)),
        ("user_ids.txt", ids(outcome.users)), (VectorFiles.ids, ids(outcome.items)),
      ]
      return try files.map { name, content in
        let path = "\(directory)/\(name)"
        try content.write(to: URL(fileURLWithPath: path))
        return path
      }
    } catch { throw CommandFailure("cannot write to \(directory): \(error.localizedDescription)") }
  }

  /// Reads factors that `write` has written, with rows in the order of these ids.
  static func read(_ directory: String, users: [String], items: [String]) throws -> (users: FactorMatrix, items: FactorMatrix) {
    try (
      matrix(directory, "user_factors.npy", rows: "user_ids.txt", ids(users)),
      matrix(directory, VectorFiles.factors, rows: VectorFiles.ids, ids(items))
    )
  }

  /// Reads an array, and refuses it if its rows are not those of these ids.
  static func matrix(_ directory: String, _ name: String, rows idFile: String, _ ids: Data) throws -> FactorMatrix {
    guard try contents(directory, idFile) == ids else {
      throw CommandFailure("\(directory)/\(idFile) has other ids than the file of --train: name the one that the factors were trained on")
    }
    let array: NumPyMatrix
    do { array = try NumPyMatrix(try contents(directory, name)) } catch let fault as NumPyMatrix.Fault {
      throw CommandFailure("\(directory)/\(name): \(fault)")
    }
    guard array.rows == ids.count(where: { $0 == UInt8(ascii: "\n") }) else {
      throw CommandFailure("\(directory)/\(name) has \(array.rows) rows, and \(idFile) another number of lines: train again")
    }
    var matrix = FactorMatrix(rows: array.rows, factors: array.columns)
    for row in 0..<array.rows { matrix.setRow(row, to: array[row]) }
    return matrix
  }

  static func contents(_ directory: String, _ name: String) throws -> Data {
    guard let data = FileManager.default.contents(atPath: directory + "/" + name) else {
      throw CommandFailure("\(directory)/\(name) cannot be read: name a directory that freshet train --output has written")
    }
    return data
  }

  private static func ids(_ names: [String]) -> Data { Data((names.joined(separator: "\n") + "\n").utf8) }

  /// Encodes a matrix as an array of NumPy with float32 values.
  static func npy(_ matrix: FactorMatrix) -> Data {
    var data = Data(NumPyArchive.header("<f4", [matrix.rows, matrix.factors]))
    for row in 0..<matrix.rows { data.append(contentsOf: UnsafeRawBufferPointer(matrix[row])) }
    return data
  }
}
