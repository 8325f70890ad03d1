/// When a snapshot is due and how far it is: frozen, waiting for the dead letters that it covers, written. A value that decides;
/// the loop acts.
public struct SnapshotCycle {
  struct Written {
    var sequence: UInt64
    var offsets: PartitionOffsets
    var epoch: UInt32
    /// Jobs on the board that asked for it.
    var jobs: [String]
  }

  enum Step {
    case wait
    case freeze(sequence: UInt64)
    case write(Snapshot)
    case ended(Written, Result<SnapshotReceipt, SnapshotError>)
  }

  private enum Phase {
    case idle
    case held(Snapshot, letters: UInt64)
    case writing(JobHandle<Result<SnapshotReceipt, SnapshotError>>, Written)
  }

  private var phase = Phase.idle
  private var nextSequence: UInt64
  private var isRequested = false
  /// Jobs that wait for the next freeze, and those whose snapshot is frozen.
  private var waitingJobs: [String] = []
  private var frozenJobs: [String] = []
  private var hasChanges = false
  private var lastNanoseconds: UInt64
  private var retryAt: UInt64 = 0
  /// The epoch in the last durable snapshot.
  private(set) var durableEpoch: UInt32 = 0
  /// An epoch number changed: nothing is published before it is durable.
  private(set) var isRequiredBeforeRollout = false
  private(set) var problem: String?
  var lastMilliseconds: Int64?

  private static let retryAfter = Duration.seconds(5)

  init(nextSequence: UInt64, nowNanoseconds: UInt64) {
    self.nextSequence = nextSequence
    lastNanoseconds = nowNanoseconds
  }

  var isWriting: Bool { if case .writing = phase { true } else { false } }
  var isBusy: Bool { if case .idle = phase { isRequested } else { true } }

  mutating func noteChange() { hasChanges = true }
  mutating func request(job: String? = nil) {
    isRequested = true
    if let job { waitingJobs.append(job) }
  }
  mutating func requireBeforeRollout() {
    isRequested = true
    isRequiredBeforeRollout = true
  }

  mutating func takeSequence() -> UInt64 {
    defer { nextSequence += 1 }
    return nextSequence
  }

  mutating func hold(_ snapshot: Snapshot, letters: UInt64) { phase = .held(snapshot, letters: letters) }

  mutating func writing(_ handle: JobHandle<Result<SnapshotReceipt, SnapshotError>>, _ snapshot: Snapshot) {
    phase = .writing(handle, Written(sequence: snapshot.sequence, offsets: snapshot.offsets, epoch: snapshot.epoch, jobs: frozenJobs))
    frozenJobs = []
  }

  mutating func step(now: UInt64, interval: Duration, lettersAcknowledged: UInt64) -> Step {
    switch phase {
    case .idle:
      let isDue = hasChanges && now - lastNanoseconds >= interval.nanoseconds
      guard isRequested || isDue, now >= retryAt else { return .wait }
      isRequested = false
      hasChanges = false
      frozenJobs += waitingJobs
      waitingJobs = []
      lastNanoseconds = now
      return .freeze(sequence: takeSequence())
    case .held(let snapshot, let letters):
      return lettersAcknowledged >= letters ? .write(snapshot) : .wait
    case .writing(let handle, let written):
      guard let result = handle.result else { return .wait }
      phase = .idle
      switch result {
      case .success:
        problem = nil
        durableEpoch = max(durableEpoch, written.epoch)
        if !isRequested { isRequiredBeforeRollout = false }
      case .failure(let error):
        problem = "\(error)"
        isRequested = true
        hasChanges = true
        retryAt = now + Self.retryAfter.nanoseconds
      }
      return .ended(written, result)
    }
  }
}
