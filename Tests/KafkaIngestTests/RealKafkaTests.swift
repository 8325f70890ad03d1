import Foundation
import KafkaIngest
import RecommenderTestKit
import StreamingRecommender
import Telemetry
import Testing

@Suite(.serialized, .disabled(if: RealKafka.absence != nil, "no real Kafka (set KAFKA_HOME)"))
struct RealKafkaTests {
  private func makeTopic(_ name: String, partitions: Int) throws -> (broker: RealKafka.Broker, topic: String) {
    let broker = try RealKafka.broker()
    let topic = freshTopic(name)
    let administration = try TopicAdministration(kafka: configuration(broker.bootstrapServers, topic).kafka)
    #expect(try administration.ensureTopics([.events(topic, partitions: partitions)]) == [topic: .created])
    return (broker, topic)
  }

  private func source(
    _ broker: RealKafka.Broker, _ topic: String, membership: KafkaRecordSource.Membership = .group,
    _ change: (inout RecommenderConfiguration) -> Void = { _ in }
  ) throws -> KafkaRecordSource {
    var configuration = configuration(broker.bootstrapServers, topic)
    change(&configuration)
    return try KafkaRecordSource(configuration: configuration, membership: membership)
  }

  @Test func realKafkaSourceKeepsTheContract() throws {
    let violations = SourceContract.violations {
      let (broker, topic) = try makeTopic("contract", partitions: 3)
      return SourceContractLog(
        topic: topic, partitions: 3,
        append: { partition, values in
          try write(broker.bootstrapServers, topic, values.map { (nil, $0, partition) }, pace: .paced)
        },
        truncate: { partition, before in try deleteRecords(broker, topic, partition, before) },
        recreate: { try recreate(broker, topic, partitions: 3) },
        makeSource: { onGap in try source(broker, topic) { $0.kafka.onGap = onGap } })
    }
    #expect(violations == [])
  }

  private func recreate(_ broker: RealKafka.Broker, _ topic: String, partitions: Int) throws {
    _ = try? broker.tool("kafka-topics.sh --bootstrap-server \(broker.bootstrapServers) --delete --topic \(topic)")
    let administration = try TopicAdministration(kafka: configuration(broker.bootstrapServers, topic).kafka)
    let deadline = MonotonicClock.nanoseconds() + 20_000_000_000
    while MonotonicClock.nanoseconds() < deadline {
      if try administration.ensureTopics([.events(topic, partitions: partitions)])[topic] == .created { break }
      usleep(100_000)
    }
    while try administration.partitionCount(topic) == nil, MonotonicClock.nanoseconds() < deadline { usleep(50_000) }
  }

  @Test func aTopicSeenMissingAndThenRefilledHalts() throws {
    let (broker, topic) = try makeTopic("recreated", partitions: 1)
    let id = TopicPartition(topic: topic, partition: 0)
    try write(broker.bootstrapServers, topic, (0..<10).map { (nil, "old \($0)", 0) }, pace: .paced)
    let source = try source(broker, topic)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    read(source) { $0.count >= 10 }
    try broker.tool("kafka-topics.sh --bootstrap-server \(broker.bootstrapServers) --delete --topic \(topic)")
    read(source) { _ in source.status.problem?.contains("does not exist") == true }
    #expect(source.status.problem?.contains("does not exist") == true)
    try recreate(broker, topic, partitions: 1)
    try write(broker.bootstrapServers, topic, (0..<50).map { (nil, "new \($0)", 0) }, pace: .paced)
    let after = read(source, patience: .seconds(30)) { _ in source.status.halted[id] != nil }
    #expect(source.status.halted[id]?.contains("created again") == true)
    #expect(after.count == 0)
  }

  @Test func closingDoesNotWaitForAPausedBroker() throws {
    let (broker, topic) = try makeTopic("paused", partitions: 1)
    try write(broker.bootstrapServers, topic, (0..<10).map { (nil, "\($0)", 0) }, pace: .paced)
    let source = try source(broker, topic)
    source.start(at: PartitionOffsets())
    read(source) { $0.count >= 10 }
    try broker.pause()
    let began = MonotonicClock.nanoseconds()
    #expect(!source.close(timeout: .seconds(1)))
    let seconds = Double(MonotonicClock.nanoseconds() - began) / 1e9
    print("closing a consumer of a paused broker: \(seconds) s")
    #expect(seconds < 3)
    try broker.resume()
  }

  @Test func compressedRecordsDoNotFillTheMemory() throws {
    let (broker, topic) = try makeTopic("bomb", partitions: 1)
    var kafka = configuration(broker.bootstrapServers, topic).kafka
    kafka.producer = ["batch.size": "1000000", "linger.ms": "0"]
    let producer = try KafkaEventProducer(kafka: kafka, pace: .bulk)
    let spaces = [UInt8](repeating: 0x20, count: 990_000)
    for _ in 0..<Self.bombRecords { try producer.produce(topic: topic, key: nil, value: spaces, partition: 0) }
    #expect(producer.flush(timeout: .seconds(60)))
    let bounded = try peakOfReading(broker, topic, [:])
    // The bounds before these existed.
    let unbounded = try peakOfReading(
      broker, topic,
      ["fetch.message.max.bytes": "1048576", "fetch.max.bytes": "52428800", "receive.message.max.bytes": "100000000"])
    print("\(Self.bombRecords) records of 0.99 MB: \(bounded) MB resident at the peak, \(unbounded) MB with wider bounds")
    #expect(bounded < 500)
  }

  private static let bombRecords = 1500

  /// Megabytes by which this process grows while it reads everything.
  private func peakOfReading(_ broker: RealKafka.Broker, _ topic: String, _ properties: [String: String]) throws -> Int {
    let source = try source(broker, topic, membership: .direct) { $0.kafka.consumer = properties }
    defer { source.close() }
    source.start(at: PartitionOffsets())
    let before = ProcessMetrics.residentMemoryBytes() ?? 0
    var (count, peak) = (0, 0)
    let deadline = MonotonicClock.nanoseconds() + 40_000_000_000
    while count < Self.bombRecords, MonotonicClock.nanoseconds() < deadline {
      count += source.poll(max: 1000, timeout: .milliseconds(100)).count
      peak = max(peak, (ProcessMetrics.residentMemoryBytes() ?? 0) - before)
    }
    #expect(count == Self.bombRecords)
    return peak / 1_000_000
  }

  private func deleteRecords(_ broker: RealKafka.Broker, _ topic: String, _ partition: Int32, _ before: Int64) throws {
    let file = broker.directory + "/delete-\(topic).json"
    try #"{"version":1,"partitions":[{"topic":"\#(topic)","partition":\#(partition),"offset":\#(before)}]}"#
      .write(toFile: file, atomically: true, encoding: .utf8)
    try shell("'\(broker.home)/bin/kafka-delete-records.sh' --bootstrap-server \(broker.bootstrapServers) --offset-json-file '\(file)'")
  }

  @Test func topicsAreCreatedOnceAndThenDescribed() throws {
    let broker = try RealKafka.broker()
    let topic = freshTopic("made")
    let administration = try TopicAdministration(kafka: configuration(broker.bootstrapServers, topic).kafka)
    #expect(try administration.partitionCount(topic) == nil)
    let wanted = [TopicSpecification.events(topic, partitions: 5), .deadLetters(topic + ".dlq", partitions: 5)]
    #expect(try administration.ensureTopics(wanted) == [topic: .created, topic + ".dlq": .created])
    // The broker knows a new topic a moment after it has made it.
    let deadline = MonotonicClock.nanoseconds() + 10_000_000_000
    while try administration.partitionCount(topic) != 5, MonotonicClock.nanoseconds() < deadline { usleep(50_000) }
    #expect(try administration.partitionCount(topic) == 5)
    #expect(try administration.ensureTopics(wanted) == [topic: .exists(partitions: 5), topic + ".dlq": .exists(partitions: 5)])
    let bad = try administration.ensureTopics([TopicSpecification(name: topic + "-bad", partitions: 1, configuration: ["no.such": "1"])])
    guard case .failed(let reason) = bad[topic + "-bad"] else { return #expect(Bool(false), "\(bad)") }
    #expect(reason.contains("no.such"))
  }

  @Test func aMissingTopicIsWaitedForAndNamed() throws {
    let broker = try RealKafka.broker()
    let topic = freshTopic("late")
    let source = try source(broker, topic)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    read(source) { _ in source.status.problem != nil }
    #expect(source.status.problem?.contains("freshet topics create") == true)
    #expect(source.status.isUp)
    #expect(!source.status.holdsEverything)
    let administration = try TopicAdministration(kafka: configuration(broker.bootstrapServers, topic).kafka)
    #expect(try administration.ensureTopics([.events(topic, partitions: 2)]) == [topic: .created])
    read(source) { _ in source.status.holdsEverything }
    #expect(source.status.assigned == Set([0, 1].map { TopicPartition(topic: topic, partition: $0) }))
    #expect(source.status.problem == nil)
  }

  @Test func aKilledAndRestartedBrokerLosesAndRepeatsNothing() throws {
    let (broker, topic) = try makeTopic("killed", partitions: 2)
    try write(broker.bootstrapServers, topic, (0..<2000).map { (nil, "\($0)", Int32($0 % 2)) })
    let source = try source(broker, topic)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    var parts = read(source, max: 100) { $0.records.count >= 700 }.parts
    try broker.kill()
    parts += read(source) { _ in !source.status.isUp }.parts
    #expect(source.status.problem?.contains(broker.bootstrapServers) == true)
    try broker.start()
    try write(broker.bootstrapServers, topic, (2000..<3000).map { (nil, "\($0)", Int32($0 % 2)) })
    let missing = 3000 - parts.records.count
    parts += read(source, patience: .seconds(30)) { $0.records.count >= missing }.parts
    for partition: Int32 in [0, 1] {
      #expect(parts.records(of: partition).map(\.offset) == Array(0..<1500))
    }
    #expect(source.status.isUp)
    #expect(source.status.halted.isEmpty)
  }

  @Test func aSecondHolderOfTheMemberNameFencesTheFirst() throws {
    let (broker, topic) = try makeTopic("fenced", partitions: 1)
    let first = try source(broker, topic) { $0.kafka.groupInstanceID = "same" }
    first.start(at: PartitionOffsets())
    read(first) { !$0.events.isEmpty }
    let second = try source(broker, topic) { $0.kafka.groupInstanceID = "same" }
    second.start(at: PartitionOffsets())
    read(second) { !$0.events.isEmpty }
    let batch = read(first) { $0.events.contains { if case .displaced = $0 { true } else { false } } }
    let why = batch.events.compactMap { if case .displaced(let text) = $0 { text } else { nil } }.first
    #expect(why?.contains("kafka.group_instance_id") == true)
    first.close()
    second.close()
  }

  @Test func aCommitReachesTheBroker() throws {
    let (broker, topic) = try makeTopic("commit", partitions: 1)
    try write(broker.bootstrapServers, topic, (0..<20).map { (nil, "\($0)", 0) })
    let source = try source(broker, topic)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    read(source) { $0.records.count >= 20 }
    source.commit(PartitionOffsets([TopicPartition(topic: topic, partition: 0): 12]))
    for _ in 0..<10 { _ = source.poll(max: 1, timeout: .milliseconds(20)) }
    let described = try broker.tool(
      "kafka-consumer-groups.sh --bootstrap-server \(broker.bootstrapServers) --describe --group group-\(topic)")
    let columns = described.split(separator: "\n").last?.split(separator: " ").map(String.init) ?? []
    #expect(columns.prefix(5) == ["group-\(topic)", topic, "0", "12", "20"])
  }

  @Test func theOffsetsOfATimeAreThoseOfTheFirstRecordsSince() throws {
    let (broker, topic) = try makeTopic("times", partitions: 3)
    let kafka = configuration(broker.bootstrapServers, topic).kafka
    let producer = try KafkaEventProducer(kafka: kafka, pace: .paced)
    let start = WallClock.milliseconds() - 3_600_000
    for second in 0..<10 as Range<Int64> {
      try producer.produce(
        topic: topic, key: nil, value: bytes("\(second)"), timestampMilliseconds: start + second * 1000, partition: 0)
      if second < 3 {
        try producer.produce(topic: topic, key: nil, value: bytes("old"), timestampMilliseconds: start + second, partition: 1)
      }
    }
    #expect(producer.flush(timeout: .seconds(20)) && producer.failed == 0)
    let inspection = try ClusterInspection(kafka)
    let ids = (0..<3 as Range<Int32>).map { TopicPartition(topic: topic, partition: $0) }
    // Between two records; beyond all of a partition; an empty partition.
    let found = try inspection.offsets(since: start + 4500, of: ids)
    #expect(found == PartitionOffsets([ids[0]: 5, ids[1]: 3, ids[2]: 0]))
    #expect(try inspection.offsets(since: start + 4000, of: ids)[ids[0]] == 4)
    #expect(try inspection.offsets(since: 0, of: ids) == PartitionOffsets([ids[0]: 0, ids[1]: 0, ids[2]: 0]))
    #expect(throws: KafkaError.self) { try inspection.offsets(since: 0, of: [TopicPartition(topic: topic + "-none", partition: 0)]) }
  }

  @Test func aDeadLetterTopicThatComesLaterGetsItsLetters() throws {
    let (broker, topic) = try makeTopic("letters", partitions: 1)
    let sink = try deadLetterSink(broker.bootstrapServers, topic)
    sink.send(letter(topic))
    #expect(!sink.flush(timeout: .milliseconds(300)))
    let administration = try TopicAdministration(kafka: configuration(broker.bootstrapServers, topic).kafka)
    _ = try administration.ensureTopics([.deadLetters(topic + ".dlq", partitions: 1)])
    #expect(sink.flush(timeout: .seconds(20)))
    #expect(try readAll(broker.bootstrapServers, topic + ".dlq", count: 1).first?.value == [0, 200, 3])
  }

  @Test func noBrokerIsSaidWithTheAddress() throws {
    var kafka = RecommenderConfiguration.Kafka()
    kafka.bootstrapServers = "127.0.0.1:1"
    let administration = try TopicAdministration(kafka: kafka)
    let error = #expect(throws: KafkaError.self) { try administration.partitionCount("events") }
    #expect(error?.description.contains("127.0.0.1:1") == true)
    #expect(error?.isRetriable == true)
  }

  @Test func realConsumeRateAndLatencyArePrinted() throws {
    let broker = try RealKafka.broker()
    try measure("real Kafka", broker.bootstrapServers, pace: .paced, membership: .group) { topic, partitions in
      let administration = try TopicAdministration(kafka: configuration(broker.bootstrapServers, topic).kafka)
      _ = try administration.ensureTopics([.events(topic, partitions: partitions)])
    }
  }
}
