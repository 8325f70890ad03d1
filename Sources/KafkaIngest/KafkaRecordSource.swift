import CRdKafka
import Pipeline
import StreamingRecommender
import Telemetry

/// The input topics of a Kafka cluster.
///
/// Records, rebalances and errors are handled on the thread that calls `poll`. Only `wake` may be called from other threads.
/// Requests that need a broker's answer run in `LogInspector`, so that a poll never takes longer than its timeout.
public final class KafkaRecordSource: RecordSource {
  public typealias Membership = KafkaMembership

  let topics: [String]
  let membership: Membership
  let onGap: RecommenderConfiguration.Kafka.OnGap
  /// Whether this member keeps its place in the group when it ends, because it comes back.
  private let staysMember: Bool
  private let group: String
  let log: Log
  let client: KafkaClient
  let wakes = WakePipe()
  let inspector: LogInspector
  private var consumerQueue: KafkaQueue?

  var readers: [PartitionReader] = []
  /// The reader whose turn it is.
  private var turn = 0
  /// The next offset to deliver of partitions that are not assigned now.
  var positions = PartitionOffsets()
  /// The record before that offset.
  var marks: [TopicPartition: RecordMark] = [:]
  var paused: Set<TopicPartition> = []
  var events: [SourceEvent] = []
  var known = SourceStatus()
  /// Topics that a broker said it does not have.
  var missingTopics: Set<String> = []
  /// Why no broker can be used, while that is so.
  var connectionProblem: String?
  /// Brokers that the cluster names and that cannot be reached, with when that was last reported.
  var unreachable: [String: (sentence: String, at: UInt64)] = [:]
  /// An error of one topic or the group that others do not share.
  var otherProblem: String?
  var nextLookUp: UInt64 = 0
  var isAssignedDirectly = false
  /// A partition that stopped on a gap can go on.
  var needsReassignment = false
  private var isClosed = false

  /// Checks the settings; nothing is sent before `start(at:)`.
  public init(
    configuration: RecommenderConfiguration, membership: Membership = .group, log: Log = .disabled
  ) throws(KafkaError) {
    topics = configuration.input.topics
    self.membership = membership
    onGap = configuration.kafka.onGap
    staysMember = configuration.kafka.staticMembership
    group = configuration.kafka.groupID
    self.log = log
    let properties = try KafkaProperties.consumer(
      configuration.kafka, instance: configuration.instance.id, membership: membership)
    client = try KafkaClient(RD_KAFKA_CONSUMER, properties: properties, callbacks: KafkaCallbacks(log: log))
    inspector = LogInspector(client: client, wakes: wakes)
    client.redirectMainQueue()
    let queue = KafkaQueue(consumerOf: client)
    queue.wake(wakes)
    consumerQueue = queue
    client.callbacks.onRebalance = { [unowned self] code, partitions in rebalance(code, partitions) }
    client.callbacks.onError = { [unowned self] code, reason in noteError(code, reason) }
    client.callbacks.onCommit = { [unowned self] code in noteCommit(code) }
  }

  deinit { close() }

  public func start(at offsets: PartitionOffsets, marks: [TopicPartition: RecordMark]) {
    positions = offsets
    self.marks = marks
    lookUp()
    guard membership == .group else { return }
    subscribe()
  }

  public func poll(max: Int, maxBytes: Int, timeout: Duration) -> SourceBatch {
    var batch = SourceBatch()
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    while true {
      if MonotonicClock.nanoseconds() >= nextLookUp { lookUp() }
      serveConsumerQueue()
      takeFindings()
      reassignIfNeeded()
      drain(PollBudget(records: max, bytes: maxBytes))
      batch.parts = readers.compactMap { $0.takeBatch() }
      batch.events = events
      events = []
      let now = MonotonicClock.nanoseconds()
      guard batch.parts.isEmpty, batch.events.isEmpty, now < deadline else { break }
      if wakes.wait(nanoseconds: deadline - now) { break }
    }
    if !batch.parts.isEmpty { noteAnswer() }
    return batch
  }

  /// Ends a poll that waits, or the next one; from any thread.
  public func wake() { wakes.signal(.request) }

  /// Ends a poll like `wake`, for owners that must not keep the source itself alive or on another thread.
  public var waker: @Sendable () -> Void {
    let wakes = wakes
    return { wakes.signal(.request) }
  }

  public func commit(_ offsets: PartitionOffsets) {
    let assigned = Set(readers.map(\.id))
    let own = offsets.next.filter { assigned.contains($0.key) }
    guard !own.isEmpty else { return }
    let code = client.commit(own)
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { noteCommit(code) }
  }

  /// A paused partition's queue is simply not emptied: librdkafka stops fetching when it is full, and nothing has to be sought
  /// or purged, which is where version 2.0.2 loses records.
  public func setPaused(_ isPaused: Bool, _ partition: TopicPartition) {
    if isPaused { paused.insert(partition) } else { paused.remove(partition) }
    readers.first { $0.id == partition }?.isPaused = isPaused
  }

  @discardableResult public func close(timeout: Duration) -> Bool {
    guard !isClosed else { return true }
    isClosed = true
    for reader in readers { positions[reader.id] = reader.position }
    // librdkafka requires this order: queues, group, client (which the inspector may keep a little longer).
    readers = []
    consumerQueue = nil
    // A pending rebalance has to be answered, and from `deinit` this object can no longer do that.
    client.callbacks.onError = nil
    client.callbacks.onCommit = nil
    client.callbacks.onRebalance = { [unowned client] code, partitions in client.giveBack(code, partitions) }
    let isClosedInTime = client.closeConsumer(leaving: membership == .group && !staysMember, timeout: timeout)
    if isClosedInTime, membership == .group {
      log.info(
        staysMember
          ? "this engine keeps its place in the consumer group until its session ends (kafka.static_membership)"
          : "this engine has left the consumer group", ["group": group])
    }
    return isClosedInTime
  }

  func subscribe() {
    do {
      try client.subscribe(to: topics)
    } catch {
      events.append(.fatal("cannot subscribe to \(topics.joined(separator: ", ")): \(error)"))
    }
  }
}

// MARK: - Taking records

extension KafkaRecordSource {
  private func serveConsumerQueue() {
    // Bounded, so that a storm of errors cannot keep records waiting.
    for _ in 0..<256 {
      guard let message = client.serveConsumer() else { return }
      let reader = message.topicPartition.flatMap { id in readers.first { $0.id == id } }
      take(message, reader)
    }
  }

  /// Each partition in turn delivers at most its share, until the budget is used up or all are empty.
  private func drain(_ budget: consuming PollBudget) {
    guard !readers.isEmpty else { return }
    let share = max(1, (budget.records + readers.count - 1) / readers.count)
    var emptyInARow = 0
    while budget.hasRoom, emptyInARow < readers.count {
      let reader = readers[turn % readers.count]
      let count = reader.delivers ? take(from: reader, share, &budget) : 0
      emptyInARow = count == 0 ? emptyInARow + 1 : 0
      // A record that did not fit comes first in the next batch.
      if budget.hasRoom || count == share { turn = (turn + 1) % readers.count }
    }
  }

  private func take(from reader: PartitionReader, _ share: Int, _ budget: inout PollBudget) -> Int {
    var count = 0
    while count < share, reader.delivers, let message = reader.takeMessage({ budget.take($0) }) {
      take(message, reader)
      count += 1
    }
    return count
  }

  private func take(_ message: consuming KafkaMessage, _ reader: PartitionReader?) {
    guard message.code == RD_KAFKA_RESP_ERR_NO_ERROR else { return takeError(message, reader) }
    guard let reader else { return }
    let offset = message.offset
    if let mark = reader.verification {
      // A later record: the one to compare with was compacted.
      reader.verification = nil
      if offset == mark.offset, RecordMark(message.record()) != mark { return haltRecreated(reader, mark) }
    }
    if let next = reader.next {
      // Left over from before a seek or a reassignment.
      if offset < next { return }
      known.offsetGaps += Int(offset - next)
    }
    reader.append(message.record())
  }

  private func takeError(_ message: borrowing KafkaMessage, _ reader: PartitionReader?) {
    switch message.code {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      guard let reader else { return }
      if let mark = reader.verification {
        reader.verification = nil
        if message.offset <= mark.offset { return haltRecreated(reader, mark) }
      }
      reader.endSeen = message.offset
      if reader.next == nil { reader.next = message.offset }
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      known.errors["OFFSET_OUT_OF_RANGE", default: 0] += 1
      guard let reader, reader.state == .reading else { return }
      inspect(reader, expected: reader.fetchOffset ?? 0)
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      noteError(message.code, message.reason)
      guard let reader, reader.state == .reading else { return }
      halt(
        reader, reader.next ?? 0,
        "a batch of records cannot be decompressed, or needs more than kafka.consumer.receive.message.max.bytes "
          + "(\(KafkaProperties.decompressedBatchBytesMax) bytes by default) for that: raise it if the producer is trusted")
    default: noteError(message.code, message.reason)
    }
  }
}
