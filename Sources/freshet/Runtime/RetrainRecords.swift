import Foundation
import StreamingRecommender
import Synchronization

/// Stores retrain records as JSON files in `<data_dir>/runs` and keeps the newest `kept`.
final class RetrainRecords: Sendable {
  private static let kept = 100
  private let directory: String
  private let queue = DispatchQueue(label: "freshet.runs")
  private let records = Mutex<[RetrainRecord]>([])

  init(directory: String) {
    self.directory = directory
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let known = files().compactMap { name in
      FileManager.default.contents(atPath: "\(directory)/\(name)").flatMap { try? JSONDecoder().decode(RetrainRecord.self, from: $0) }
    }
    records.withLock { $0 = known }
  }

  private func files() -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.hasSuffix(".json") }.sorted()
  }

  func add(_ record: RetrainRecord) {
    records.withLock { records in
      // The record is updated when its model has been published to every user.
      records.removeAll { $0.job == record.job && $0.startedAtMilliseconds == record.startedAtMilliseconds }
      records.append(record)
      if records.count > Self.kept { records.removeFirst() }
    }
    // The caller is the loop, which must not block on disk I/O.
    queue.async { self.write(record) }
  }

  private func write(_ record: RetrainRecord) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    if let data = try? encoder.encode(record) {
      try? data.write(to: URL(fileURLWithPath: "\(directory)/\(record.startedAtMilliseconds)-\(record.job).json"), options: .atomic)
    }
    for old in files().dropLast(Self.kept) { unlink("\(directory)/\(old)") }
  }

  /// All stored records, oldest first.
  var all: [RetrainRecord] { records.withLock { $0 } }
}
