import Pipeline
import StreamingRecommender
import Telemetry

/// The log that the contract suite tests: a new topic, and functions to write to it, truncate it and recreate it.
public struct SourceContractLog {
  public var topic: String
  public var partitions: Int32
  /// Writes values in order and returns once readers can see them.
  public var append: (_ partition: Int32, _ values: [String]) throws -> Void
  /// Deletes records below the offset, as retention does; `nil` if the log does not support this.
  public var truncate: ((_ partition: Int32, _ before: Int64) throws -> Void)?
  /// Deletes the topic and creates it again, empty; `nil` if the log does not support this.
  public var recreate: (() throws -> Void)?
  public var makeSource: (_ onGap: RecommenderConfiguration.Kafka.OnGap) throws -> any RecordSource
  /// Whether its sources are members of a group, whose committed offsets they tell.
  public var hasGroup: Bool

  public init(
    topic: String, partitions: Int32, hasGroup: Bool = true, append: @escaping (_ partition: Int32, _ values: [String]) throws -> Void,
    truncate: ((_ partition: Int32, _ before: Int64) throws -> Void)? = nil, recreate: (() throws -> Void)? = nil,
    makeSource: @escaping (_ onGap: RecommenderConfiguration.Kafka.OnGap) throws -> any RecordSource
  ) {
    self.topic = topic
    self.partitions = partitions
    self.hasGroup = hasGroup
    self.append = append
    self.truncate = truncate
    self.recreate = recreate
    self.makeSource = makeSource
  }

  func id(_ partition: Int32) -> TopicPartition { TopicPartition(topic: topic, partition: partition) }
}

/// The contract of `RecordSource` as checks. Each check needs a new log and returns its violations.
public enum SourceContract {
  public typealias Check = @Sendable (_ log: SourceContractLog) throws -> [String]

  public static let checks: [(name: String, check: Check)] = [
    ("records come in order per partition, nothing lost or twice", orderPerPartition),
    ("reading starts at the offsets given, else at the earliest", startOffsets),
    ("a batch never exceeds its maximum", batchMaximum),
    ("a batch never exceeds its bytes, and a large record is delivered alone", batchBytes),
    ("pause and resume lose nothing and repeat nothing", pauseAndResume),
    ("all partitions are held and lag goes to zero", holdsEverythingAndCatchesUp),
    ("a commit moves nothing", commitMovesNothing),
    ("a gap halts only its partition", gapHalts),
    ("a gap is jumped with on_gap = earliest", gapResumes),
    ("a mark that matches changes nothing", matchingMark),
    ("a mark whose record is gone changes nothing", markOfARemovedRecord),
    ("a topic that was created again and filled further halts", recreatedTopicHalts),
  ]

  /// Runs every check, each on a new log.
  public static func violations(makeLog: () throws -> SourceContractLog) -> [String] {
    checks.flatMap { name, check in
      do {
        return try check(makeLog()).map { "\(name): \($0)" }
      } catch {
        return ["\(name): \(error)"]
      }
    }
  }

  @Sendable public static func orderPerPartition(_ log: SourceContractLog) throws -> [String] {
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 0..<50)) }
    return try withReader(log) { reader in
      reader.read(until: 50 * Int(log.partitions))
      // Append more records while reading continues.
      for partition in 0..<log.partitions { try log.append(partition, values(partition, 50..<70)) }
      reader.read(until: 70 * Int(log.partitions))
      reader.readMore()
      return (0..<log.partitions).flatMap { reader.compare($0, offsets: 0..<70, values: values($0, 0..<70)) }
    }
  }

  @Sendable public static func startOffsets(_ log: SourceContractLog) throws -> [String] {
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 0..<20)) }
    let start = PartitionOffsets([log.id(0): 7])
    return try withReader(log, start: start) { reader in
      reader.read(until: 13 + 20 * (Int(log.partitions) - 1))
      reader.readMore()
      return (0..<log.partitions).flatMap { partition in
        let from = partition == 0 ? 7 : 0
        return reader.compare(partition, offsets: Int64(from)..<20, values: values(partition, from..<20))
      }
    }
  }

  @Sendable public static func batchMaximum(_ log: SourceContractLog) throws -> [String] {
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 0..<20)) }
    return try withReader(log) { reader in
      reader.max = 7
      reader.read(until: 20 * Int(log.partitions))
      return reader.largestBatch > 7 ? ["a batch of \(reader.largestBatch) with a maximum of 7"] : reader.missing
    }
  }

  @Sendable public static func batchBytes(_ log: SourceContractLog) throws -> [String] {
    let long = String(repeating: "x", count: 5000)
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 0..<20) + [long] + values(partition, 21..<30)) }
    return try withReader(log) { reader in
      reader.maxBytes = 40
      reader.read(until: 30 * Int(log.partitions))
      reader.readMore()
      let exceeded = reader.largestBytes > 40 ? ["a batch of \(reader.largestBytes) bytes with a maximum of 40"] : []
      return exceeded
        + (0..<log.partitions).flatMap {
          reader.compare($0, offsets: 0..<30, values: values($0, 0..<20) + [long] + values($0, 21..<30))
        }
    }
  }

  @Sendable public static func pauseAndResume(_ log: SourceContractLog) throws -> [String] {
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 0..<50)) }
    return try withReader(log) { reader in
      reader.max = 10
      reader.read(until: 10)
      let before = reader.records[log.id(0), default: []].count
      reader.source.setPaused(true, log.id(0))
      reader.max = 100
      reader.read(until: before + 50 * (Int(log.partitions) - 1))
      reader.readMore()
      var violations: [String] = []
      let during = reader.records[log.id(0), default: []].count
      if during != before { violations.append("\(during - before) records of a paused partition") }
      try log.append(0, values(0, 50..<60))
      reader.source.setPaused(false, log.id(0))
      reader.read(until: 60 + 50 * (Int(log.partitions) - 1))
      reader.readMore()
      return violations + reader.compare(0, offsets: 0..<60, values: values(0, 0..<60))
    }
  }

  @Sendable public static func holdsEverythingAndCatchesUp(_ log: SourceContractLog) throws -> [String] {
    // The last partition stays empty and must have a lag of zero as well.
    for partition in 0..<(log.partitions - 1) { try log.append(partition, values(partition, 0..<20)) }
    return try withReader(log) { reader in
      reader.read(until: 20 * (Int(log.partitions) - 1))
      reader.read { reader.source.status.lagRecords.values.reduce(0, +) == 0 && reader.source.status.lagRecords.count == log.partitions }
      let status = reader.source.status
      var violations = reader.missing
      if !status.holdsEverything { violations.append("does not hold everything: \(status)") }
      if !status.isUp { violations.append("is not up") }
      if status.lagRecords.count != Int(log.partitions) || status.lagRecords.values.contains(where: { $0 != 0 }) {
        violations.append("lag is \(status.lagRecords)")
      }
      if status.problem != nil { violations.append("problem: \(status.problem ?? "")") }
      if !reader.events.contains(.assigned((0..<log.partitions).map(log.id))) { violations.append("events: \(reader.events)") }
      return violations
    }
  }

  @Sendable public static func commitMovesNothing(_ log: SourceContractLog) throws -> [String] {
    try log.append(0, values(0, 0..<20))
    var violations = try withReader(log) { reader in
      reader.max = 5
      reader.read(until: 5)
      reader.source.commit(PartitionOffsets([log.id(0): 15]))
      reader.read(until: 20)
      return reader.compare(0, offsets: 0..<20, values: values(0, 0..<20))
    }
    // A second reader without offsets must start at the earliest record, regardless of committed offsets, which it tells.
    violations += try withReader(log) { reader in
      reader.read(until: 20)
      guard log.hasGroup else { return reader.compare(0, offsets: 0..<20, values: values(0, 0..<20)) }
      reader.read { !reader.source.status.committed.isEmpty }
      let told = reader.source.status.committed == [log.id(0): 15] ? [] : ["committed: \(reader.source.status.committed)"]
      return told + reader.compare(0, offsets: 0..<20, values: values(0, 0..<20))
    }
    return violations
  }

  @Sendable public static func gapHalts(_ log: SourceContractLog) throws -> [String] {
    guard let truncate = log.truncate else { return [] }
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 0..<20)) }
    try truncate(0, 10)
    return try withReader(log, start: PartitionOffsets([log.id(0): 4])) { reader in
      reader.read { reader.source.status.halted[log.id(0)] != nil && reader.count >= 20 * (Int(log.partitions) - 1) }
      reader.readMore()
      var violations: [String] = []
      if !reader.events.contains(.gap(log.id(0), expected: 4, resumed: nil)) { violations.append("events: \(reader.events)") }
      if reader.source.status.halted[log.id(0)] == nil { violations.append("is not halted") }
      if !reader.source.status.holdsEverything { violations.append("the others count as lost, too") }
      if let records = reader.records[log.id(0)] { violations.append("\(records.count) records of a halted partition") }
      return violations + (1..<log.partitions).flatMap { reader.compare($0, offsets: 0..<20, values: values($0, 0..<20)) }
    }
  }

  @Sendable public static func gapResumes(_ log: SourceContractLog) throws -> [String] {
    guard let truncate = log.truncate else { return [] }
    try log.append(0, values(0, 0..<20))
    try truncate(0, 10)
    return try withReader(log, start: PartitionOffsets([log.id(0): 4]), onGap: .earliest) { reader in
      reader.read(until: 10)
      reader.readMore()
      var violations = reader.compare(0, offsets: 10..<20, values: values(0, 10..<20))
      if !reader.events.contains(.gap(log.id(0), expected: 4, resumed: 10)) { violations.append("events: \(reader.events)") }
      if reader.source.status.offsetGaps != 0 { violations.append("a stated gap was also counted as an unexplained one") }
      return violations
    }
  }

  /// Reads the first 10 records of partition 0 and returns the mark of the last one.
  private static func readTen(_ log: SourceContractLog) throws -> RecordMark? {
    try log.append(0, values(0, 0..<10))
    var mark: RecordMark?
    _ = try withReader(log) { reader in
      reader.read(until: 10)
      mark = reader.records[log.id(0)]?.last.map { RecordMark($0) }
      return []
    }
    return mark
  }

  @Sendable public static func matchingMark(_ log: SourceContractLog) throws -> [String] {
    guard let mark = try readTen(log) else { return ["read nothing"] }
    return try withReader(log, start: PartitionOffsets([log.id(0): 10]), marks: [log.id(0): mark]) { reader in
      reader.readMore()
      try log.append(0, values(0, 10..<20))
      reader.read(until: 10)
      reader.readMore()
      return reader.compare(0, offsets: 10..<20, values: values(0, 10..<20))
    }
  }

  @Sendable public static func markOfARemovedRecord(_ log: SourceContractLog) throws -> [String] {
    guard let truncate = log.truncate else { return [] }
    guard let mark = try readTen(log) else { return ["read nothing"] }
    try log.append(0, values(0, 10..<20))
    try truncate(0, 10)
    return try withReader(log, start: PartitionOffsets([log.id(0): 10]), marks: [log.id(0): mark]) { reader in
      reader.read(until: 10)
      return reader.compare(0, offsets: 10..<20, values: values(0, 10..<20))
    }
  }

  @Sendable public static func recreatedTopicHalts(_ log: SourceContractLog) throws -> [String] {
    guard let recreate = log.recreate else { return [] }
    guard let mark = try readTen(log) else { return ["read nothing"] }
    try recreate()
    for partition in 0..<log.partitions { try log.append(partition, values(partition, 100..<120)) }
    return try withReader(log, start: PartitionOffsets([log.id(0): 10]), marks: [log.id(0): mark], onGap: .earliest) { reader in
      reader.read { reader.source.status.halted[log.id(0)] != nil && reader.count >= 20 * (Int(log.partitions) - 1) }
      reader.readMore()
      var violations = reader.missing
      if let records = reader.records[log.id(0)] { violations.append("\(records.count) records of another log") }
      if !reader.events.contains(.gap(log.id(0), expected: 10, resumed: nil)) { violations.append("events: \(reader.events)") }
      return violations
    }
  }

  private static func values(_ partition: Int32, _ range: Range<Int>) -> [String] { range.map { "\(partition)-\($0)" } }

  private static func withReader(
    _ log: SourceContractLog, start: PartitionOffsets = PartitionOffsets(), marks: [TopicPartition: RecordMark] = [:],
    onGap: RecommenderConfiguration.Kafka.OnGap = .halt, _ body: (SourceContractReader) throws -> [String]
  ) throws -> [String] {
    let source = try log.makeSource(onGap)
    source.start(at: start, marks: marks)
    defer { source.close() }
    return try body(SourceContractReader(source, log))
  }
}

/// Polls a source and collects its records and events.
final class SourceContractReader {
  let source: any RecordSource
  private let log: SourceContractLog
  private(set) var records: [TopicPartition: [Record]] = [:]
  private(set) var events: [SourceEvent] = []
  private(set) var count = 0
  private(set) var largestBatch = 0
  /// The size in bytes of the largest batch with more than one record.
  private(set) var largestBytes = 0
  /// Descriptions of awaited results that did not arrive in time.
  private(set) var missing: [String] = []
  var max = 1000
  var maxBytes = 8 << 20
  private static let patience: UInt64 = 20_000_000_000

  init(_ source: any RecordSource, _ log: SourceContractLog) {
    self.source = source
    self.log = log
  }

  func read(until total: Int) { read { self.count >= total } }

  func read(_ isDone: () -> Bool) {
    let deadline = MonotonicClock.nanoseconds() + Self.patience
    while !isDone() {
      poll(.milliseconds(50))
      guard MonotonicClock.nanoseconds() < deadline else {
        missing.append("gave up after \(count) records; events \(events); \(source.status)")
        return
      }
    }
  }

  /// Polls for a short time, so that unexpected records can arrive.
  func readMore() { for _ in 0..<5 { poll(.milliseconds(20)) } }

  private func poll(_ timeout: Duration) {
    let batch = source.poll(max: max, maxBytes: maxBytes, timeout: timeout)
    events += batch.events
    count += batch.count
    largestBatch = Swift.max(largestBatch, batch.count)
    if batch.count > 1 { largestBytes = Swift.max(largestBytes, batch.parts.reduce(0) { $0 + $1.bytes }) }
    if Set(batch.parts.map(\.source)).count != batch.parts.count || batch.parts.contains(where: \.records.isEmpty) {
      missing.append("a batch repeats a partition or has an empty part")
    }
    for part in batch.parts { records[part.source, default: []] += part.records }
  }

  func compare(_ partition: Int32, offsets: Range<Int64>, values: [String]) -> [String] {
    let got = records[log.id(partition)] ?? []
    var violations = missing
    if got.map(\.offset) != Array(offsets) { violations.append("partition \(partition) gave offsets \(got.map(\.offset))") }
    let text = got.map { String(decoding: $0.value ?? [], as: UTF8.self) }
    if text != values { violations.append("partition \(partition) gave values \(text)") }
    return violations
  }
}
