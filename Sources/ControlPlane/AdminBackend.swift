import Telemetry

/// What the control plane needs from the engine. All methods are called from the server's threads and must answer at once.
public protocol AdminBackend: Sendable {
  /// Do the loops tick? Says nothing about Kafka and Redis: restarting the engine would not help them.
  func liveness() -> HealthReport
  /// Would this engine serve fresh lists now?
  func readiness() -> HealthReport
  /// How far is the start? By default the same as readiness.
  func startup() -> HealthReport
  /// - Parameter withStateHash: the only part of the status that walks the state; everything else is counts that are kept.
  func statusJSON(withStateHash: Bool) -> [UInt8]
  func modelsJSON() -> [UInt8]
  func metricsText() -> String
  func requestRetrain() -> RetrainRequestOutcome
  func requestSnapshot() -> SnapshotRequestOutcome
  func job(_ id: String) -> JobStatus?
  /// Asks the job to stop; false if there is none by that name or it has ended.
  func cancelJob(_ id: String) -> Bool
}

extension AdminBackend {
  public func startup() -> HealthReport { readiness() }
}

/// The answer to a question that a probe asks.
public struct HealthReport: Sendable, Equatable {
  public let ok: Bool
  public let checks: [HealthCheck]

  public init(ok: Bool, checks: [HealthCheck] = []) {
    self.ok = ok
    self.checks = checks
  }

  /// Fine if every check is.
  public init(checks: [HealthCheck]) {
    self.init(ok: checks.allSatisfy(\.ok), checks: checks)
  }
}

public struct HealthCheck: Sendable, Equatable {
  public let name: String
  public let ok: Bool
  public let message: String

  public init(_ name: String, ok: Bool, message: String = "") {
    self.name = name
    self.ok = ok
    self.message = message
  }
}

/// What became of the wish for a job.
public enum JobRequestOutcome: Sendable, Equatable {
  case accepted(jobID: String)
  case alreadyRunning(jobID: String)
  /// Why it cannot start now.
  case notReady(String)
}

public typealias RetrainRequestOutcome = JobRequestOutcome
public typealias SnapshotRequestOutcome = JobRequestOutcome

/// A retrain or a snapshot, running or ended.
public struct JobStatus: Sendable, Equatable {
  public enum State: String, Sendable, CaseIterable {
    case running, done, failed, rejected, cancelled
    public var hasEnded: Bool { self != .running }
  }

  public var id: String
  public var state: State
  public var phase: String
  /// How much is done, 0 to 1.
  public var ratio: Double
  public var etaSeconds: Double?
  public var message: String
  /// What came out, such as the epoch and its quality.
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
