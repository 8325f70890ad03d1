import StreamingRecommender
import Synchronization

/// A request from another thread to the ingest loop, which handles it at the start of an iteration. Retrains are requested through
/// `JobBoard`.
public enum ControlRequest: Sendable {
  case cancelRetrain(job: String)
  /// Lets retrains start by themselves again after a rollback.
  case resumeRetrains
  /// Compares another model from now on, or none.
  case setShadow(RecommenderConfiguration.Shadow)
  /// Writes everything to the view again.
  case republish
  /// Requests a snapshot; `job` is the id of the job on the board, if there is one.
  case snapshot(job: String?)
  /// Requests an immutable copy-on-write copy of the state, for example to hash it. While the copy is held, the loop copies each part
  /// that it modifies.
  case freeze(JobHandle<EngineState>)
  /// Requests what the engine holds of these users.
  case report([Identifier], JobHandle<[UserReport]>)
  /// Requests why an item has its score for a user.
  case explain(user: Identifier, item: Identifier, JobHandle<ExplanationReport>)
  /// Requests the users whose vectors are most similar to a user's.
  case similarUsers(Identifier, Int, JobHandle<SimilarUsersReport>)
  /// Requests what the engine holds of an item.
  case reportItem(Identifier, JobHandle<ItemReport>)
}

/// A thread-safe queue of requests to the loop.
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
