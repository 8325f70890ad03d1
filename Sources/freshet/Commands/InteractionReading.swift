import Datasets
import Evaluation
import Foundation

extension CommandContext {
  /// Reads the pairs of a file. A long load shows a progress bar, and unreadable lines are reported.
  ///
  /// - Throws: `DatasetError`; `CommandFailure` for a file without interactions.
  func pairs(_ path: String, _ rule: ValueRule) throws -> StaticPairs { StaticPairs(try interactions(path, rule)) }

  /// How the command interprets the value column.
  var valueRule: ValueRule { ValueRule(rawValue: options.string("value") ?? "") ?? .ignore }

  func interactions(_ path: String, _ rule: ValueRule, keepsTimes: Bool = false) throws -> StaticInteractions {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
    var progress = progress("bytes of \((path as NSString).lastPathComponent)", total: size)
    let read = try StaticInteractions(path: path, value: rule, keepsTimes: keepsTimes) { progress.update($0) }
    if let size { progress.finish(size) }
    noteBadLines(read.report, of: path)
    guard read.count > 0 else { throw CommandFailure("\(path) holds no interactions") }
    return read
  }

  /// Reports how many lines of a file could not be read, and what was wrong with the first one.
  func noteBadLines(_ report: InteractionFile.Report?, of path: String) {
    guard let report, report.badLines > 0 else { return }
    note("\(path): \(report.badLines) lines could not be read: \(report.firstBadLines.map { "\($0)" }.joined(separator: "; "))")
  }

  /// Splits a file with `make` and adds the path to errors. A number of folds that exceeds the number of users is a usage error.
  func splitting<R>(_ path: String, _ make: () throws -> R) throws -> R {
    do { return try make() } catch let error as HoldoutError {
      if case .tooFewUsers = error.code { throw CommandFailure("\(path): \(error)", status: .usage) }
      throw CommandFailure("\(path): \(error)")
    }
  }
}
