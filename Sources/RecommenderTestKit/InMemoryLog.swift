import Pipeline
import StreamingRecommender
import Synchronization

/// A partitioned log in memory, with the ordering, offsets, retention and gaps of Kafka.
public final class InMemoryLog: Sendable {
  struct Partition: Sendable {
    /// The offset of `records[0]`.
    var first: Int64 = 0
    var records: [Record] = []
    var next: Int64 { first + Int64(records.count) }
  }
  struct State: Sendable {
    var partitions: [TopicPartition: Partition] = [:]
    var partitionCounts: [String: Int] = [:]
    var committed = PartitionOffsets()
  }
  let state = Mutex(State())

  public init(topics: [String: Int] = [:]) {
    for (topic, partitions) in topics { createTopic(topic, partitions: partitions) }
  }

  public func createTopic(_ name: String, partitions: Int) {
    state.withLock { state in
      state.partitionCounts[name] = partitions
      for partition in 0..<partitions { state.partitions[TopicPartition(topic: name, partition: Int32(partition))] = Partition() }
    }
  }

  /// Appends to the partition that Kafka's producer would choose for the key (0 without a key), or to `partition`.
  @discardableResult public func append(
    _ topic: String, key: [UInt8]?, value: [UInt8]?, timestampMilliseconds: Int64? = nil, headers: [RecordHeader] = [],
    partition: Int32? = nil
  ) -> (partition: TopicPartition, offset: Int64) {
    state.withLock { state in
      guard let count = state.partitionCounts[topic] else { preconditionFailure("no topic \(topic)") }
      let placed = partition ?? key.map { KafkaPartitioner.partition(ofKey: $0, partitions: count) } ?? 0
      let id = TopicPartition(topic: topic, partition: placed)
      precondition(Int(placed) < count, "\(id) does not exist")
      let offset = state.partitions[id]!.next
      state.partitions[id]!.records.append(
        Record(offset: offset, timestampMilliseconds: timestampMilliseconds, key: key, value: value, headers: headers))
      return (id, offset)
    }
  }

  /// Deletes the records below `offset`, as retention does.
  public func truncate(_ id: TopicPartition, before offset: Int64) {
    state.withLock { state in
      guard var partition = state.partitions[id], offset > partition.first else { return }
      let gone = min(Int(offset - partition.first), partition.records.count)
      partition.records.removeFirst(gone)
      partition.first += Int64(gone)
      state.partitions[id] = partition
    }
  }

  /// Deletes the topic and creates it again, empty, with offsets from 0.
  public func recreate(_ topic: String) {
    state.withLock { state in
      for id in state.partitions.keys where id.topic == topic { state.partitions[id] = Partition() }
    }
  }

  /// Returns the records that are still stored, in offset order.
  public func records(of id: TopicPartition) -> [Record] { state.withLock { $0.partitions[id]?.records ?? [] } }
  public func end(of id: TopicPartition) -> Int64 { state.withLock { $0.partitions[id]?.next ?? 0 } }
  /// The offsets that sources have committed.
  public var committed: PartitionOffsets { state.withLock { $0.committed } }

  /// Makes a source of these topics (all if empty) that is assigned every partition.
  public func makeSource(
    topics: [String] = [], onGap: RecommenderConfiguration.Kafka.OnGap = .halt
  ) -> InMemorySource {
    InMemorySource(self, topics: topics, onGap: onGap)
  }
}

/// Reads an `InMemoryLog`. A poll never sleeps, whatever its timeout, because a simulation controls time itself.
public final class InMemorySource: RecordSource {
  private let log: InMemoryLog
  private let topics: [String]
  private let onGap: RecommenderConfiguration.Kafka.OnGap
  private var next: [TopicPartition: Int64] = [:]
  private var marks: [TopicPartition: RecordMark] = [:]
  private var assigned: [TopicPartition] = []
  private var paused: Set<TopicPartition> = []
  private var halted: [TopicPartition: String] = [:]
  private var events: [SourceEvent] = []
  private var rebalances = 0
  private var turn = 0
  /// What was committed when reading began.
  private var committed = PartitionOffsets()
  /// If false, the broker is unreachable and polls return no records.
  public var isUp = true

  init(_ log: InMemoryLog, topics: [String], onGap: RecommenderConfiguration.Kafka.OnGap) {
    self.log = log
    self.topics = topics
    self.onGap = onGap
  }

  private var all: [TopicPartition] {
    log.state.withLock { state in state.partitions.keys.filter { topics.isEmpty || topics.contains($0.topic) } }.sorted()
  }

  public func start(at offsets: PartitionOffsets, marks: [TopicPartition: RecordMark]) {
    next = offsets.next
    self.marks = marks
    committed = log.committed
    rebalance(to: all)
  }

  /// Simulates an eager rebalance: all partitions are revoked, then these are assigned.
  public func rebalance(to partitions: [TopicPartition]) {
    rebalances += 1
    if !assigned.isEmpty { events.append(.revoked(assigned)) }
    assigned = partitions.sorted()
    halted = [:]
    events.append(.assigned(assigned))
  }

  public func poll(max: Int, maxBytes: Int, timeout: Duration) -> SourceBatch {
    var taken: [TopicPartition: [Record]] = [:]
    if isUp {
      var budget = PollBudget(records: max, bytes: maxBytes)
      let share = Swift.max(1, max / Swift.max(1, assigned.count))
      var emptyInARow = 0
      while budget.hasRoom, emptyInARow < assigned.count {
        let id = assigned[turn % assigned.count]
        turn += 1
        let records = take(id, max: share, &budget)
        emptyInARow = records.isEmpty ? emptyInARow + 1 : 0
        // The record that did not fit is the first of the next batch.
        if !budget.hasRoom, records.count < share { turn -= 1 }
        if !records.isEmpty { taken[id, default: []] += records }
      }
    }
    defer { events = [] }
    let parts = taken.map { RecordBatch(source: $0, records: $1) }
    return SourceBatch(parts: parts.sorted { $0.source < $1.source }, events: events)
  }

  private func take(_ id: TopicPartition, max: Int, _ budget: inout PollBudget) -> [Record] {
    guard !paused.contains(id), halted[id] == nil else { return [] }
    return log.state.withLock { state in
      guard let partition = state.partitions[id] else { return [] }
      guard let expected = next[id] else {
        next[id] = partition.first
        return take(partition, id, max, &budget)
      }
      if expected > partition.next {
        halt(id, expected, "the next offset is \(expected) but the log ends at \(partition.next): the topic was created again")
        return []
      }
      if expected < partition.first {
        guard onGap == .earliest else {
          halt(id, expected, "records from offset \(expected) on are gone; set kafka.on_gap = earliest to go on without them")
          return []
        }
        events.append(.gap(id, expected: expected, resumed: partition.first))
        next[id] = partition.first
      }
      if let mark = marks[id], isForeign(partition, mark) {
        halt(id, expected, "the record at offset \(mark.offset) is another one: the topic was created again")
        return []
      }
      return take(partition, id, max, &budget)
    }
  }

  private func isForeign(_ partition: InMemoryLog.Partition, _ mark: RecordMark) -> Bool {
    guard mark.offset >= partition.first, mark.offset < partition.next else { return false }
    return RecordMark(partition.records[Int(mark.offset - partition.first)]) != mark
  }

  private func take(
    _ partition: InMemoryLog.Partition, _ id: TopicPartition, _ max: Int, _ budget: inout PollBudget
  ) -> [Record] {
    let from = Int(next[id]! - partition.first)
    let records = partition.records[from...].prefix(max).prefix { budget.take($0.bytes) }
    next[id] = next[id]! + Int64(records.count)
    if let last = records.last { marks[id] = RecordMark(last) }
    return Array(records)
  }

  private func halt(_ id: TopicPartition, _ expected: Int64, _ advice: String) {
    halted[id] = advice
    events.append(.gap(id, expected: expected, resumed: nil))
  }

  public func commit(_ offsets: PartitionOffsets) {
    log.state.withLock { $0.committed.next.merge(offsets.next) { $1 } }
  }

  public func setPaused(_ isPaused: Bool, _ partition: TopicPartition) {
    if isPaused { paused.insert(partition) } else { paused.remove(partition) }
  }

  public var status: SourceStatus {
    var status = SourceStatus()
    status.isUp = isUp
    status.assigned = Set(assigned)
    status.all = Set(all)
    status.halted = halted
    status.rebalances = rebalances
    status.committed = committed.next
    status.problem = isUp ? halted.min { $0.key < $1.key }.map { "\($0.key) is halted: \($0.value)" } : "the broker is away"
    log.state.withLock { state in
      for id in assigned {
        guard let partition = state.partitions[id] else { continue }
        status.lagRecords[id] = max(0, partition.next - (next[id] ?? partition.first))
      }
    }
    return status
  }

  public func close(timeout: Duration) -> Bool {
    assigned = []
    return true
  }
}

/// Stores dead letters in an array.
public final class InMemoryDeadLetterSink: DeadLetterSink {
  public private(set) var letters: [DeadLetter] = []
  public private(set) var acknowledgedThrough: UInt64 = 0
  public var failures = 0
  /// If false, dead letters remain unacknowledged until `acknowledge` is called.
  public var isAutomatic: Bool

  public init(isAutomatic: Bool = true) { self.isAutomatic = isAutomatic }

  public func send(_ letter: DeadLetter) {
    letters.append(letter)
    if isAutomatic { acknowledge() }
  }

  /// Acknowledges every dead letter up to this number, or all if `nil`.
  public func acknowledge(through sequence: UInt64? = nil) {
    acknowledgedThrough = max(acknowledgedThrough, min(sequence ?? lastSequence, lastSequence))
  }

  public var lastSequence: UInt64 { UInt64(letters.count) }

  public var unacknowledged: [TopicPartition: Int] {
    letters[Int(acknowledgedThrough)...].reduce(into: [:]) { $0[$1.source, default: 0] += 1 }
  }

  public func flush(timeout: Duration) -> Bool { acknowledgedThrough == lastSequence }
}
