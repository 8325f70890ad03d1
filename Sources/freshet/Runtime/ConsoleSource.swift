import Foundation
import OperatorConsole
import Pipeline
import RedisPublishing
import StreamingRecommender
import Telemetry

/// What of an engine the console reads: values that the loop publishes for everybody.
struct ConsoleSource: Sendable {
  var configuration: RecommenderConfiguration
  var status: StatusBoard
  var metrics: EngineMetrics
  var records: RetrainRecords
  var jobs: JobBoard
  var startedNanoseconds: UInt64
  /// Where the state comes from.
  var startSentence: String

  /// Which engine this is.
  var place: String {
    "\(configuration.instance.id), \(configuration.redis.keyPrefix):\(configuration.redis.namespace), version \(Version.freshet)"
  }

  fileprivate var recordsRead: Double {
    configuration.input.topics.reduce(0) { $0 + metrics.eventsConsumed.with($1).value }
  }

  // MARK: Once a second

  func reading(redis: Result<ServerMemory, RedisError>?, nowNanoseconds: UInt64) -> ConsoleReading {
    let status = self.status.current
    var reading = ConsoleReading(atMilliseconds: WallClock.milliseconds(), nanoseconds: nowNanoseconds)
    reading.records = recordsRead
    reading.lagRecords = status.lagRecords.map { Int($0) }
    reading.lagSeconds = Self.lagSeconds(status)
    reading.halfMilliseconds = status.freshnessP50Milliseconds
    reading.mostMilliseconds = status.freshnessP99Milliseconds
    reading.residentBytes = ProcessMetrics.residentMemoryBytes()
    reading.redisBytes = redis.flatMap { try? $0.get().usedBytes }
    reading.isReady = status.conditions.allSatisfy { $0.severity == .warning }
    reading.problems = status.conditions.map {
      .init(
        key: $0.name.rawValue + ($0.subject.isEmpty ? "" : " (\($0.subject))"), message: $0.message, sinceMilliseconds: $0.sinceMilliseconds
      )
    }
    reading.epoch = status.visibleEpoch.map { Int($0) }
    reading.trainingPhase = status.retrainPhase
    reading.trainingRatio = status.retrainRatio
    reading.lastRetrain = status.lastRetrain.map { .init(id: $0.job, outcome: .init($0.result), message: $0.message) }
    reading.forgottenUsers = status.forgottenUsers
    return reading
  }

  // MARK: When somebody looks

  func facts(
    history: ConsoleHistory, activity: [ConsoleActivity.Entry], watch: ConsoleWatch, redis: Result<ServerMemory, RedisError>?
  ) -> ConsoleFacts {
    let status = self.status.current
    let now = MonotonicClock.nanoseconds()
    func age(_ since: UInt64) -> Double { Double(now - min(now, since)) / 1e9 }
    var facts = ConsoleFacts(
      nowMilliseconds: WallClock.milliseconds(), uptimeSeconds: age(startedNanoseconds), loopAgeSeconds: age(status.tickedNanoseconds))
    facts.fatal = status.fatal
    facts.hasBeenReady = watch.hasBeenReady
    facts.problems = status.conditions.map { .init($0.name.rawValue, isInTheWay: $0.severity == .notReady, $0.message) }
    facts.stream = stream(status, history, nowMilliseconds: facts.nowMilliseconds)
    facts.latency.halfMilliseconds = status.freshnessP50Milliseconds
    facts.latency.mostMilliseconds = status.freshnessP99Milliseconds
    facts.latency.mostMillisecondsBefore = history.mostMilliseconds
    facts.records = Self.records(status.records)
    facts.model = model(status, nowMilliseconds: facts.nowMilliseconds)
    facts.training = training(status, unchangedSeconds: watch.trainingUnchangedSeconds(nanoseconds: now), facts.nowMilliseconds, age)
    facts.snapshot = snapshot(status, nowMilliseconds: facts.nowMilliseconds)
    facts.redis = Self.redis(redis, users: status.users, history)
    facts.memory = memory(status, history)
    facts.activity = activity
    return facts
  }

  /// Of the partition that is furthest behind.
  private static func lagSeconds(_ status: EngineStatus) -> Double? {
    status.lagSeconds.map { max($0, status.worstLag?.seconds ?? 0) }
  }

  private func stream(_ status: EngineStatus, _ history: ConsoleHistory, nowMilliseconds: Int64) -> ConsoleFacts.Stream {
    var stream = ConsoleFacts.Stream()
    stream.lagSeconds = Self.lagSeconds(status)
    stream.lagRecords = status.lagRecords.map { Int($0) }
    stream.lagSecondsMax = configuration.ready.maxLag / .seconds(1)
    stream.worst = status.worstLag.map { .init("\($0.partition)", Int($0.records)) }
    stream.trend = history.lagTrend
    stream.waitingUsers = status.waitingUsers
    stream.topics = configuration.input.topics
    stream.eventsPerSecond = history.eventsPerSecond
    stream.eventsPerSecondHourAgo = history.eventsPerSecondHourAgo
    let last = metrics.lastEventTimestamp.value
    if last > 0 { stream.lastEventAgeSeconds = max(0, Double(nowMilliseconds) / 1000 - last) }
    stream.events = Int(recordsRead)
    return stream
  }

  private static func records(_ summary: RecordSummary) -> ConsoleFacts.Records {
    func reasons(_ kind: RecordTally.Kind) -> [ConsoleFacts.Records.Reason] {
      summary.counts.filter { $0.kind == kind }.map { count in
        .init(count.reason, recent: count.recent, example: count.example.map { "\($0.source) offset \($0.offset): \($0.message)" })
      }
    }
    var records = ConsoleFacts.Records()
    records.minutes = RecordSummary.minutes
    records.recent = summary.recent
    records.rejected = reasons(.rejected)
    records.ignored = reasons(.ignored)
    records.keyMismatches = reasons(.keyMismatch)
    records.rejectedSinceStart = summary.total(.rejected)
    return records
  }

  // MARK: Model

  private func model(_ status: EngineStatus, nowMilliseconds: Int64) -> ConsoleFacts.Model {
    var model = ConsoleFacts.Model()
    model.epoch = status.epoch.map { Int($0) }
    model.ageSeconds = status.modelTrainedAtMilliseconds.map { Double(max(0, nowMilliseconds - $0)) / 1000 }
    let accepted = records.all.filter { $0.result == .accepted }
    model.reason = accepted.last { $0.epoch == status.epoch }?.reason
    if let measured = accepted.last(where: { $0.qualityNew != nil }) {
      model.recall = measured.qualityNew
      model.recallBefore = measured.qualityOld
      model.recallEpoch = measured.epoch.map { Int($0) }
    }
    func rates(_ tallies: [RecommendationSource: LiveQuality.Tally]) -> ConsoleFacts.LiveRates {
      let total = LiveQualityReport.total(tallies)
      return .init(events: total.events, hits: total.hitRate, popularHits: total.popularHitRate)
    }
    (model.live, model.liveBefore) = (rates(status.quality.day), rates(status.quality.dayBefore))
    (model.clickThrough, model.arms) = (status.attribution.total.rate, status.attribution.armSentence)
    model.churn = accepted.last { $0.epoch == status.epoch }?.churn?.drift
    model.rolledBackTo = status.rolledBackTo.map { Int($0) }
    model.shadow = status.shadow.flatMap { $0.hits.events > 0 ? $0.hits.sentence : nil }
    model.hiddenItems = status.hiddenItems
    (model.users, model.items, model.pairs) = (status.users, status.items, status.interactions)
    return model
  }

  private func training(
    _ status: EngineStatus, unchangedSeconds: Double, _ nowMilliseconds: Int64, _ age: (UInt64) -> Double
  ) -> ConsoleFacts.Training {
    var training = ConsoleFacts.Training()
    training.phase = status.retrainPhase
    training.ratio = status.retrainRatio
    training.runningSeconds = jobs.running(.retrain).map { age($0.startedNanoseconds) }
    training.unchangedSeconds = unchangedSeconds
    training.last = (status.lastRetrain ?? records.all.last).map { record in
      .init(
        .init(record.result), seconds: Double(record.endedAtMilliseconds - record.startedAtMilliseconds) / 1000,
        ageSeconds: Double(max(0, nowMilliseconds - record.endedAtMilliseconds)) / 1000, message: record.message)
    }
    training.next = status.nextRetrain.map { "\($0)" }
    return training
  }

  private func snapshot(_ status: EngineStatus, nowMilliseconds: Int64) -> ConsoleFacts.Snapshot {
    var snapshot = ConsoleFacts.Snapshot()
    snapshot.ageSeconds = status.lastSnapshotMilliseconds.map { Double(max(0, nowMilliseconds - $0)) / 1000 }
    snapshot.intervalSeconds = configuration.snapshot.interval / .seconds(1)
    snapshot.problem = status.lastSnapshotProblem
    snapshot.recordsBehind = status.durable.map { durable in
      status.offsets.next.reduce(0) { $0 + Int(max(0, $1.value - (durable.offsets[$1.key] ?? status.start.offsets[$1.key] ?? 0))) }
    }
    let (replayed, seconds) = (metrics.replayedRecords.value, metrics.recoveryDuration.value)
    if replayed >= 1000, seconds > 0 { snapshot.replayPerSecond = replayed / seconds }
    return snapshot
  }

  // MARK: Resources

  private static func redis(_ answer: Result<ServerMemory, RedisError>?, users: Int, _ history: ConsoleHistory) -> ConsoleFacts.Redis {
    switch answer {
    case nil: return .unknown("it was not asked yet")
    case .failure(let error) where error.kind == .noperm:
      return .unknown("its user may not run INFO; add +info to the ACL rule, and this line shows memory, limit and policy")
    case .failure(let error): return .unknown("\(error)")
    case .success(let memory):
      return .known(
        .init(
          usedBytes: memory.usedBytes, limitBytes: memory.limitBytes, policy: memory.policy, users: users,
          bytesPerDay: history.redisBytesPerDay))
    }
  }

  private func memory(_ status: EngineStatus, _ history: ConsoleHistory) -> ConsoleFacts.Memory {
    var memory = ConsoleFacts.Memory()
    memory.residentBytes = ProcessMetrics.residentMemoryBytes()
    memory.limit = configuration.limits.maxResidentBytes.map { .init(.configured, bytes: $0) } ?? MemoryLimit.ofSystem
    memory.isPaused = status.isMemoryPaused
    memory.parts = [
      .init("interactions", status.size.interactions), .init("users", status.size.users), .init("items", status.size.items),
      .init("factors", status.size.factors),
    ]
    memory.bytesPerDay = history.residentBytesPerDay
    return memory
  }
}

extension ConsoleFacts.Training.Outcome {
  init(_ result: RetrainRecord.Result) {
    self =
      switch result {
      case .accepted: .accepted
      case .rejected: .refused
      case .failed: .failed
      case .cancelled: .cancelled
      }
  }
}
