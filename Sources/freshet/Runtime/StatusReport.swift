import Pipeline
import StreamingRecommender
import Telemetry

/// Formats the engine's status as JSON.
enum StatusReport {
  /// - Parameter withStateHash: whether to hash the state. This takes an immutable copy of it and a pass over the copy on the caller's
  ///   thread; the counts are then those of the copy.
  static func json(_ process: EngineProcess, withStateHash: Bool) -> JSONValue {
    let frozen = withStateHash ? process.frozen() : nil
    let status = process.status.current
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
        "rolled_back_to": status.rolledBackTo.map { .integer(Int($0)) } ?? .null, "drift": number(status.drift),
      ],
      "live_quality": json(of: status.quality), "attribution": json(of: status.attribution),
      "shadow": status.shadow.map(json(of:)) ?? .null,
      "snapshot": [
        "last_ms": status.lastSnapshotMilliseconds.map { .integer(Int($0)) } ?? .null, "problem": text(status.lastSnapshotProblem),
        "file": text(status.durable.map { SnapshotDirectory.fileName($0.sequence) }),
        "epoch": status.durable.map { .integer(Int($0.epoch)) } ?? .null,
        "interval_seconds": .number(process.configuration.snapshot.interval / .seconds(1)),
        "keep": .integer(process.directory.keep),
        "files": .array(process.directory.sequences().map { .string(SnapshotDirectory.fileName($0)) }),
        "store": process.configuration.snapshot.store.isEmpty ? .null : .string(Redaction.text(process.configuration.snapshot.store)),
        "set_aside": .array(process.directory.setAsideDirectories().map { .string($0) }),
      ],
      "archive": status.archive.map { json(of: $0, process.configuration.archive.store) } ?? .null,
      "start": json(of: status.start), "positions": .array(positions(status)),
      "problem": text(status.fatal),
      "version": .string(Version.freshet),
      "conditions": .array(status.conditions.map(json(of:))),
      "records": json(of: status.records),
      "instance": .string(process.configuration.instance.id),
      "namespace": .string("\(process.configuration.redis.keyPrefix):\(process.configuration.redis.namespace)"),
      "topics": .array(process.configuration.input.topics.map { .string($0) }),
      "data_dir": .string(process.configuration.instance.dataDirectory),
      "uptime_seconds": .integer(process.uptimeSeconds),
    ]
  }

  private static func json(of start: StartPositions) -> JSONValue {
    var object: JSONValue = ["from": "beginning", "snapshot": .null, "time_ms": .null]
    switch start.origin {
    case .beginning: break
    case .snapshot(let sequence):
      object["from"] = "snapshot"
      object["snapshot"] = .integer(Int(clamping: sequence))
    case .earliest: object["from"] = "earliest"
    case .time(let milliseconds):
      object["from"] = "time"
      object["time_ms"] = .integer(Int(milliseconds))
    }
    return object
  }

  /// Where reading of each partition began and what decided that, the next offset to apply, and the next one that the newest snapshot has
  /// not applied.
  private static func positions(_ status: EngineStatus) -> [JSONValue] {
    func offset(_ value: Int64?) -> JSONValue { value.map { .integer(Int($0)) } ?? .null }
    return status.source.all.union(status.offsets.next.keys).sorted().map { partition in
      [
        "topic": .string(partition.topic), "partition": .integer(Int(partition.partition)),
        "start": offset(status.start.offsets[partition]),
        "start_from": .string(status.start.decision(partition).rawValue), "committed": offset(status.start.committed[partition]),
        "next": offset(status.offsets[partition]), "snapshot": offset(status.durable?.offsets[partition]),
      ]
    }
  }

  private static func json(of archive: ArchiveStatus, _ store: String) -> JSONValue {
    [
      "store": .string(Redaction.text(store)), "rows": .integer(archive.rows), "files": .integer(archive.files),
      "bytes": .integer(archive.bytes), "waiting_rows": .integer(archive.waitingRows), "problem": text(archive.problem),
    ]
  }

  private static func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }

  private static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

  static func json(of user: UserReport) -> JSONValue {
    var object: JSONValue = [
      "id": .string(user.id.string), "known": .bool(user.isKnown), "pairs": .integer(user.pairs), "vector": .bool(user.hasVector),
      "partition": .integer(Int(user.partition)), "removal": "none", "removed_ms": .null,
      "merged_into": text(user.mergedInto?.string),
    ]
    switch user.removal {
    case .none: break
    case .pending: object["removal"] = "pending"
    case .confirmed(let milliseconds):
      object["removal"] = "confirmed"
      object["removed_ms"] = .integer(Int(milliseconds))
    }
    return object
  }

  private static func json(of condition: Condition) -> JSONValue {
    [
      "name": .string(condition.name.rawValue), "severity": .string(condition.severity.rawValue), "message": .string(condition.message),
      "since_ms": .integer(Int(condition.sinceMilliseconds)),
    ]
  }

  private static func json(of records: RecordSummary) -> JSONValue {
    var object: JSONValue = [
      "window_minutes": .integer(RecordSummary.minutes), "total": .integer(records.total), "recent": .integer(records.recent),
    ]
    for kind in RecordTally.Kind.allCases {
      let reasons = records.counts.filter { $0.kind == kind }.map { count -> JSONValue in
        [
          "reason": .string(count.reason), "total": .integer(count.total), "recent": .integer(count.recent),
          "example": count.example.map { example in
            [
              "topic": .string(example.source.topic), "partition": .integer(Int(example.source.partition)),
              "offset": .integer(Int(example.offset)), "message": .string(example.message),
            ]
          } ?? .null,
        ]
      }
      object[kind.rawValue] = [
        "total": .integer(records.total(kind)), "recent": .integer(records.recent(kind)), "reasons": .array(reasons),
      ]
    }
    return object
  }

  private static func json(of prior: RetrainRecord.ItemPriorRecord) -> JSONValue {
    [
      "used": .bool(prior.isUsed), "items": .integer(prior.items), "features": .integer(prior.features),
      "recall_at_20": number(prior.recallAt20), "profile_recall_at_20": number(prior.profileRecallAt20),
      "random_recall_at_20": number(prior.randomRecallAt20),
    ]
  }

  static func json(of shadow: ShadowStatus) -> JSONValue {
    let hits = shadow.hits
    return [
      "name": .string(shadow.name), "trained": .bool(shadow.isTrained), "events": .integer(hits.events),
      "live_hit_rate": .number(hits.liveRate), "shadow_hit_rate": .number(hits.shadowRate),
      "difference_margin": number(hits.margin),
      "sentence": .string(shadow.isTrained ? hits.sentence : "it is trained after the next retrain, or soon after the start"),
    ]
  }

  /// Hit rates and mean reciprocal ranks of the lists that stood, in all and by source.
  static func json(of quality: LiveQualityReport) -> JSONValue {
    func json(_ tally: LiveQuality.Tally) -> JSONValue {
      return [
        "events": .integer(tally.events), "hit_rate_at_10": number(tally.hitRate), "mrr": number(tally.meanReciprocalRank),
        "popular_hit_rate_at_10": number(tally.popularHitRate),
      ]
    }
    func json(_ tallies: [RecommendationSource: LiveQuality.Tally]) -> JSONValue {
      var object = json(LiveQualityReport.total(tallies))
      object["by_source"] = .object(
        RecommendationSource.allCases.compactMap { source in tallies[source].map { JSONValue.Member(source.rawValue, json($0)) } })
      return object
    }
    return [
      "hour": json(quality.hour), "day": json(quality.day), "day_before": json(quality.dayBefore), "since_start": json(quality.totals),
      "sampling": .integer(quality.sampling),
    ]
  }

  /// Clicks, impressions and their quotient, in all, by source, rule and arm.
  private static func json(of attribution: AttributionReport) -> JSONValue {
    func json(_ counts: AttributionReport.Counts) -> JSONValue {
      [
        "clicks": .integer(counts.clicks), "impressions": .integer(counts.impressions),
        "click_through_rate": number(counts.rate),
      ]
    }
    func json(_ groups: [String: AttributionReport.Counts]) -> JSONValue {
      .object(groups.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, json($0.value)) })
    }
    var object = json(attribution.total)
    object["by_source"] = json(attribution.bySource)
    object["by_rule"] = json(attribution.byRule)
    object["by_arm"] = json(Dictionary(uniqueKeysWithValues: attribution.byArm.map { ("\($0.key)", $0.value) }))
    object["arms"] = text(attribution.armSentence)
    return object
  }

  private static func json(of churn: ChurnReport) -> JSONValue {
    [
      "users": .integer(churn.users), "overlap": .number(churn.overlap), "first_changed": .number(churn.firstChanged),
      "coverage_before": .number(churn.coverageBefore), "coverage_after": .number(churn.coverageAfter),
      "popular_share_before": .number(churn.popularShareBefore), "popular_share_after": .number(churn.popularShareAfter),
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
      "recall_at_20_margin": number(record.qualityMargin),
      "recall_at_20_old": number(record.qualityOld),
      "recall_at_20_new": number(record.qualityNew),
      "item_prior": record.itemPrior.map(json(of:)) ?? .null,
      "base_epoch": record.baseEpoch.map { .integer(Int($0)) } ?? .null, "churn": record.churn.map(json(of:)) ?? .null,
      "visible_ms": record.visibleAtMilliseconds.map { .integer(Int($0)) } ?? .null,
      "rolled_out_ms": record.rolledOutAtMilliseconds.map { .integer(Int($0)) } ?? .null,
    ]
  }
}
