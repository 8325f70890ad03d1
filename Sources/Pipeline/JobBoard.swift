import StreamingRecommender
import Synchronization

/// The requested trainings and snapshots. At most one job of each kind runs, and the latest finished ones are retained.
public final class JobBoard: Sendable {
  public enum Kind: String, Sendable { case retrain, snapshot }
  public enum State: String, Sendable { case running, done, failed, rejected, cancelled }

  /// What a job of the kind `retrain` makes a model of.
  public enum ModelRequest: Sendable, Equatable {
    case retrain
    case rollback(epoch: UInt32)
    /// The shadow model.
    case promotion
    /// Vectors of another program in this directory.
    case imported(directory: String)

    public var word: String {
      switch self {
      case .retrain: "retrain"
      case .rollback: "rollback"
      case .promotion: "promotion"
      case .imported: "import"
      }
    }
  }

  public struct Job: Sendable {
    public var id: String
    public var kind: Kind
    public var request = ModelRequest.retrain
    public var state = State.running
    public var phase = "waiting"
    public var ratio = 0.0
    public var message = ""
    public var startedNanoseconds: UInt64
    public var record: RetrainRecord?
  }

  private static let kept = 50
  private let jobs = Mutex<[Job]>([])
  private let label: String

  /// - Parameter label: a prefix that distinguishes the ids of this process from those of the next.
  public init(label: String) { self.label = label }

  /// Returns the id of a new job, or of the job of this kind that is already running.
  public func begin(_ kind: Kind, _ request: ModelRequest = .retrain, nowNanoseconds: UInt64) -> (id: String, isNew: Bool) {
    jobs.withLock { jobs in
      if let running = jobs.last(where: { $0.kind == kind && $0.state == .running }) { return (running.id, false) }
      let number = (jobs.last.flatMap { Int($0.id.split(separator: "-").last ?? "") } ?? 0) + 1
      let word = kind == .retrain ? request.word : kind.rawValue
      let job = Job(id: "\(word)-\(label)-\(number)", kind: kind, request: request, startedNanoseconds: nowNanoseconds)
      jobs.append(job)
      if jobs.count > Self.kept, let old = jobs.firstIndex(where: { $0.state != .running }) { jobs.remove(at: old) }
      return (job.id, true)
    }
  }

  public func update(_ id: String, _ body: (inout Job) -> Void) {
    jobs.withLock { jobs in
      if let index = jobs.lastIndex(where: { $0.id == id }) { body(&jobs[index]) }
    }
  }

  public func job(_ id: String) -> Job? { jobs.withLock { $0.last { $0.id == id } } }
  public func running(_ kind: Kind) -> Job? { jobs.withLock { $0.last { $0.kind == kind && $0.state == .running } } }
}
