import Datasets
import Evaluation
import Foundation

/// The events that come with the product: online retail (UCI, CC BY 4.0; see NOTICE).
enum ShippedData {
  /// `FRESHET_DATA` names another directory with events.tsv.gz and items.tsv.gz.
  private static var directory: String? {
    if let named = ProcessInfo.processInfo.environment["FRESHET_DATA"] { return named }
    // Not Bundle.module: it ends the process where the resources do not stand beside the program.
    let beside = Bundle.main.bundleURL.appendingPathComponent("freshet_freshet.resources/online-retail").path
    return FileManager.default.fileExists(atPath: beside) ? beside : nil
  }

  static func events(path: String?) throws -> EvaluationData {
    guard let path = path ?? directory.map({ $0 + "/events.tsv.gz" }) else {
      throw CommandFailure("the shipped data (freshet_freshet.resources) do not stand beside the program: name a file with --data")
    }
    return try EvaluationData(path: path)
  }

  static var titles: ItemTitles { directory.flatMap { try? ItemTitles(path: $0 + "/items.tsv.gz") } ?? ItemTitles() }
}
