import OperatorConsole

/// Engines in states that operators meet.
enum EngineSituation: String, CaseIterable, Sendable {
  case well, starting, holding, lagging, silent, refusing, training, refused, redisFull, memoryHigh, fresh, redisAway, stopped

  static let now: Int64 = 1_764_322_200_000

  var facts: ConsoleFacts {
    var facts = Self.healthy
    switch self {
    case .well: break
    case .starting:
      facts = ConsoleFacts(nowMilliseconds: Self.now, uptimeSeconds: 4)
      facts.stream.topics = ["events"]
      facts.problems = [
        .init(
          "partitions", isInTheWay: true,
          "this engine holds 0 of 8 partitions and publishes nothing: it waits for the consumer group to assign them"),
        .init("redis", isInTheWay: true, "Redis has not answered yet"),
      ]
    case .holding:
      facts.problems = [
        .init(
          "partitions", isInTheWay: true,
          "this engine holds 4 of 8 partitions and publishes nothing: another member of the consumer group has the rest; stop it")
      ]
    case .lagging:
      facts.stream.lagSeconds = 34.2
      facts.stream.lagRecords = 81_204
      facts.stream.worst = .init("events[3]", 31_400)
      facts.stream.trend = .rising
      facts.stream.eventsPerSecond = 9_800
      facts.latency.halfMilliseconds = 31_000
      facts.latency.mostMilliseconds = 34_900
      facts.problems = [.init("lag", isInTheWay: true, "the stream is 34 s behind (ready.max_lag is 10 s)")]
    case .silent:
      facts.stream.eventsPerSecond = 0
      facts.stream.lastEventAgeSeconds = 1_260
      facts.stream.lagSeconds = 0
      facts.latency = .init()
    case .refusing:
      let example = "events[2] offset 48213: field `user_id` is missing; the event has `userId`"
      facts.records.rejected = [.init("missing_user", recent: 11_800, example: example), .init("not_json", recent: 12)]
      facts.records.recent = 12_000
      facts.records.rejectedSinceStart = 12_031
      facts.problems = [.init("records", isInTheWay: false, "11812 of 12000 records of the last 5 minutes were rejected")]
    case .training:
      facts.training.phase = "train"
      facts.training.ratio = 0.42
      facts.training.runningSeconds = 9
      facts.training.unchangedSeconds = 1
    case .refused:
      facts.training.last = .init(
        .refused, seconds: 19, ageSeconds: 600, message: "recall@20 would fall from 0.1250 to 0.1021, by more than retrain.max_quality_drop"
      )
    case .redisFull:
      facts.redis = .known(
        .init(usedBytes: 3_910_000_000, limitBytes: 4_000_000_000, policy: "noeviction", users: 1_204_331, bytesPerDay: 80e6))
    case .memoryHigh:
      facts.memory.residentBytes = 7_300_000_000
      facts.memory.limit = .init(.configured, bytes: 8_000_000_000)
      facts.memory.bytesPerDay = 300e6
    case .fresh:
      facts.model = .init()
      facts.training = .init()
      facts.training.next = "first model: 312 of 1000 pairs"
      facts.uptimeSeconds = 42
      facts.activity = []
      facts.snapshot = .init()
    case .redisAway:
      facts.problems = [.init("redis", isInTheWay: true, "cannot connect to Redis at redis://127.0.0.1:6379 (Connection refused)")]
      facts.redis = .unknown("cannot connect to Redis at redis://127.0.0.1:6379 (Connection refused)")
    case .stopped: facts.fatal = "another engine publishes to freshet:default"
    }
    return facts
  }

  private static var healthy: ConsoleFacts {
    var facts = ConsoleFacts(nowMilliseconds: now, uptimeSeconds: 93_600)
    facts.hasBeenReady = true
    facts.stream.topics = ["events"]
    facts.stream.events = 12_331_000
    facts.stream.lagSeconds = 0.4
    facts.stream.lagRecords = 312
    facts.stream.worst = .init("events[3]", 200)
    facts.stream.trend = .steady
    facts.stream.eventsPerSecond = 812
    facts.stream.eventsPerSecondHourAgo = 640
    facts.stream.lastEventAgeSeconds = 0.2
    facts.latency.halfMilliseconds = 1.8
    facts.latency.mostMilliseconds = 6.4
    facts.latency.mostMillisecondsBefore = 31
    facts.records.recent = 240_000
    facts.model.epoch = 7
    facts.model.ageSeconds = 10_800
    facts.model.reason = "61,204 interactions since the last training"
    facts.model.recall = 0.123
    facts.model.recallBefore = 0.125
    facts.model.users = 1_204_331
    facts.model.items = 41_020
    facts.model.pairs = 38_100_200
    facts.training.last = .init(.accepted, seconds: 19.2, ageSeconds: 10_700)
    facts.training.next = "12000 of 61000 new interactions"
    facts.snapshot.ageSeconds = 40
    facts.snapshot.recordsBehind = 12_000
    facts.snapshot.replayPerSecond = 11_000
    facts.redis = .known(
      .init(usedBytes: 1_900_000_000, limitBytes: 4_000_000_000, policy: "noeviction", users: 1_204_331, bytesPerDay: 20e6))
    facts.memory.residentBytes = 2_100_000_000
    facts.memory.limit = .init(.machine, bytes: 16_000_000_000)
    facts.memory.parts = [
      .init("interactions", 610_000_000), .init("users", 320_000_000), .init("items", 4_000_000), .init("factors", 330_000_000),
    ]
    facts.activity = [
      .init(atMilliseconds: now - 720_000, "A retrain was requested", by: .request("over HTTP")),
      .init(atMilliseconds: now - 10_700_000, "Epoch 7 is in use", by: .engine),
      .init(atMilliseconds: now - 93_600_000, "The engine started from snapshot 311", by: .engine),
    ]
    return facts
  }
}
