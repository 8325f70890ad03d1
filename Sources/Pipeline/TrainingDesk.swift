import StreamingRecommender
import Telemetry

/// The running background training and the records of earlier ones; `ModelLifecycle` has the state of its epoch.
struct TrainingDesk {
  struct Running {
    let job: String
    let handle: JobHandle<TrainingResult>
    let monitor: TrainingMonitor
    let began: UInt64
  }

  var running: Running?
  /// The record of the accepted training whose epoch is being published.
  var publishing: RetrainRecord?
  private(set) var last: RetrainRecord?
  /// When a training last started in this process; `nil` means that the model's own time is used.
  private(set) var lastAttemptMilliseconds: Int64?
  /// What the next retrain waits for; `nil` before the first decision and while a training runs.
  var awaits: RetrainPolicy.Condition?
  private var began: UInt64 = 0
  private var notedAt: UInt64?
  /// When the last training and its roll-out ended and how long they took, in monotonic nanoseconds.
  private var lastEnd: (at: UInt64, took: UInt64)?

  func cancel() { running?.monitor.cancel() }

  mutating func begin(_ running: Running, at now: EngineInstant) {
    self.running = running
    began = running.began
    lastAttemptMilliseconds = now.wallMilliseconds
  }

  mutating func accepted(_ record: RetrainRecord) {
    running = nil
    publishing = record
  }

  mutating func ended(_ record: RetrainRecord, now: UInt64) {
    lastEnd = (now, now - began)
    running = nil
    publishing = nil
    last = record
  }

  /// Whether the log should say again what the first model waits for; at most once a minute.
  mutating func isNoteDue(now: UInt64) -> Bool {
    if let notedAt, now - notedAt < Self.noteEvery.nanoseconds { return false }
    notedAt = now
    return true
  }

  private static let noteEvery = Duration.seconds(60)

  /// Adds what the policy needs to know of the last training.
  func complete(_ situation: inout RetrainPolicy.Situation, now: UInt64) {
    situation.lastTraining = lastEnd.map { (.nanoseconds(Int64($0.took)), .nanoseconds(Int64(now - $0.at))) }
    situation.hasFailed = last.map { $0.result == .failed || $0.result == .cancelled } ?? false
  }
}
