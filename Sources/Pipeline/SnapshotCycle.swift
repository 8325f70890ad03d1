import StreamingRecommender

/// Decides when a snapshot is due and tracks its progress; the state is frozen and written concurrently with the stream. A value; the
/// loop performs the actions.
public struct SnapshotCycle {
  struct Written {
    var sequence: UInt64
    var offsets: PartitionOffsets
    var epoch: UInt32
    /// The ids of the jobs that requested it.
    var jobs: [String]
  }

  enum Step {
    case wait
    case freeze(sequence: UInt64)
    case ended(Written, Result<SnapshotReceipt, SnapshotError>)
  }

  private enum Phase {
    case idle
    case writing(JobHandle<Result<SnapshotReceipt, SnapshotError>>, Written)
  }

  private var phase = Phase.idle
  private var nextSequence: UInt64
  private var isRequested = false
  private var waitingJobs: [String] = []
  private var hasChanges = false
  private var lastNanoseconds: UInt64
  private var retryAt: UInt64 = 0
  /// Why the last snapshot could not be written, or `nil`.
  private(set) var problem: String?
  /// The newest snapshot on disk.
  var durable: DurableSnapshot?
  var lastMilliseconds: Int64?

  private static let retryAfter = Duration.seconds(5)

  init(nextSequence: UInt64, nowNanoseconds: UInt64) {
    self.nextSequence = nextSequence
    lastNanoseconds = nowNanoseconds
  }

  var isWriting: Bool { if case .writing = phase { true } else { false } }
  var isBusy: Bool { isWriting || isRequested }

  mutating func noteChange() { hasChanges = true }

  /// - Parameter job: the id of the job that completes with the snapshot.
  mutating func request(job: String? = nil) {
    isRequested = true
    if let job { waitingJobs.append(job) }
  }

  mutating func takeSequence() -> UInt64 {
    defer { nextSequence += 1 }
    return nextSequence
  }

  mutating func writing(_ handle: JobHandle<Result<SnapshotReceipt, SnapshotError>>, _ snapshot: Snapshot) {
    phase = .writing(handle, Written(sequence: snapshot.sequence, offsets: snapshot.offsets, epoch: snapshot.epoch, jobs: waitingJobs))
    waitingJobs = []
  }

  mutating func step(now: UInt64, interval: Duration) -> Step {
    switch phase {
    case .idle:
      let isDue = hasChanges && now - lastNanoseconds >= interval.nanoseconds
      guard isRequested || isDue, now >= retryAt else { return .wait }
      isRequested = false
      hasChanges = false
      lastNanoseconds = now
      return .freeze(sequence: takeSequence())
    case .writing(let handle, let written):
      guard let result = handle.result else { return .wait }
      phase = .idle
      if case .success = result {
        durable = DurableSnapshot(sequence: written.sequence, epoch: written.epoch, offsets: written.offsets)
      }
      note(result, now)
      return .ended(written, result)
    }
  }

  private mutating func note(_ result: Result<SnapshotReceipt, SnapshotError>, _ now: UInt64) {
    switch result {
    case .success: problem = nil
    case .failure(let error):
      problem = "\(error)"
      isRequested = true
      hasChanges = true
      retryAt = now + Self.retryAfter.nanoseconds
    }
  }
}
