import Foundation
import KafkaIngest
import RecommenderTestKit
import StreamingRecommender
import Telemetry
import Testing

@Suite(.serialized) struct EmbeddedBrokerTests {
  @Test func aGroupMemberGetsAllPartitionsAndReadsFromItsOwnOffsets() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("group")
    try broker.createTopic(topic, partitions: 2)
    try write(broker.bootstrapServers, topic, (0..<20).map { (nil, "\($0)", Int32($0 % 2)) })
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .group)
    source.start(at: PartitionOffsets([TopicPartition(topic: topic, partition: 1): 6]))
    let batch = read(source) { $0.records.count >= 14 }
    #expect(batch.parts.records(of: 1).map(\.offset) == [6, 7, 8, 9])
    #expect(batch.parts.records(of: 0).map(\.offset) == Array(0..<10))
    #expect(source.status.rebalances == 1)
    source.close()
  }

  @Test func ourPlacementOfKeysIsTheBrokersClientsPlacement() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("placement")
    try broker.createTopic(topic, partitions: 7)
    let keys = (0..<300).map { "user-\($0 * 7919)" } + ["a", "ab", "abc", "abcd", "ü", "\u{1F600}x"]
    try write(broker.bootstrapServers, topic, keys.map { ($0, $0, nil) })
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .direct)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    let parts = read(source) { $0.count >= keys.count }.parts
    #expect(parts.records.count == keys.count)
    for part in parts {
      for record in part.records {
        #expect(KafkaPartitioner.partition(ofKey: record.key ?? [], partitions: 7) == part.source.partition)
      }
    }
  }

  @Test func aRecordKeepsKeyValueHeadersAndTime() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("bytes")
    try broker.createTopic(topic, partitions: 1)
    var kafka = RecommenderConfiguration.Kafka()
    kafka.bootstrapServers = broker.bootstrapServers
    var deliveries: [KafkaEventProducer.Delivery] = []
    let producer = try KafkaEventProducer(kafka: kafka, pace: .embedded) { deliveries.append($0) }
    let headers = [RecordHeader(name: "a", value: [0, 255]), RecordHeader(name: "empty", value: []), RecordHeader(name: "a", value: [1])]
    try producer.produce(
      topic: topic, key: [0, 1, 255], value: [], timestampMilliseconds: 1_700_000_000_123, headers: headers, index: 41)
    try producer.produce(topic: topic, key: bytes("gone"), value: nil, index: 42)
    #expect(producer.flush(timeout: .seconds(10)))
    #expect(deliveries.map(\.index) == [41, 42])
    #expect(deliveries.map(\.offset) == [0, 1])
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .direct)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    let records = read(source) { $0.records.count >= 2 }.records
    #expect(
      records.first
        == Record(
          offset: 0, timestampMilliseconds: 1_700_000_000_123, key: [0, 1, 255], value: [], headers: headers))
    #expect(records.last?.value == nil)
    #expect(records.last?.key == bytes("gone"))
  }

  @Test func anEmptyKeyIsRefused() throws {
    let producer = try KafkaEventProducer(kafka: RecommenderConfiguration.Kafka(), pace: .bulk)
    #expect(throws: KafkaError.self) { try producer.produce(topic: "events", key: [], value: [1]) }
  }

  @Test func wakeEndsAWaitingPoll() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("wake")
    try broker.createTopic(topic, partitions: 1)
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .direct)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    read(source) { !$0.events.isEmpty }
    let waker = source.waker
    let began = ContinuousClock.now
    Thread.detachNewThread {
      usleep(50_000)
      waker()
    }
    _ = source.poll(max: 10, timeout: .seconds(10))
    #expect(ContinuousClock.now - began < .seconds(10))
    #expect(ContinuousClock.now - began >= .milliseconds(45))
  }

  @Test func aBrokerThatGoesAndComesBackLosesAndRepeatsNothing() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("away")
    try broker.createTopic(topic, partitions: 2)
    try write(broker.bootstrapServers, topic, (0..<40).map { (nil, "\($0)", Int32($0 % 2)) })
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .direct)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    var parts = read(source) { $0.records.count >= 40 }.parts
    try broker.setDown()
    read(source) { _ in !source.status.isUp }
    #expect(!source.status.isUp)
    #expect(source.status.problem?.contains("kafka.bootstrap_servers") == true)
    #expect(!source.status.errors.isEmpty)
    try broker.setUp()
    try write(broker.bootstrapServers, topic, (40..<60).map { (nil, "\($0)", Int32($0 % 2)) })
    parts += read(source) { $0.records.count >= 20 }.parts
    #expect(source.status.isUp)
    #expect(source.status.problem == nil)
    #expect(parts.records(of: 0).map(\.offset) == Array(0..<30))
    #expect(parts.records(of: 1).map(\.offset) == Array(0..<30))
  }

  @Test func closingDoesNotWaitForAnAbsentBroker() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("closing")
    try broker.createTopic(topic, partitions: 1)
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .group)
    source.start(at: PartitionOffsets())
    read(source) { !$0.events.isEmpty }
    try broker.setDown()
    read(source) { _ in !source.status.isUp }
    let began = ContinuousClock.now
    source.close()
    // Well below the session time-out, which is what waiting for the broker would take.
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func fetchErrorsAreSurvived() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("errors")
    try broker.createTopic(topic, partitions: 1)
    let source = try KafkaRecordSource(configuration: configuration(broker.bootstrapServers, topic), membership: .direct)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    try write(broker.bootstrapServers, topic, (0..<10).map { (nil, "\($0)", 0) })
    var records = read(source) { $0.records.count >= 10 }.records
    // Not the leader, out of range (though it is not), storage error.
    for code in [6, 1, 56] {
      broker.pushErrors(apiKey: 1, codes: [code])
      try write(broker.bootstrapServers, topic, (0..<10).map { (nil, "\($0)", 0) })
      let more = read(source) { $0.records.count >= 10 }
      records += more.records
      #expect(!more.events.contains { if case .gap = $0 { true } else { false } })
    }
    #expect(records.map(\.offset) == Array(0..<40))
    #expect(source.status.halted.isEmpty)
  }

  @Test func anOffsetBeyondTheEndHaltsWithAdvice() throws {
    let broker = try EmbeddedBroker()
    let topic = freshTopic("recreated")
    try broker.createTopic(topic, partitions: 1)
    try write(broker.bootstrapServers, topic, (0..<10).map { (nil, "\($0)", 0) })
    var configuration = configuration(broker.bootstrapServers, topic)
    configuration.kafka.onGap = .earliest
    let source = try KafkaRecordSource(configuration: configuration, membership: .direct)
    defer { source.close() }
    let id = TopicPartition(topic: topic, partition: 0)
    source.start(at: PartitionOffsets([id: 500]))
    let batch = read(source) { $0.events.count >= 2 }
    #expect(batch.events.last == .gap(id, expected: 500, resumed: nil))
    #expect(source.status.halted[id]?.contains("created again") == true)
    #expect(batch.records.isEmpty)
  }

  @Test func embeddedConsumeRateAndLatencyArePrinted() throws {
    let broker = try EmbeddedBroker()
    try measure("embedded", broker.bootstrapServers, pace: .embedded, membership: .direct) { topic, partitions in
      try broker.createTopic(topic, partitions: partitions)
    }
  }
}

/// Prints consume rate and produce-to-poll latency.
func measure(
  _ name: String, _ bootstrapServers: String, pace: KafkaProperties.Pace, membership: KafkaRecordSource.Membership,
  createTopic: (String, Int) throws -> Void
) throws {
  let count = 200_000
  let topic = freshTopic("rate")
  try createTopic(topic, 8)
  var kafka = RecommenderConfiguration.Kafka()
  kafka.bootstrapServers = bootstrapServers
  let bulk = try KafkaEventProducer(kafka: kafka, pace: .bulk)
  let filler = String(repeating: "x", count: 60)
  for index in 0..<count {
    let value = "{\"user_id\":\"u\(index % 5000)\",\"item_id\":\"i\(index % 700)\",\"session_id\":\"\(filler)\"}"
    try bulk.produce(topic: topic, key: bytes("u\(index % 5000)"), value: bytes(value))
  }
  #expect(bulk.flush(timeout: .seconds(30)))
  let source = try KafkaRecordSource(configuration: configuration(bootstrapServers, topic), membership: membership)
  defer { source.close() }
  source.start(at: PartitionOffsets())
  var seen = 0
  var began = MonotonicClock.nanoseconds()
  let deadline = began + 30_000_000_000
  while seen < count, MonotonicClock.nanoseconds() < deadline {
    let batch = source.poll(max: 2000, timeout: .milliseconds(100))
    if seen == 0, !batch.records.isEmpty { began = MonotonicClock.nanoseconds() }
    seen += batch.records.count
  }
  let seconds = Double(MonotonicClock.nanoseconds() - began) / 1e9
  #expect(seen == count)

  let latencies = try pollLatencies(source, topic, kafka, pace)
  print(
    "\(name): consumed \(seen) records at \(Int(Double(seen) / seconds)) records/s;",
    "produce to poll, one at a time, ms: p50 \(latencies[latencies.count / 2]) p99 \(latencies[latencies.count * 99 / 100])")
}

private func pollLatencies(
  _ source: KafkaRecordSource, _ topic: String, _ kafka: RecommenderConfiguration.Kafka, _ pace: KafkaProperties.Pace
) throws -> [Double] {
  let producer = try KafkaEventProducer(kafka: kafka, pace: pace)
  var latencies: [Double] = []
  for round in 0..<220 {
    let began = MonotonicClock.nanoseconds()
    try producer.produce(topic: topic, key: bytes("u\(round % 50)"), value: bytes("{}"))
    while source.poll(max: 100, timeout: .seconds(2)).records.isEmpty {}
    // The first rounds make connections and find leaders.
    if round >= 20 { latencies.append((Double(MonotonicClock.nanoseconds() - began) / 1e4).rounded() / 100) }
    producer.serve()
  }
  return latencies.sorted()
}
