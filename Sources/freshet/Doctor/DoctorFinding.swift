import Telemetry

/// One thing that `freshet doctor` has looked at.
struct DoctorFinding: Equatable {
  enum Level: String { case ok, note, warning, error }

  var check: String
  var level: Level
  /// One sentence, with the fix if there is something to do.
  var message: String

  init(_ check: String, _ level: Level, _ message: String) {
    self.check = check
    self.level = level
    self.message = Redaction.text(message)
  }

  var json: JSONValue { ["check": .string(check), "level": .string(level.rawValue), "message": .string(message)] }
}

/// Judgements about values that were read elsewhere.
enum Diagnosis {
  /// Below this, the next snapshot may not fit.
  static func disk(freeBytes: Int, snapshotBytes: Int) -> DoctorFinding {
    let needed = max(100_000_000, 2 * snapshotBytes)
    let free = "\(freeBytes / 1_000_000) MB are free on the disk of instance.data_dir"
    guard freeBytes < needed else { return DoctorFinding("disk", .ok, free) }
    return DoctorFinding(
      "disk", .error, "\(free), and the next snapshots need \(needed / 1_000_000) MB: free space, or name another instance.data_dir")
  }

  static func topicSettings(_ topic: String, _ settings: [String: String]) -> [DoctorFinding] {
    var findings: [DoctorFinding] = []
    if let policy = settings["cleanup.policy"], policy.contains("compact") {
      findings.append(
        DoctorFinding(
          "topic", .error,
          "\(topic) is compacted, which drops all but the newest record of a user: set cleanup.policy=delete with kafka-configs --alter"))
    }
    if let text = settings["retention.ms"], let retention = Int64(text), retention >= 0, retention < 86_400_000 {
      findings.append(
        DoctorFinding(
          "topic", .warning,
          "\(topic) keeps records for \(retention / 60_000) min, so what is produced during a longer outage is lost: raise retention.ms"))
    }
    return findings
  }

  /// The records of a sample, and what they say about the producer.
  struct Sample: Equatable {
    var records = 0
    var withoutKey = 0
    var wrongKey = 0
    var wrongPartition = 0
    var rejected: [String: Int] = [:]
    var unknownType = 0
    /// Records whose schema the registry does not give.
    var waiting = 0
  }

  static func sample(_ sample: Sample) -> [DoctorFinding] {
    guard sample.records > 0 else {
      return [DoctorFinding("records", .note, "the topics hold no records yet, so producers cannot be judged")]
    }
    var findings: [DoctorFinding] = []
    func share(_ count: Int, _ level: DoctorFinding.Level, _ what: String) {
      guard count * 100 >= sample.records, count > 0 else { return }
      findings.append(DoctorFinding("records", level, "\(count) of the newest \(sample.records) records \(what)"))
    }
    share(
      sample.withoutKey, .warning,
      "have no key, so the events of a user are spread over partitions and not kept in order: let the producer send the user id as key")
    share(
      sample.wrongKey, .warning,
      "have a key that is not the user of the event: let the producer send the user id as key, as text and unquoted")
    share(
      sample.wrongPartition, .warning,
      "are in another partition than their key belongs to: set partitioner=murmur2_random in librdkafka producers, as Java has it by default"
    )
    let rejected = sample.rejected.values.reduce(0, +)
    let worst = sample.rejected.max { $0.value < $1.value }?.key ?? ""
    share(rejected, .error, "are rejected, most of them as \(worst): schemas/README.md says what each reason means")
    share(sample.waiting, .error, "need a schema that the schema registry does not give, so their partitions wait")
    share(sample.unknownType, .warning, "have an event type without a weight and are ignored: add it to input.weights")
    return findings.isEmpty
      ? [DoctorFinding("records", .ok, "the newest \(sample.records) records are valid events with the user as key")] : findings
  }

  static func offsets(_ committed: [TopicOffset], snapshot: [String: Int64]) -> DoctorFinding? {
    guard let other = committed.first(where: { snapshot[$0.partition] != nil && snapshot[$0.partition] != $0.offset }) else { return nil }
    return DoctorFinding(
      "offsets", .note,
      "the group has committed offset \(other.offset) of \(other.partition), and the newest snapshot stands at "
        + "\(snapshot[other.partition] ?? 0): the snapshot counts, and an engine reads on from there; serve --from reads again")
  }

  struct TopicOffset: Equatable {
    var partition: String
    var offset: Int64
  }

  static func eviction(_ policy: String) -> DoctorFinding {
    switch policy {
    case "noeviction": DoctorFinding("redis", .ok, "maxmemory-policy is noeviction")
    case let policy where policy.hasPrefix("volatile"):
      DoctorFinding("redis", .ok, "maxmemory-policy is \(policy), which evicts only lists and vectors that expire anyway")
    default:
      DoctorFinding(
        "redis", .error,
        "maxmemory-policy is \(policy), which may evict the model pointer and item vectors: set noeviction or volatile-lfu")
    }
  }

  static func clock(differenceMilliseconds: Int64) -> DoctorFinding {
    guard abs(differenceMilliseconds) > 5000 else { return DoctorFinding("clock", .ok, "this machine and Redis agree on the time") }
    return DoctorFinding(
      "clock", .warning,
      "the clocks of this machine and of Redis differ by \(abs(differenceMilliseconds) / 1000) s: synchronize them (NTP), or lags and ages are wrong"
    )
  }
}
