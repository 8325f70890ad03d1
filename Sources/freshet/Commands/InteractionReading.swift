import Datasets
import Evaluation
import Foundation

extension CommandContext {
  /// The pairs of a file; a long load shows its progress, and lines that could not be read are noted.
  ///
  /// - Throws: `DatasetError`; `CommandFailure` for a file without interactions.
  func pairs(_ path: String, _ rule: ValueRule) throws -> StaticPairs { StaticPairs(try interactions(path, rule)) }

  /// How the command was told to read the value column.
  var valueRule: ValueRule { ValueRule(rawValue: options.string("value") ?? "") ?? .ignore }

  func interactions(_ path: String, _ rule: ValueRule, keepsTimes: Bool = false) throws -> StaticInteractions {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
    var progress = progress("bytes of \((path as NSString).lastPathComponent)", total: size)
    let read = try StaticInteractions(path: path, value: rule, keepsTimes: keepsTimes) { progress.update($0) }
    if let size { progress.finish(size) }
    if let report = read.report, report.badLines > 0 {
      note("\(path): \(report.badLines) lines could not be read: \(report.firstBadLines.map { "\($0)" }.joined(separator: "; "))")
    }
    guard read.count > 0 else { throw CommandFailure("\(path) holds no interactions") }
    return read
  }
}
