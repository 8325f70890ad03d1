import HTTPServing
import Telemetry

/// The operations that the control plane needs from the engine. Methods are called from the server's threads and must not block.
public protocol AdminBackend: Sendable {
  /// Reports whether the loops are running. Kafka and Redis are not included, because restarting the engine would not fix them.
  func liveness() -> HealthReport
  /// Reports whether this engine currently publishes fresh lists.
  func readiness() -> HealthReport
  /// Reports whether the start is complete; the default is the same as readiness.
  func startup() -> HealthReport
  /// - Parameter withStateHash: whether to include a hash of the state, which takes a pass over the whole state; everything else is read
  ///   from counters.
  func statusJSON(withStateHash: Bool) -> [UInt8]
  func modelsJSON() -> [UInt8]
  func metricsText() -> String
  /// Asks what the engine holds of these users. The result returns a JSON object as soon as the engine has answered, and `nil` before.
  func users(_ ids: [String]) -> @Sendable () -> [UInt8]?
  /// Asks why an item has its score for a user. The result returns the response as soon as the engine has answered, and `nil` before.
  func explain(user: String, item: String) -> @Sendable () -> HTTPResponse?
  /// Asks for the users who are most similar to one. The result returns the response as soon as the engine has answered, and `nil` before.
  func similarUsers(to user: String, _ n: Int) -> @Sendable () -> HTTPResponse?
  /// What the console shows; for one who has the answer with the number `since`, only what has changed.
  func consoleJSON(since: Int?) -> [UInt8]
  /// Looks a user up in the engine and in Redis. Calls `complete` once, from any thread, with a JSON object.
  func consoleUser(_ id: String, _ complete: @escaping @Sendable ([UInt8]) -> Void)
  /// Explains the score of an item for a user.
  func consoleWhy(user: String, item: String, _ complete: @escaping @Sendable ([UInt8]) -> Void)
  func consoleItem(_ id: String, _ complete: @escaping @Sendable ([UInt8]) -> Void)
  func requestRetrain() -> RetrainRequestOutcome
  /// Asks for a new epoch with the item vectors of a kept one.
  func requestRollback(to epoch: UInt32) -> JobRequestOutcome
  /// Asks for a new epoch of the vectors in a directory of the engine's machine, if they are as good as those in use.
  func requestImport(of directory: String) -> JobRequestOutcome
  /// Removes a kept epoch. Returns why that is not possible, or `nil`.
  func removeModel(_ epoch: UInt32) -> String?
  /// Marks a kept epoch, so that newer ones do not replace it, or takes the mark away. Returns why that is not possible, or `nil`.
  func markModel(_ epoch: UInt32, isKept: Bool) -> String?
  /// Compares another model from now on, which differs in these keys of the group `model`. Returns why that is not possible, or `nil`.
  func setShadow(name: String?, settings: [String: String]) -> String?
  /// Returns to the shadow of the configuration, or to none. Returns why that is not possible, or `nil`.
  func removeShadow() -> String?
  /// Asks for a new epoch of the shadow model.
  func requestPromotion() -> JobRequestOutcome
  /// Lets retrains start by themselves again after a rollback.
  func resumeRetrains()
  /// Asks for everything to be written to Redis again. Returns why that is not possible now, or `nil`.
  func republish() -> String?
  func requestSnapshot() -> SnapshotRequestOutcome
  func job(_ id: String) -> JobStatus?
  /// Asks the job to stop. Returns false if there is no such job or it has ended.
  func cancelJob(_ id: String) -> Bool
}

extension AdminBackend {
  public func startup() -> HealthReport { readiness() }
}

/// The response to a health probe.
public struct HealthReport: Sendable, Equatable {
  public let ok: Bool
  public let checks: [HealthCheck]

  public init(ok: Bool, checks: [HealthCheck] = []) {
    self.ok = ok
    self.checks = checks
  }

  /// The report is healthy if every check is.
  public init(checks: [HealthCheck]) {
    self.init(ok: checks.allSatisfy(\.ok), checks: checks)
  }
}

public struct HealthCheck: Sendable, Equatable {
  public let name: String
  public let ok: Bool
  /// Why the check failed, or what an operator should look at although it did not.
  public let message: String

  public init(_ name: String, ok: Bool, message: String = "") {
    self.name = name
    self.ok = ok
    self.message = message
  }

  public var json: JSONValue {
    var object: JSONValue = ["name": .string(name), "ok": .bool(ok), "message": .string(Redaction.text(message))]
    if ok, !message.isEmpty { object["level"] = "warning" }
    return object
  }
}

/// The result of a request to start a job.
public enum JobRequestOutcome: Sendable, Equatable {
  case accepted(jobID: String)
  case alreadyRunning(jobID: String)
  /// The reason why the job cannot start now.
  case notReady(String)
  /// The reason why the job cannot start, now or later.
  case impossible(String)
}

public typealias RetrainRequestOutcome = JobRequestOutcome
public typealias SnapshotRequestOutcome = JobRequestOutcome

/// The state of a retrain or snapshot job.
public struct JobStatus: Sendable, Equatable {
  public enum State: String, Sendable, CaseIterable {
    case running, done, failed, rejected, cancelled
    public var hasEnded: Bool { self != .running }
  }

  public var id: String
  public var state: State
  public var phase: String
  /// The progress from 0 to 1.
  public var ratio: Double
  public var etaSeconds: Double?
  public var message: String
  /// The job's result, such as the epoch and its quality.
  public var result: JSONValue?

  public init(
    id: String, state: State, phase: String = "", ratio: Double = 0, etaSeconds: Double? = nil, message: String = "",
    result: JSONValue? = nil
  ) {
    self.id = id
    self.state = state
    self.phase = phase
    self.ratio = ratio
    self.etaSeconds = etaSeconds
    self.message = message
    self.result = result
  }

  public var json: JSONValue {
    [
      "id": .string(id), "state": .string(state.rawValue), "phase": .string(phase), "ratio": .number(ratio),
      "eta_seconds": etaSeconds.map(JSONValue.number) ?? .null, "message": .string(message), "result": result ?? .null,
    ]
  }
}
