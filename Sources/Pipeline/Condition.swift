import StreamingRecommender
import Telemetry

/// Something that keeps the engine from being ready, or that an operator should look at. `freshet status`, `/readyz?verbose` and the log
/// render the same value, so they use the same words.
public struct Condition: Sendable, Equatable {
  public enum Name: String, Sendable, CaseIterable {
    case engine, kafka, partitions, lag, redis
    case deadLetters = "dead_letters"
    case schemas, items, replay, memory, snapshots, archive, model, retrain, records, types, keys
  }

  public enum Severity: String, Sendable {
    /// `/readyz` is false.
    case notReady = "not_ready"
    case warning
  }

  public var name: Name
  /// Distinguishes conditions of the same name, such as those of two partitions.
  public var subject: String
  public var severity: Severity
  /// One sentence with the fix.
  public var message: String
  /// When it began, by the wall clock.
  public var sinceMilliseconds: Int64 = 0

  init(_ name: Name, severity: Severity = .notReady, subject: String = "", _ message: String) {
    self.name = name
    self.subject = subject
    self.severity = severity
    self.message = Redaction.text(message)
  }
}

extension EngineStatus {
  /// The conditions that these values show, in the order of their names.
  func foundConditions(lagSecondsMax: Double) -> [Condition] {
    var found: [Condition] = []
    if let fatal { found.append(Condition(.engine, fatal)) }
    found += kafkaConditions
    if let lagSeconds {
      if lagSeconds > lagSecondsMax {
        found.append(Condition(.lag, "the stream is \(Int(lagSeconds)) s behind (ready.max_lag is \(Int(lagSecondsMax)) s)"))
      }
    } else {
      found.append(Condition(.lag, "how far behind the stream is, is not known yet\(source.problem.map { ": \($0)" } ?? "")"))
    }
    if !publisher.isUp { found.append(Condition(.redis, publisher.problem ?? "Redis has not answered yet")) }
    for (partition, load) in deadLetterHolds.sorted(by: { $0.key < $1.key }) {
      found.append(
        Condition(
          .deadLetters, subject: "\(partition)",
          "\(partition) waits: \(load.count) dead letters of \(load.bytes) bytes are not acknowledged; check that its dead-letter topic "
            + "exists and takes writes"))
    }
    for (partition, wait) in schemaWaits.sorted(by: { $0.key < $1.key }) {
      guard let problem = wait.problem else { continue }
      found.append(
        Condition(
          .schemas, subject: "\(partition)",
          "\(partition) waits at offset \(wait.offset) for \(wait.schema), which is asked for again and again: \(problem)"))
    }
    if !hasReadItems {
      found.append(
        Condition(.items, "nothing is published until the topic of items (items.topic) is read\(itemProblem.map { ": \($0)" } ?? "")"))
    } else if let itemProblem {
      found.append(Condition(.items, severity: .warning, "the topic of items cannot be read: \(itemProblem)"))
    }
    if isHolding { found.append(Condition(.replay, replaySentence)) }
    if isMemoryPaused {
      found.append(
        Condition(.memory, severity: .warning, "memory is above limits.max_rss, so nothing is read: raise the limit or add memory"))
    }
    if let archive, archive.isFull || archive.problem != nil {
      let effect = archive.isFull ? "nothing is read until it can be" : "snapshots and new models wait for it"
      let problem = archive.problem ?? "it takes rows more slowly than they come"
      found.append(
        Condition(
          .archive, severity: archive.isFull ? .notReady : .warning,
          "archive.store cannot be written, so \(effect) (\(archive.waitingRows) rows wait): \(problem)"))
    }
    return found + modelConditions + recordConditions
  }

  private var kafkaConditions: [Condition] {
    guard source.isUp else { return [Condition(.kafka, source.problem ?? "no broker has answered yet"), inactive].compactMap(\.self) }
    let halted = source.halted.sorted { $0.key < $1.key }.map { partition, advice in
      Condition(.partitions, subject: "\(partition)", "\(partition) is halted: \(advice)")
    }
    if !halted.isEmpty { return halted }
    if let inactive { return [inactive] }
    return source.openTransactions.sorted { $0.key < $1.key }.map { partition, transaction in
      Condition(
        .partitions, severity: .warning, subject: "\(partition)",
        "\(partition) is read up to offset \(transaction.offset) of \(transaction.end): an open transaction holds back the rest until its "
          + "producer ends it, or the broker does after transaction.timeout.ms; other partitions go on")
    }
  }

  /// Why nothing is published although Kafka may answer.
  private var inactive: Condition? {
    guard !isActive else { return nil }
    let holds = "this engine holds \(source.assigned.count) of \(source.all.count) partitions and publishes nothing"
    if let problem = source.problem { return Condition(.partitions, source.isUp ? problem : "\(holds): no broker answers") }
    return Condition(
      .partitions,
      source.assigned.isEmpty
        ? "\(holds): it waits for the consumer group to assign them"
        : "\(holds): another member of the consumer group has the rest; stop it")
  }

  private var replaySentence: String {
    let general = "records of before the restart are being replayed"
    guard let (partition, progress) = replayHolds.min(by: { $0.key < $1.key }) else { return general }
    let others = replayHolds.count > 1 ? ", and \(replayHolds.count - 1) more partitions" : ""
    return "\(general): \(partition) is at offset \(progress.next) of \(progress.end)\(others); the lists of its users wait, at most "
      + "\(ReplayHold.patience.components.seconds) s without progress"
  }

  private var modelConditions: [Condition] {
    var found: [Condition] = []
    if let problem = lastSnapshotProblem {
      let isFull = problem.contains("No space left")
      let last = lastSnapshotMilliseconds.map { "the last one is of \(Timestamp.rfc3339(milliseconds: $0))" } ?? "there is none yet"
      found.append(
        Condition(
          .snapshots, severity: .warning,
          "\(isFull ? "the disk is full, so snapshots" : "snapshots") cannot be written, and a restart must replay more and more of the log "
            + "(\(last)): \(isFull ? "free space; " : "")\(problem)"))
    }
    let next = nextRetrain.map { "; \($0)" } ?? ""
    if epoch == nil, eventsApplied > 0 { found.append(Condition(.model, severity: .warning, "there is no model yet\(next)")) }
    if let record = lastRetrain, record.result == .rejected || record.result == .failed {
      let outcome = record.result == .rejected ? "refused" : "not finished"
      found.append(
        Condition(
          .retrain, severity: .warning,
          "the last retrain was \(outcome)\(epoch.map { " and epoch \($0) stays in use" } ?? ""): \(record.message ?? "no reason was given")"
            + (nextRetrain.map { "; next try: \($0)" } ?? "")))
    }
    return found
  }

  // MARK: Records

  /// Below this number of records in the last minutes, a share says nothing.
  private static let recordsMin = 20
  /// A share of rejected records, or of keys that are not the user, from which on the producer is probably wrong.
  private static let wrongShare = 0.01
  /// A share of events whose type has no weight that is probably not intended.
  private static let ignoredShare = 0.5

  private var recordConditions: [Condition] {
    guard records.recent >= Self.recordsMin else { return [] }
    var found: [Condition] = []
    func add(_ name: Condition.Name, _ kind: RecordTally.Kind, reason: String? = nil, share: Double, _ what: String, _ fix: String) {
      let counts = records.counts.filter { $0.kind == kind && (reason == nil || $0.reason == reason) && $0.recent > 0 }
      let count = counts.reduce(0) { $0 + $1.recent }
      guard Double(count) >= share * Double(records.recent), let worst = counts.max(by: { $0.recent < $1.recent }) else { return }
      let example = worst.example.map { "; for example \($0.source) offset \($0.offset): \($0.message)" } ?? ""
      found.append(
        Condition(
          name, severity: .warning,
          "\(count) of \(records.recent) records of the last \(RecordSummary.minutes) minutes \(what), most of them as \(worst.reason)"
            + "\(fix)\(example)"))
    }
    add(.records, .rejected, share: Self.wrongShare, "were rejected", " (did a producer change its format?)")
    add(.types, .ignored, reason: IgnoreReason.unknownType.rawValue, share: Self.ignoredShare, "were ignored", "")
    add(.keys, .keyMismatch, share: Self.wrongShare, "have a key that is not the user", "")
    return found
  }
}

/// Remembers since when each condition holds, and says what is to be logged.
struct ConditionWatch: Sendable {
  enum Change: Equatable, Sendable {
    case began(Condition)
    case ended(Condition)
  }

  private struct Key: Hashable, Sendable {
    let name: Condition.Name
    let subject: String
  }

  private struct Known: Sendable {
    var condition: Condition
    var since: UInt64
    var isReported = false
  }

  /// A condition that ends sooner is not worth a line; some are part of every start.
  static func patience(_ name: Condition.Name) -> Duration {
    switch name {
    case .partitions, .lag, .replay, .model: .seconds(10)
    default: .seconds(2)
    }
  }

  private var known: [Key: Known] = [:]

  /// Returns the conditions with the times of their beginnings, and those that have just lasted long enough to be logged, or ended.
  mutating func update(_ found: [Condition], now: EngineInstant) -> (conditions: [Condition], changes: [Change]) {
    guard !found.isEmpty || !known.isEmpty else { return ([], []) }
    var changes: [Change] = []
    var still: [Key: Known] = [:]
    var conditions: [Condition] = []
    for condition in found {
      let key = Key(name: condition.name, subject: condition.subject)
      var entry = known[key] ?? Known(condition: condition, since: now.monotonicNanoseconds)
      let isOtherSentence = Self.words(entry.condition.message) != Self.words(condition.message)
      let began = known[key]?.condition.sinceMilliseconds ?? now.wallMilliseconds
      entry.condition = condition
      entry.condition.sinceMilliseconds = began
      let isOld = now.monotonicNanoseconds - min(now.monotonicNanoseconds, entry.since) >= Self.patience(condition.name).nanoseconds
      if isOld, !entry.isReported || isOtherSentence {
        entry.isReported = true
        changes.append(.began(entry.condition))
      }
      still[key] = entry
      conditions.append(entry.condition)
    }
    for (key, entry) in known.sorted(by: { ($0.key.name.rawValue, $0.key.subject) < ($1.key.name.rawValue, $1.key.subject) })
    where still[key] == nil && entry.isReported { changes.append(.ended(entry.condition)) }
    known = still
    return (conditions, changes)
  }

  /// Numbers vary while the condition is the same.
  private static func words(_ text: String) -> [UInt8] { text.utf8.filter { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
}
