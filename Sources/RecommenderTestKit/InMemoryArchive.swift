import Pipeline
import StreamingRecommender
import Synchronization

/// An archive in memory, whose store a test can take away. What was submitted and not stored is lost with the process.
public final class InMemoryArchive: InteractionArchive {
  private struct State {
    var stored: [ArchiveSegment] = []
    var waiting: [ArchiveSegment] = []
    var isAway = false
    var failures = 0
  }

  private let state = Mutex(State())
  private let rowsMax: Int

  public init(rowsMax: Int = .max) { self.rowsMax = rowsMax }

  public var isAway: Bool {
    get { state.withLock { $0.isAway } }
    set { state.withLock { $0.isAway = newValue } }
  }

  /// What a reader finds.
  public var stored: [ArchiveSegment] { state.withLock { $0.stored } }

  public func positions() throws -> [TopicPartition: ArchivedPosition] {
    state.withLock { state in
      state.stored.reduce(into: [:]) { $0[$1.source] = ArchivedPosition(offset: $1.last.offset, checksum: $1.last.checksum) }
    }
  }

  public func submit(_ segment: ArchiveSegment) { state.withLock { $0.waiting.append(segment) } }

  /// Stores the first segment that waits.
  public func storeOne() {
    state.withLock { state in
      guard !state.isAway, !state.waiting.isEmpty else { return }
      state.stored.append(state.waiting.removeFirst())
    }
  }

  public func flush(timeout: Duration) throws {
    try state.withLock { state in
      if state.isAway {
        state.failures += 1
        throw ArchiveError("the store is away")
      }
      state.stored += state.waiting
      state.waiting = []
    }
  }

  /// Kill -9.
  public func processDied() { state.withLock { $0.waiting = [] } }

  public var status: ArchiveStatus {
    state.withLock { state in
      var status = ArchiveStatus()
      status.rows = state.stored.reduce(0) { $0 + $1.rows.count }
      status.files = state.stored.count
      status.waitingRows = state.waiting.reduce(0) { $0 + $1.rows.count }
      status.failures = state.failures
      status.problem = state.isAway ? "the store is away" : nil
      status.isFull = status.waitingRows >= rowsMax
      return status
    }
  }
}
