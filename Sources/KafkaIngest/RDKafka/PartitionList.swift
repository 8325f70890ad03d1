import CRdKafka
import StreamingRecommender

/// librdkafka's list of partitions with offsets.
final class PartitionList {
  let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(capacity: Int = 8) { pointer = rd_kafka_topic_partition_list_new(Int32(capacity)) }
  deinit { rd_kafka_topic_partition_list_destroy(pointer) }

  func append(_ partition: TopicPartition, offset: Int64 = PartitionList.beginning) {
    rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition).pointee.offset = offset
  }

  /// The earliest record, whatever its offset.
  static let beginning = Int64(RD_KAFKA_OFFSET_BEGINNING)
}

extension UnsafeMutablePointer<rd_kafka_topic_partition_list_t> {
  /// The elements of a list that librdkafka lends during a callback.
  var elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t> {
    UnsafeMutableBufferPointer(start: pointee.elems, count: Int(pointee.cnt))
  }
}

extension TopicPartition {
  init(_ element: rd_kafka_topic_partition_t) {
    self.init(topic: String(cString: element.topic), partition: element.partition)
  }
}
