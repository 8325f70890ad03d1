import CRdKafka
import Pipeline
import StreamingRecommender
import Telemetry

/// One assigned partition: its queue, what was taken from it, and the position.
final class PartitionReader {
  enum State: Equatable {
    case reading
    /// The broker reports that the log does not hold `expected`; the inspector requests the offsets it holds.
    case inspecting(expected: Int64)
    /// The inspector got no response; it retries at this time (monotonic nanoseconds).
    case inspectingAgain(expected: Int64, at: UInt64)
    /// The topic may have been created again; nothing is delivered before the next assignment verifies it.
    case suspended
    /// Waits for an operator.
    case halted(String)
  }

  let id: TopicPartition
  let queue: KafkaQueue
  var state = State.reading
  var isPaused = false
  /// The next offset to deliver; `nil` until the first record where reading starts at the earliest.
  var next: Int64?
  /// The last record that was delivered.
  private(set) var mark: RecordMark?
  /// Set while the record before `next` must be read again and compared with this mark.
  var verification: RecordMark?
  /// The offset at which the last fetch reached the end; beyond `next` after transaction markers.
  var endSeen: Int64 = 0
  /// Since when reading has stood at the end that the last fetch reached while the log goes on behind it.
  private var heldSince: UInt64?
  /// From the inspector; used until the first fetch.
  var watermarks: ClosedRange<Int64>?

  /// Records for the batch that is being put together.
  private var records: [Record] = []
  /// Messages that were taken from the queue and have not been read: the first `fetchedCount`, from `fetchedNext` on.
  private let fetched = UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>.allocate(capacity: 256)
  private var fetchedNext = 0
  private var fetchedCount = 0

  init(_ id: TopicPartition, queue: KafkaQueue, next: Int64?, mark: RecordMark?) {
    self.id = id
    self.queue = queue
    self.next = next
    self.mark = mark
    verify()
  }

  deinit {
    discardFetched()
    fetched.deallocate()
  }

  var delivers: Bool { state == .reading && !isPaused }

  /// The next message, if its size passes `admits`; one that does not is kept for the next call. Never waits.
  func takeMessage(_ admits: (Int) -> Bool) -> KafkaMessage? {
    if fetchedNext == fetchedCount {
      fetchedCount = queue.take(into: fetched)
      fetchedNext = 0
    }
    guard fetchedNext < fetchedCount, let pointer = fetched[fetchedNext] else { return nil }
    guard KafkaMessage.isError(pointer) || admits(KafkaMessage.size(of: pointer)) else { return nil }
    fetchedNext += 1
    return KafkaMessage(pointer)
  }

  /// Drops what was taken from the queue and not read; the next assignment fetches it again.
  func discardFetched() {
    for index in fetchedNext..<fetchedCount { rd_kafka_message_destroy(fetched[index]) }
    fetchedNext = 0
    fetchedCount = 0
  }

  func append(_ record: Record) {
    records.append(record)
    next = record.offset + 1
  }

  /// The records since the last call; `nil` if there are none.
  func takeBatch() -> RecordBatch? {
    guard !records.isEmpty else { return nil }
    defer { records = [] }
    let batch = RecordBatch(source: id, records: records)
    mark = batch.mark
    return batch
  }

  /// Compares the record before `next` with the mark from the next assignment on, if there is one.
  func verify() {
    guard records.isEmpty, let mark, mark.offset + 1 == next else { return }
    verification = mark
  }

  /// Where the next assignment starts; `nil` for the earliest record.
  var fetchOffset: Int64? { verification?.offset ?? next }

  /// The next offset that `poll` has not returned.
  var position: Int64? { records.first?.offset ?? next }

  /// A producer that commits leaves its transaction open for less.
  static let transactionPatience = Duration.seconds(3)

  /// Where an open transaction holds back the rest of the partition: a fetch that reads committed records ends at the last stable offset,
  /// before the end of the log.
  func transaction(highWatermark: Int64?, now: UInt64) -> OpenTransaction? {
    guard let high = highWatermark, let next, next == endSeen, high > endSeen, state == .reading, !isPaused else {
      heldSince = nil
      return nil
    }
    let since = heldSince ?? now
    heldSince = since
    return now - since >= Self.transactionPatience.nanoseconds ? OpenTransaction(offset: next, end: high) : nil
  }

  func lag(highWatermark cached: Int64?) -> Int64? {
    guard let high = cached ?? watermarks?.upperBound else { return nil }
    // A partition that starts at the earliest has no position before its first record.
    guard let position = next ?? watermarks?.lowerBound else { return nil }
    return max(0, high - max(position, endSeen))
  }
}
