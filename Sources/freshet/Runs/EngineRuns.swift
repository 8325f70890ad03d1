import Dispatch
import Foundation
import RunRecords
import StreamingRecommender
import Synchronization
import Telemetry

/// Records the retrains of an engine, and announces them. Everything happens on a queue of its own, because the loop must not wait for a
/// store or a server.
final class EngineRuns: Sendable {
  private let store: RunStore
  private let configuration: RecommenderConfiguration
  private let settings: [String: String]
  private let models: KeptModels?
  private let announcer: RunAnnouncer
  private let log: Telemetry.Log
  private let queue = DispatchQueue(label: "runs", qos: .utility)
  private let group = DispatchGroup()
  private let isEnding = Atomic<Bool>(false)
  /// Records that wait for their turn; retrains are rare, so more than this says that the store is away for long.
  private let waiting = Atomic<Int>(0)
  private static let waitingMax = 100
  private static let attempts = 5
  /// Where MLflow shows runs that have been announced, so that a record that is written again keeps it.
  private let announced = Mutex<[RunID: RunRecord.Tracking?]>([:])

  init?(_ configuration: RecommenderConfiguration, models: KeptModels?, log: Telemetry.Log) throws {
    guard let store = try RunStore.open(configuration) else { return nil }
    self.store = store
    self.configuration = configuration
    self.models = models
    self.log = log
    announcer = RunAnnouncer(configuration)
    let rows = LoadedConfiguration(configuration: configuration, origins: [:]).rows
    settings = Dictionary(rows.map { ($0.key, $0.value) }) { first, _ in first }
  }

  /// Takes the record of a retrain: when it has ended, and again when its model has been published to everybody.
  func add(_ retrain: RetrainRecord) {
    guard waiting.add(1, ordering: .relaxed).newValue <= Self.waitingMax else {
      waiting.subtract(1, ordering: .relaxed)
      log.error("the record of a retrain was dropped, because too many wait to be written", ["job": retrain.job])
      return
    }
    group.enter()
    queue.async { [self] in
      write(record(of: retrain), retrain)
      waiting.subtract(1, ordering: .relaxed)
      group.leave()
    }
  }

  /// Waits a moment for what is left, at the end of the process. Returns a sentence if something is.
  func end() -> String? {
    isEnding.store(true, ordering: .relaxed)
    return group.wait(timeout: .now() + 5) == .success ? nil : "records of retrains were not written in time"
  }

  // MARK: On the queue

  private func record(of retrain: RetrainRecord) -> RunRecord {
    // retrain-1764000000000-3: what was asked for, the process, and a number.
    let kind = String(retrain.job.prefix { $0 != "-" })
    var record = RunRecord(
      id: RunID(startedAtMilliseconds: retrain.startedAtMilliseconds, kind: kind, random: retrain.job.utf8.fnv1a), kind: kind,
      startedAtMilliseconds: retrain.startedAtMilliseconds)
    record.describeProcess()
    record.state =
      switch retrain.result {
      case .accepted: .done
      case .rejected: .rejected
      case .failed: .failed
      case .cancelled: .cancelled
      }
    record.message = retrain.message.map { Redaction.text($0) }
    record.endedAtMilliseconds = retrain.endedAtMilliseconds
    record.updatedAtMilliseconds = WallClock.milliseconds()
    record.settings = settings
    record.seed = retrain.seed
    record.offsets = retrain.offsets
    record.peakMemoryBytes = retrain.residentBytes
    record.result = StatusReport.json(of: retrain)
    if kind == "retrain" { record.command = ["retrain", "--data-dir", configuration.instance.dataDirectory, "--wait"] }
    record.directory = FileManager.default.currentDirectoryPath
    return record
  }

  private func write(_ record: RunRecord, _ retrain: RetrainRecord) {
    var record = record
    let earlier = announced.withLock { $0[record.id] }
    record.tracking = earlier ?? nil
    guard save(record), earlier == nil else { return }
    do { try store.prune(record.id.kind, keep: configuration.runs.keep) } catch { log.warning("old records were not removed: \(error)") }
    guard announcer.isNeeded else { return }
    let directory = announcer.wantsModels && retrain.result == .accepted ? try? DataDirectory.temporary("model") : nil
    defer { if let directory { try? FileManager.default.removeItem(atPath: directory) } }
    let (tracked, problems) = announcer.announce(record, model: directory.map { modelFiles(retrain, in: $0) } ?? [])
    for problem in problems { log.warning("a retrain was not announced", ["run": record.id.text, "error": problem]) }
    announced.withLock { known in
      // Written again at the end of its roll-out, and then never more.
      if known.count >= Self.waitingMax { known.removeAll() }
      known[record.id] = .some(tracked.tracking)
    }
    if tracked.tracking != nil { _ = save(tracked) }
  }

  private func save(_ record: RunRecord) -> Bool {
    for attempt in 1...Self.attempts {
      do {
        try store.save(record)
        return true
      } catch {
        guard attempt < Self.attempts, !isEnding.load(ordering: .relaxed) else {
          log.error("the record of a retrain was not written", ["run": record.id.text, "error": "\(error)"])
          return false
        }
        sleep(UInt32(1 << attempt))
      }
    }
    return false
  }

  /// Writes the item vectors of an epoch as NumPy and any other program reads them. Returns the paths; none if the epoch is not kept.
  private func modelFiles(_ retrain: RetrainRecord, in directory: String) -> [String] {
    guard let epoch = retrain.epoch, let models else {
      log.warning("a model is not registered in MLflow, because no epochs are kept: set retrain.keep_epochs")
      return []
    }
    // It is written at about the time at which it is adopted.
    for _ in 0..<300 where !models.directory.epochs().contains(epoch) && !isEnding.load(ordering: .relaxed) { usleep(100_000) }
    do { return try VectorFiles.write(try models.directory.read(epoch), to: directory) } catch {
      log.warning("a model is not registered in MLflow: \(error)", ["epoch": Int(epoch)])
      return []
    }
  }
}
