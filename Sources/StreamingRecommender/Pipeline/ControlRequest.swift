import Synchronization

/// What other threads ask of the loop. It takes them at its own pace, at the start of a turn. A retrain is asked for on the `JobBoard`.
public enum ControlRequest: Sendable {
  case cancelRetrain(job: String)
  /// Of a job on the board, if one was made for it.
  case snapshot(job: String?)
  /// A frozen view of the state, for those who want to count or hash it.
  case freeze(JobHandle<FrozenState>)
}

/// The state at one moment, for threads that do not own the engine.
public struct FrozenState: Sendable {
  public var store: InteractionStore
  public var eventsApplied: UInt64
  var factorBytes: Int
  /// Walks the whole state.
  public var size: StateSize {
    var size = store.size()
    size.factors = factorBytes
    return size
  }
  public var stateHash: StateHash { RecommenderEngine.stateHash(of: store, eventsApplied: eventsApplied) }
}

public final class ControlMailbox: Sendable {
  private let requests = Mutex<[ControlRequest]>([])
  public init() {}
  public func post(_ request: ControlRequest) { requests.withLock { $0.append(request) } }
  func drain() -> [ControlRequest] {
    requests.withLock { requests in
      defer { requests = [] }
      return requests
    }
  }
}
