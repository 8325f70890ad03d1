import Datasets
import Evaluation
import Foundation
import StreamingRecommender

/// The events that come with the product: online retail (UCI, CC BY 4.0; see NOTICE).
enum ShippedData {
  /// The directory of events.tsv.gz and items.tsv.gz, which `FRESHET_DATA` overrides.
  private static var directory: String? {
    if let named = ProcessInfo.processInfo.environment["FRESHET_DATA"] { return named }
    // Bundle.module is not used, because it aborts the process if the resources are not next to the executable.
    let beside = Bundle.main.bundleURL.appendingPathComponent("freshet_freshet.resources/online-retail").path
    return FileManager.default.fileExists(atPath: beside) ? beside : nil
  }

  static func events(path: String?) throws -> EvaluationData {
    guard let path = path ?? directory.map({ $0 + "/events.tsv.gz" }) else {
      throw CommandFailure("the shipped data (freshet_freshet.resources) are not next to the executable: name a file with --data")
    }
    return try EvaluationData(path: path)
  }

  static var titles: ItemTitles { directory.flatMap { try? ItemTitles(path: $0 + "/items.tsv.gz") } ?? ItemTitles() }
}

extension ItemTitles {
  /// The titles as the reader stores them.
  var byIdentifier: [Identifier: String] {
    Dictionary(uniqueKeysWithValues: entries.map { (Identifier($0.key), $0.value.title) })
  }
}
