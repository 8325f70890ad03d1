import CRdKafka
import StreamingRecommender

/// One queue of a client: a partition's fetched records, the consumer's events, or an administration call's answers.
final class KafkaQueue {
  let pointer: OpaquePointer
  private let client: KafkaClient
  private var wakes: WakePipe?

  /// A queue of its own, for answers.
  init(answersOf client: KafkaClient) {
    self.client = client
    pointer = rd_kafka_queue_new(client.pointer)
  }

  /// Rebalances, errors and commit outcomes.
  init(consumerOf client: KafkaClient) {
    self.client = client
    pointer = rd_kafka_queue_get_consumer(client.pointer)
  }

  /// The records of one partition. They stop flowing into the consumer queue, where in librdkafka 2.0.2 a batch call can lose
  /// some around seek and rebalance, and where they come at half the speed. Make it before the partition is assigned.
  init?(partition: TopicPartition, of client: KafkaClient) {
    guard let pointer = rd_kafka_queue_get_partition(client.pointer, partition.topic, partition.partition) else { return nil }
    self.client = client
    self.pointer = pointer
    rd_kafka_queue_forward(pointer, nil)
  }

  deinit {
    if wakes != nil { rd_kafka_queue_io_event_enable(pointer, -1, nil, 0) }
    rd_kafka_queue_destroy(pointer)
  }

  /// Writes to `pipe` whenever the first element arrives in the empty queue.
  func wake(_ pipe: WakePipe) {
    wakes = pipe
    var byte = WakePipe.Reason.queue.rawValue
    rd_kafka_queue_io_event_enable(pointer, pipe.writeEnd, &byte, 1)
  }

  /// Takes what is there, at most `buffer.count`, without waiting. The caller destroys the messages.
  func take(into buffer: UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>) -> Int {
    max(0, rd_kafka_consume_batch_queue(pointer, 0, buffer.baseAddress, buffer.count))
  }
}
