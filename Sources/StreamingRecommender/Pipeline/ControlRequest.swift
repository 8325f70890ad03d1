import Synchronization

/// What other threads ask of the loop. It takes them at its own pace, at the start of a turn. A retrain is asked for on the `JobBoard`.
public enum ControlRequest: Sendable {
  case cancelRetrain(job: String)
  /// Of a job on the board, if one was made for it.
  case snapshot(job: String?)
  /// A frozen copy of the state, for those who hash it. While somebody holds it, the stream copies each part that it writes.
  case freeze(JobHandle<EngineState>)
}

/// Requests on their way to the loop.
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
