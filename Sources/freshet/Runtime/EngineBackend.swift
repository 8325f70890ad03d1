import ControlPlane
import Foundation
import HTTPServing
import Pipeline
import StreamingRecommender
import Telemetry

/// Answers admin requests from the status and job boards of the loop.
struct EngineBackend: AdminBackend {
  let process: EngineProcess
  private static let tickMax = Duration.seconds(30)

  func liveness() -> HealthReport {
    let ticked = process.status.current.tickedNanoseconds
    let now = MonotonicClock.nanoseconds()
    let age = now - min(now, ticked)
    let ticks = age < Self.tickMax.nanoseconds
    return HealthReport(checks: [HealthCheck("loop", ok: ticks, message: ticks ? "" : "the loop has stopped")])
  }

  /// One check per name, in this order; what is in the way, and what an operator should look at although lists go out.
  static let checks: [Condition.Name] = [
    .kafka, .partitions, .lag, .redis, .deadLetters, .schemas, .items, .replay, .engine, .memory, .snapshots, .archive, .model, .retrain,
    .records, .types, .keys,
  ]

  func readiness() -> HealthReport {
    let conditions = Dictionary(grouping: process.status.current.conditions, by: \.name)
    return HealthReport(
      checks: Self.checks.map { name in
        let found = conditions[name] ?? []
        return HealthCheck(
          name.rawValue, ok: found.allSatisfy { $0.severity == .warning }, message: found.map(\.message).joined(separator: "; "))
      })
  }

  func statusJSON(withStateHash: Bool) -> [UInt8] { StatusReport.json(process, withStateHash: withStateHash).bytes }
  func metricsText() -> String { process.metrics.registry.render() }

  func modelsJSON() -> [UInt8] {
    let records = process.records.all.reversed().map(StatusReport.json(of:))
    let newest = (process.records.all.map(\.epoch) + [process.status.current.epoch]).compactMap(\.self).max()
    let status = process.status.current
    return
      ([
        "epoch": newest.map { .integer(Int($0)) } ?? .null, "models": .array(Array(records)),
        "kept_epochs": .array(process.keptEpochs.map { .integer(Int($0)) }),
        "marked_epochs": .array(process.markedEpochs.map { .integer(Int($0)) }),
        "rolled_back_to": status.rolledBackTo.map { .integer(Int($0)) } ?? .null,
        "promoted": status.promoted.map { .object($0.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }) }
          ?? .null,
        "shadow": status.shadow.map(StatusReport.json(of:)) ?? .null,
      ] as JSONValue).bytes
  }

  func requestRollback(to epoch: UInt32) -> JobRequestOutcome {
    if let why = process.whyNotKept(epoch) { return .impossible(why) }
    return outcome(process.requestModel(.rollback(epoch: epoch)))
  }

  func setShadow(name: String?, settings: [String: String]) -> String? {
    var shadow = process.configuration.shadow
    if let name { shadow.name = name }
    shadow.settings = settings
    return process.setShadow(shadow)
  }

  func removeShadow() -> String? { process.setShadow(nil) }

  func requestImport(of directory: String) -> JobRequestOutcome {
    // Another process's working directory would give a relative path another meaning.
    guard directory.hasPrefix("/") else { return .impossible("the directory must be an absolute path") }
    for name in [VectorFiles.factors, VectorFiles.ids] where !FileManager.default.isReadableFile(atPath: "\(directory)/\(name)") {
      return .impossible("the engine cannot read \(directory)/\(name)")
    }
    return outcome(process.requestModel(.imported(directory: directory)))
  }

  func removeModel(_ epoch: UInt32) -> String? { process.removeModel(epoch) }
  func markModel(_ epoch: UInt32, isKept: Bool) -> String? { process.markModel(epoch, isKept: isKept) }

  func requestPromotion() -> JobRequestOutcome {
    guard let shadow = process.status.current.shadow else {
      return .impossible("there is no shadow model, or it has the settings in use: choose one with freshet shadow set, or shadow.settings")
    }
    guard shadow.isTrained else { return .impossible("the shadow model is not trained yet") }
    return outcome(process.requestModel(.promotion))
  }

  private func outcome(_ job: (id: String, isNew: Bool)) -> JobRequestOutcome {
    job.isNew ? .accepted(jobID: job.id) : .alreadyRunning(jobID: job.id)
  }

  func resumeRetrains() { process.post(.resumeRetrains) }

  func republish() -> String? {
    guard process.status.current.visibleEpoch != nil else { return "there is no model yet" }
    if let rollout = process.status.current.rollout { return "a roll-out goes on (\(rollout)), which writes everything" }
    process.post(.republish)
    return nil
  }

  func requestRetrain() -> RetrainRequestOutcome {
    outcome(process.requestModel(.retrain))
  }

  func requestSnapshot() -> SnapshotRequestOutcome {
    outcome(process.requestSnapshot())
  }

  func users(_ ids: [String]) -> @Sendable () -> [UInt8]? {
    let handle = process.report(on: ids.map { Identifier($0) })
    return { handle.result.map { (["users": .array($0.map(StatusReport.json(of:)))] as JSONValue).bytes } }
  }

  func explain(user: String, item: String) -> @Sendable () -> HTTPResponse? {
    let handle = process.explain(Identifier(item), for: Identifier(user))
    return { handle.result.map { StatusReport.response(to: $0, user: user, item: item) } }
  }

  func similarUsers(to user: String, _ n: Int) -> @Sendable () -> HTTPResponse? {
    let handle = process.similarUsers(to: Identifier(user), n)
    return { handle.result.map { StatusReport.response(to: $0, user: user) } }
  }

  // MARK: Console

  func consoleJSON(since: Int?) -> [UInt8] { process.console.json(since: since) }

  func consoleUser(_ id: String, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    process.console.user(Identifier(id), process.report(on: [Identifier(id)]), complete)
  }

  func consoleItem(_ id: String, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    process.console.item(Identifier(id), process.report(onItem: Identifier(id)), complete)
  }

  func consoleWhy(user: String, item: String, _ complete: @escaping @Sendable ([UInt8]) -> Void) {
    let (user, item) = (Identifier(user), Identifier(item))
    process.console.why(user, item, process.explain(item, for: user), complete)
  }

  // MARK: Jobs

  func job(_ id: String) -> JobStatus? {
    guard let job = process.jobs.job(id) else { return nil }
    let elapsed = Double(MonotonicClock.nanoseconds() - job.startedNanoseconds) / 1e9
    return JobStatus(
      id: job.id, state: JobStatus.State(rawValue: job.state.rawValue) ?? .failed, phase: job.phase, ratio: job.ratio,
      etaSeconds: job.state == .running && job.ratio > 0.05 ? elapsed * (1 - job.ratio) / job.ratio : nil, message: job.message,
      result: job.record.map(StatusReport.json(of:)))
  }

  func cancelJob(_ id: String) -> Bool {
    guard let job = process.jobs.job(id), job.state == .running, job.kind == .retrain else { return false }
    // Once the model is adopted and being published, the job can no longer be cancelled.
    guard !["snapshot", "publish", "lists"].contains(job.phase) else { return false }
    process.mailbox.post(.cancelRetrain(job: id))
    return true
  }
}
