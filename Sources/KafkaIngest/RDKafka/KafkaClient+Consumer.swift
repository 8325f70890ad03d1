import CRdKafka
import Foundation
import StreamingRecommender
import Telemetry

extension KafkaClient {
  /// Lets `serve` also receive what a consumer's main queue gets: errors, commits, rebalances.
  func redirectMainQueue() { rd_kafka_poll_set_consumer(pointer) }

  func subscribe(to topics: [String]) throws(KafkaError) {
    let list = PartitionList()
    for topic in topics { list.append(TopicPartition(topic: topic, partition: -1)) }
    let code = rd_kafka_subscribe(pointer, list.pointer)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code) }
  }

  /// Serves callbacks, and gives the next message of the consumer queue: an error, as records come on the partitions' queues.
  func serveConsumer() -> KafkaMessage? { rd_kafka_consumer_poll(pointer, 0).map(KafkaMessage.init) }

  /// The next record or error of a consumer whose partitions have no queues of their own; waits at most `timeoutMilliseconds`.
  func nextMessage(timeoutMilliseconds: Int32) -> KafkaMessage? {
    rd_kafka_consumer_poll(pointer, timeoutMilliseconds).map(KafkaMessage.init)
  }

  /// Starts reading at the offsets in `list`.
  func assign(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> rd_kafka_resp_err_t {
    rd_kafka_assign(pointer, list)
  }

  var usesIncrementalRebalance: Bool {
    rd_kafka_rebalance_protocol(pointer).map { String(cString: $0) } == "COOPERATIVE"
  }

  func incrementalAssign(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> rd_kafka_resp_err_t {
    code(of: rd_kafka_incremental_assign(pointer, list))
  }

  func incrementalUnassign(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> rd_kafka_resp_err_t {
    code(of: rd_kafka_incremental_unassign(pointer, list))
  }

  /// Answers a rebalance of a consumer that is being closed.
  func giveBack(_ code: rd_kafka_resp_err_t, _ partitions: UnsafePointer<rd_kafka_topic_partition_list_t>) {
    guard usesIncrementalRebalance else {
      _ = assign(nil)
      return
    }
    _ = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? incrementalAssign(partitions) : incrementalUnassign(partitions)
  }

  private func code(of error: OpaquePointer?) -> rd_kafka_resp_err_t {
    guard let error else { return RD_KAFKA_RESP_ERR_NO_ERROR }
    defer { rd_kafka_error_destroy(error) }
    return rd_kafka_error_code(error)
  }

  /// Does not wait; the outcome comes to `callbacks.onCommit`.
  func commit(_ offsets: [TopicPartition: Int64]) -> rd_kafka_resp_err_t {
    let list = PartitionList()
    for (partition, offset) in offsets { list.append(partition, offset: offset) }
    return rd_kafka_commit(pointer, list.pointer, 1)
  }

  /// The offsets that the group has committed; partitions without one are left out, and all if the broker does not answer.
  func committed(_ partitions: [TopicPartition], timeoutMilliseconds: Int32) -> [TopicPartition: Int64] {
    let list = PartitionList(capacity: partitions.count)
    for partition in partitions { list.append(partition) }
    guard rd_kafka_committed(pointer, list.pointer, timeoutMilliseconds) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [:] }
    let found = list.pointer.elements.filter { $0.offset >= 0 && $0.err == RD_KAFKA_RESP_ERR_NO_ERROR }
    return Dictionary(found.map { (TopicPartition($0), $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  /// The end of a partition's log as the last fetch saw it; `nil` before the first one.
  func cachedHighWatermark(of partition: TopicPartition) -> Int64? {
    var low: Int64 = 0
    var high: Int64 = -1
    let code = rd_kafka_get_watermark_offsets(pointer, partition.topic, partition.partition, &low, &high)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
  }

  /// Closes the consumer after a last rebalance callback; every queue must be gone before.
  ///
  /// A static member keeps its place in the group until its session ends, unless it is `leaving`.
  ///
  /// librdkafka waits for a broker that does not answer until the session ends. After `timeout` that wait goes on in a thread of
  /// its own, which keeps this client alive, and the result is false.
  func closeConsumer(leaving: Bool, timeout: Duration) -> Bool {
    let closed = DispatchSemaphore(value: 0)
    let thread = Thread { [self] in
      if leaving { leaveGroup(timeout: timeout / 2) }
      rd_kafka_consumer_close(pointer)
      closed.signal()
    }
    thread.name = "freshet-kafka-close"
    thread.start()
    return closed.wait(timeout: .now() + .nanoseconds(Int(clamping: timeout.nanoseconds))) == .success
  }
  /// librdkafka sends no LeaveGroup for a static member that closes, but it does for one that unsubscribes, once the assignment is
  /// given back.
  private func leaveGroup(timeout: Duration) {
    guard rd_kafka_unsubscribe(pointer) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    repeat {
      if let message = rd_kafka_consumer_poll(pointer, 20) { rd_kafka_message_destroy(message) }
    } while hasAssignment && MonotonicClock.nanoseconds() < deadline
    // Closing forbids the request if it is not under way yet.
    if let message = rd_kafka_consumer_poll(pointer, 100) { rd_kafka_message_destroy(message) }
  }

  private var hasAssignment: Bool {
    var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    guard rd_kafka_assignment(pointer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return false }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    return list.pointee.cnt > 0
  }
}
