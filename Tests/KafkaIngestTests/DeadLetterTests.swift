import KafkaIngest
import RecommenderTestKit
import StreamingRecommender
import Testing

func letter(
  _ topic: String, partition: Int32 = 0, offset: Int64 = 7, key: [UInt8]? = [1, 255], value: [UInt8]? = [0, 200, 3]
) -> DeadLetter {
  DeadLetter(
    source: TopicPartition(topic: topic, partition: partition),
    record: Record(
      offset: offset, timestampMilliseconds: 5, key: key, value: value,
      headers: [RecordHeader(name: "trace", value: [9])]),
    reason: "bad_json", message: "unexpected end")
}

func deadLetterSink(_ bootstrapServers: String, _ topic: String, dlqTopic: String = "") throws -> KafkaDeadLetterSink {
  var configuration = configuration(bootstrapServers, topic)
  configuration.instance.id = "host-1"
  configuration.kafka.dlqTopic = dlqTopic
  return try KafkaDeadLetterSink(configuration: configuration, version: "1.2.3")
}

/// Everything in a topic of the embedded broker.
func readAll(_ bootstrapServers: String, _ topic: String, count: Int) throws -> [Record] {
  try readParts(bootstrapServers, topic, count: count).records
}

func readParts(_ bootstrapServers: String, _ topic: String, count: Int) throws -> [RecordBatch] {
  let source = try KafkaRecordSource(configuration: configuration(bootstrapServers, topic), membership: .direct)
  defer { source.close() }
  source.start(at: PartitionOffsets())
  return read(source) { $0.records.count >= count }.parts
}

func header(_ record: Record?, _ name: String) -> String? {
  record?.headers.first { $0.name == "__freshet.errors." + name }.map { String(decoding: $0.value, as: UTF8.self) }
}

@Suite(.serialized) struct DeadLetterTests {
  @Test func aDeadLetterKeepsKeyValuePartitionAndHeadersAndSaysWhy() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 3)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    sink.send(letter(topic, partition: 2))
    #expect(sink.lastSequence == 1)
    #expect(sink.flush(timeout: .seconds(10)))
    #expect(sink.acknowledgedThrough == 1)
    #expect(sink.unacknowledged.isEmpty)
    let part = try readParts(broker.bootstrapServers, topic + ".dlq", count: 1).first
    let record = part?.records.first
    #expect(part?.source.partition == 2)
    #expect(record?.key == [1, 255])
    #expect(record?.value == [0, 200, 3])
    #expect(record?.headers.first == RecordHeader(name: "trace", value: [9]))
    let names = ["topic", "partition", "offset", "reason", "stage", "message", "instance", "version", "truncated"]
    #expect(
      names.map { header(record, $0) } == [topic, "2", "7", "bad_json", "decode", "unexpected end", "host-1", "1.2.3", nil])
  }

  @Test func aTombstoneStaysATombstone() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic("letters", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic, dlqTopic: "letters")
    sink.send(letter(topic, key: nil, value: nil))
    #expect(sink.flush(timeout: .seconds(10)))
    let record = try readAll(broker.bootstrapServers, "letters", count: 1).first
    #expect(record?.key == nil)
    #expect(record?.value == nil)
    #expect(header(record, "reason") == "bad_json")
  }

  @Test func aRefusedRecordIsCutAndSaysSo() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    // MSG_SIZE_TOO_LARGE
    broker.pushErrors(apiKey: 0, codes: [10])
    sink.send(letter(topic, value: [UInt8](repeating: 7, count: 100_000)))
    #expect(sink.flush(timeout: .seconds(10)))
    #expect(sink.failures == 1)
    let record = try readAll(broker.bootstrapServers, topic + ".dlq", count: 1).first
    #expect(record?.value?.count == 65_536)
    #expect(record?.key == [1, 255])
    #expect(header(record, "truncated")?.contains("100000") == true)
  }

  @Test func aRecordAboveTheClientsLimitIsCut() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    sink.send(letter(topic, value: [UInt8](repeating: 7, count: 5_000_000)))
    #expect(sink.flush(timeout: .seconds(10)))
    #expect(sink.failures == 0, "cut before it was sent")
    let record = try readAll(broker.bootstrapServers, topic + ".dlq", count: 1).first
    #expect(record?.value?.count == 65_536)
    #expect(header(record, "truncated") == "value of 5000000 bytes, key of 2 bytes")
  }

  @Test func aVerySmallLimitLeavesTheReason() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    // MSG_SIZE_TOO_LARGE, twice
    broker.pushErrors(apiKey: 0, codes: [10, 10])
    sink.send(letter(topic, key: [UInt8](repeating: 1, count: 3000), value: [UInt8](repeating: 7, count: 100_000)))
    #expect(sink.flush(timeout: .seconds(10)))
    let record = try readAll(broker.bootstrapServers, topic + ".dlq", count: 1).first
    #expect(record?.value?.count == 1024)
    #expect(record?.key?.count == 1024)
    #expect(record?.headers.allSatisfy { $0.name.hasPrefix("__freshet.errors.") } == true)
    #expect(header(record, "reason") == "bad_json")
    #expect(header(record, "truncated") == "value of 100000 bytes, key of 3000 bytes")
  }

  @Test func moreThanTheProducersQueueIsDelivered() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    let value = [UInt8](repeating: 7, count: 3_000_000)
    for offset in 0..<20 { sink.send(letter(topic, offset: Int64(offset), value: value)) }
    #expect(sink.lastSequence == 20)
    #expect(sink.flush(timeout: .seconds(30)))
  }

  @Test func anUnwritableTopicIsTriedUntilItWorks() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    // TOPIC_AUTHORIZATION_FAILED, permanent for librdkafka
    broker.pushErrors(apiKey: 0, codes: [29, 29])
    for offset in 0..<3 { sink.send(letter(topic, offset: Int64(offset))) }
    #expect(!sink.flush(timeout: .milliseconds(150)))
    #expect(sink.unacknowledged == [TopicPartition(topic: topic, partition: 0): 3])
    #expect(sink.acknowledgedThrough == 0)
    #expect(sink.flush(timeout: .seconds(15)))
    #expect(sink.failures >= 3)
    let records = try readAll(broker.bootstrapServers, topic + ".dlq", count: 3)
    #expect(Set(records.compactMap { header($0, "offset") }) == ["0", "1", "2"])
  }

  @Test func fewerPartitionsThanTheInputAreEnough() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("dead")
    try broker.createTopic(topic + ".dlq", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    for partition: Int32 in [0, 5, 5] { sink.send(letter(topic, partition: partition)) }
    #expect(sink.flush(timeout: .seconds(15)))
    let records = try readAll(broker.bootstrapServers, topic + ".dlq", count: 3)
    #expect(records.count == 3)
    #expect(records.compactMap { header($0, "partition") }.sorted() == ["0", "5", "5"])
  }
}
