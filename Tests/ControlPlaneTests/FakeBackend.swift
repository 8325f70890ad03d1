import ControlPlane
import HTTPServing
import Synchronization
import Telemetry

/// An engine without an engine: tests set what it says.
final class FakeBackend: AdminBackend {
  struct State {
    var retrain = RetrainRequestOutcome.accepted(jobID: "r-1")
    var ready = true
    var jobs: [String: JobStatus] = [:]
    var retrainsRequested = 0
    var rollbacks: [UInt32] = []
    var modelChanges: [String] = []
    var rollback = JobRequestOutcome.accepted(jobID: "rollback-1")
    var resumed = 0
    var republishProblem: String?
    var cancelled: [String] = []
    var askedUsers: [String] = []
    var answersUsers = true
    var sinces: [Int?] = []
  }

  let state = Mutex(State())
  let registry = MetricRegistry()

  func liveness() -> HealthReport { HealthReport(checks: [HealthCheck("ingest", ok: true, message: "ticked 1 s ago")]) }

  func readiness() -> HealthReport {
    HealthReport(checks: [
      HealthCheck("kafka", ok: true),
      HealthCheck("redis", ok: state.withLock { $0.ready }, message: "redis://u:CANARY@h does not answer"),
    ])
  }

  func statusJSON(withStateHash: Bool) -> [UInt8] { (["users": 3] as JSONValue).bytes }
  func modelsJSON() -> [UInt8] { ([["epoch": 2]] as JSONValue).bytes }
  func users(_ ids: [String]) -> @Sendable () -> [UInt8]? {
    let answers = state.withLock { state in
      state.askedUsers += ids
      return state.answersUsers
    }
    return { answers ? (["users": .array(ids.map { ["id": .string($0)] })] as JSONValue).bytes : nil }
  }

  func explain(user: String, item: String) -> @Sendable () -> HTTPResponse? {
    { .json(["user": .string(user), "item": .string(item)] as JSONValue) }
  }

  func similarUsers(to user: String, _ n: Int) -> @Sendable () -> HTTPResponse? {
    { .json(["user": .string(user), "n": .integer(n)] as JSONValue) }
  }

  func requestRollback(to epoch: UInt32) -> JobRequestOutcome {
    state.withLock {
      $0.rollbacks.append(epoch)
      return $0.rollback
    }
  }

  func setShadow(name: String?, settings: [String: String]) -> String? {
    if settings["model.factors"] == nil { return "a shadow needs a setting" }
    state.withLock { $0.modelChanges.append("shadow \(name ?? "-") \(settings["model.factors"]!)") }
    return nil
  }
  func removeShadow() -> String? {
    state.withLock { $0.modelChanges.append("no shadow") }
    return nil
  }

  func requestImport(of directory: String) -> JobRequestOutcome {
    directory == "/vectors" ? .accepted(jobID: "import-1") : .impossible("the engine cannot read \(directory)/item_ids.txt")
  }
  func removeModel(_ epoch: UInt32) -> String? { change("remove \(epoch)", epoch) }
  func markModel(_ epoch: UInt32, isKept: Bool) -> String? { change("\(isKept ? "keep" : "release") \(epoch)", epoch) }

  private func change(_ what: String, _ epoch: UInt32) -> String? {
    guard epoch == 7 else { return "epoch \(epoch) is not kept; kept are 7" }
    state.withLock { $0.modelChanges.append(what) }
    return nil
  }

  func requestPromotion() -> JobRequestOutcome { .impossible("there is no shadow model") }
  func resumeRetrains() { state.withLock { $0.resumed += 1 } }
  func republish() -> String? { state.withLock { $0.republishProblem } }

  func consoleJSON(since: Int?) -> [UInt8] {
    state.withLock { $0.sinces.append(since) }
    return (["seq": 5] as JSONValue).bytes
  }

  func consoleUser(_ id: String, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    complete((["user": .string(id)] as JSONValue).bytes)
  }

  func consoleWhy(user: String, item: String, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    complete((["user": .string(user), "item": .string(item)] as JSONValue).bytes)
  }

  func consoleItem(_ id: String, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    complete((["item": .string(id)] as JSONValue).bytes)
  }

  func metricsText() -> String { registry.render() }

  func requestRetrain() -> RetrainRequestOutcome {
    state.withLock {
      $0.retrainsRequested += 1
      return $0.retrain
    }
  }

  func requestSnapshot() -> SnapshotRequestOutcome { .accepted(jobID: "s-1") }
  func job(_ id: String) -> JobStatus? { state.withLock { $0.jobs[id] } }

  func cancelJob(_ id: String) -> Bool {
    state.withLock {
      guard let job = $0.jobs[id], !job.state.hasEnded else { return false }
      $0.cancelled.append(id)
      return true
    }
  }

  func set(_ job: JobStatus) { state.withLock { $0.jobs[job.id] = job } }
}
