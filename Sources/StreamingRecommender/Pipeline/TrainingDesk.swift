/// The training that runs beside the loop and the records of those before; the life cycle knows how far its epoch is.
struct TrainingDesk {
  struct Running {
    let job: String
    let handle: JobHandle<TrainingResult>
    let monitor: TrainingMonitor
    let began: UInt64
  }

  var running: Running?
  /// Of the accepted training whose epoch is on its way to the readers.
  var publishing: RetrainRecord?
  private(set) var last: RetrainRecord?
  /// When a training last began in this process; before that, the model's own time counts.
  private(set) var lastAttemptMilliseconds: Int64?
  /// After a training that came to nothing, the policy does not start the next one at once.
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
