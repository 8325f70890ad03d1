import ControlPlane
import Foundation
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

  func readiness() -> HealthReport {
    let status = process.status.current
    let lagMax = process.configuration.ready.maxLag.milliseconds / 1e3
    // A successful check has no message, because a reason next to `ok` would look like a fault.
    func check(_ name: String, _ ok: Bool, _ problem: @autoclosure () -> String) -> HealthCheck {
      HealthCheck(name, ok: ok, message: ok ? "" : problem())
    }
    return HealthReport(checks: [
      check("kafka", status.source.isUp, status.source.problem ?? "no broker has answered yet"),
      check(
        "partitions", status.isActive && status.source.halted.isEmpty,
        status.source.halted.sorted { $0.key < $1.key }.first.map { "\($0.key): \($0.value)" } ?? status.source.problem
          ?? "this engine holds \(status.source.assigned.count) of \(status.source.all.count) partitions and publishes nothing; one engine per group for now"
      ),
      check(
        "lag", status.lagSeconds.map { $0 <= lagMax } ?? false,
        status.lagSeconds.map { "the stream is \(Int($0)) s behind" } ?? "how far behind the stream is, is not known yet"),
      check("redis", status.publisher.isUp, status.publisher.problem ?? "Redis has not answered yet"),
      check("dead_letters", status.deadLetterProblem == nil, status.deadLetterProblem ?? ""),
      check("replay", !status.isHolding, "records of before the restart are being replayed"),
      check("engine", status.fatal == nil, status.fatal ?? ""),
    ])
  }

  func statusJSON(withStateHash: Bool) -> [UInt8] { StatusReport.json(process, withStateHash: withStateHash).bytes }
  func metricsText() -> String { process.metrics.registry.render() }

  func modelsJSON() -> [UInt8] {
    let records = process.records.all.reversed().map(StatusReport.json(of:))
    let newest = (process.records.all.map(\.epoch) + [process.status.current.epoch]).compactMap(\.self).max()
    return (["epoch": newest.map { .integer(Int($0)) } ?? .null, "models": .array(Array(records))] as JSONValue).bytes
  }

  func requestRetrain() -> RetrainRequestOutcome {
    let job = process.requestRetrain()
    return job.isNew ? .accepted(jobID: job.id) : .alreadyRunning(jobID: job.id)
  }

  func requestSnapshot() -> SnapshotRequestOutcome {
    let job = process.requestSnapshot()
    return job.isNew ? .accepted(jobID: job.id) : .alreadyRunning(jobID: job.id)
  }

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

/// Formats the engine's status as JSON.
enum StatusReport {
  /// - Parameter withStateHash: whether to hash the state. This takes an immutable copy of it and a pass over the copy on the caller's
  ///   thread; the counts are then those of the copy.
  static func json(_ process: EngineProcess, withStateHash: Bool) -> JSONValue {
    let frozen = withStateHash ? process.frozen() : nil
    let status = process.status.current
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    let pairs = frozen?.users.pairCount ?? status.interactions
    let users = frozen?.users.count ?? status.users
    let size = status.size
    return [
      "epoch": status.epoch.map { .integer(Int($0)) } ?? .null,
      "users": .integer(users), "items": .integer(frozen?.catalogue.items.count ?? status.items), "interactions": .integer(pairs),
      "events_applied": .integer(Int(frozen?.eventsApplied ?? status.eventsApplied)),
      "lag_records": status.lagRecords.map { .integer(Int($0)) } ?? .null, "lag_seconds": number(status.lagSeconds),
      "freshness_p50_ms": number(status.freshnessP50Milliseconds), "freshness_p99_ms": number(status.freshnessP99Milliseconds),
      "state_bytes": .integer(size.total),
      "bytes_per_interaction": pairs == 0 ? .null : .number(Double(size.interactions) / Double(pairs)),
      "bytes_per_user": users == 0 ? .null : .number(Double(size.users + size.factors) / Double(users)),
      "state_hash": text(frozen.map { "\($0.hash())" }),
      "active": .bool(status.isActive),
      "redis": [
        "up": .bool(status.publisher.isUp), "problem": text(status.publisher.problem.map { Redaction.text($0) }),
        "queued_commands": .integer(status.publisher.queuedCommands), "waiting_users": .integer(status.waitingUsers),
        "epoch": status.visibleEpoch.map { .integer(Int($0)) } ?? .null, "rollout": text(status.rollout),
        "reconnects": .integer(status.publisher.reconnects),
      ],
      "kafka": [
        "up": .bool(status.source.isUp), "problem": text(status.source.problem.map { Redaction.text($0) }),
        "partitions_assigned": .integer(status.source.assigned.count), "partitions": .integer(status.source.all.count),
        "halted": .array(status.source.halted.sorted { $0.key < $1.key }.map { .string("\($0.key): \($0.value)") }),
      ],
      "retrain": [
        "phase": text(status.retrainPhase), "ratio": .number(status.retrainRatio),
        "events_since": .integer(status.eventsSinceFreeze), "last": status.lastRetrain.map(json(of:)) ?? .null,
        "next": text(status.nextRetrain.map { "\($0)" }),
      ],
      "snapshot": [
        "last_ms": status.lastSnapshotMilliseconds.map { .integer(Int($0)) } ?? .null, "problem": text(status.lastSnapshotProblem),
      ],
      "problem": text(status.fatal),
      "version": .string(Version.freshet),
    ]
  }

  static func json(of record: RetrainRecord) -> JSONValue {
    [
      "epoch": record.epoch.map { .integer(Int($0)) } ?? .null, "result": .string(record.result.rawValue),
      "message": record.message.map { .string($0) } ?? .null, "job": .string(record.job), "reason": .string(record.reason),
      "started_ms": .integer(Int(record.startedAtMilliseconds)), "ended_ms": .integer(Int(record.endedAtMilliseconds)),
      "seconds": .object(record.secondsPerPhase.map { JSONValue.Member($0.name, .number($0.seconds)) }),
      "threads": .integer(record.threads), "resident_bytes": .integer(record.residentBytes), "users": .integer(record.users),
      "items": .integer(record.items), "interactions": .integer(record.pairs), "rows": .integer(record.trainingRows),
      "holdout": .integer(record.holdoutPairs), "warm_start": .bool(record.warmStart), "factors": .integer(record.factors),
      "iterations": .integer(record.iterations), "unobserved_weight": .number(record.unobservedWeight),
      "regularization": .number(record.regularization), "seed": .integer(Int(truncatingIfNeeded: record.seed)),
      "kernel": .string(record.kernel), "solver": .string(record.solver),
      "offsets": .object(record.offsets.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .integer(Int($0.value))) }),
      "loss": .array(record.loss.map { .number($0) }), "seconds_per_iteration": .number(record.secondsPerIteration),
      "recall_at_20_margin": record.qualityMargin.map { .number($0) } ?? .null,
      "recall_at_20_old": record.qualityOld.map { .number($0) } ?? .null,
      "recall_at_20_new": record.qualityNew.map { .number($0) } ?? .null,
      "visible_ms": record.visibleAtMilliseconds.map { .integer(Int($0)) } ?? .null,
      "rolled_out_ms": record.rolledOutAtMilliseconds.map { .integer(Int($0)) } ?? .null,
    ]
  }
}
