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
  /// After a training that is rejected or fails, the time before which the policy does not start another (monotonic nanoseconds).
  private(set) var notBefore: UInt64 = 0

  static let retryAfter = Duration.seconds(60)

  func cancel() { running?.monitor.cancel() }

  mutating func begin(_ running: Running, at now: EngineInstant) {
    self.running = running
    lastAttemptMilliseconds = now.wallMilliseconds
  }

  mutating func accepted(_ record: RetrainRecord) {
    running = nil
    publishing = record
  }

  mutating func ended(_ record: RetrainRecord, now: UInt64) {
    if record.result != .accepted { notBefore = now + Self.retryAfter.nanoseconds }
    running = nil
    publishing = nil
    last = record
  }
}
