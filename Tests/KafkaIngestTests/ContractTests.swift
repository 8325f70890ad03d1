import Foundation
import KafkaIngest
import RecommenderTestKit
import StreamingRecommender
import Testing

@Suite struct InMemoryContractTests {
  @Test func inMemorySourceKeepsTheContract() {
    let violations = SourceContract.violations {
      let log = InMemoryLog(topics: ["events": 3])
      return SourceContractLog(
        topic: "events", partitions: 3,
        append: { partition, values in
          for value in values { log.append("events", key: nil, value: bytes(value), partition: partition) }
        },
        truncate: { log.truncate(TopicPartition(topic: "events", partition: $0), before: $1) },
        recreate: { log.recreate("events") },
        makeSource: { log.makeSource(onGap: $0) })
    }
    #expect(violations == [])
  }

  @Test func aRecreatedTopicHalts() {
    let log = InMemoryLog(topics: ["events": 1])
    for value in 0..<5 { log.append("events", key: nil, value: bytes("\(value)")) }
    let source = log.makeSource(onGap: .earliest)
    source.start(at: PartitionOffsets())
    #expect(source.poll(max: 10, timeout: .zero).records.count == 5)
    log.recreate("events")
    let id = TopicPartition(topic: "events", partition: 0)
    #expect(source.poll(max: 10, timeout: .zero).events == [.gap(id, expected: 5, resumed: nil)])
    #expect(source.status.halted[id] != nil)
  }

  @Test func aRebalanceContinuesWhereItWas() {
    let log = InMemoryLog(topics: ["events": 2])
    let id = TopicPartition(topic: "events", partition: 0)
    for value in 0..<5 { log.append("events", key: nil, value: bytes("\(value)"), partition: 0) }
    let source = log.makeSource()
    source.start(at: PartitionOffsets())
    #expect(source.poll(max: 4, timeout: .zero).records.map(\.offset).last == 3)
    source.rebalance(to: [])
    #expect(source.poll(max: 4, timeout: .zero).records.isEmpty)
    source.rebalance(to: [id])
    #expect(source.poll(max: 4, timeout: .zero).records.map(\.offset) == [4])
  }

  @Test func deadLettersWaitForTheirAcknowledgement() {
    let sink = InMemoryDeadLetterSink(isAutomatic: false)
    let id = TopicPartition(topic: "events", partition: 1)
    let record = Record(offset: 0, timestampMilliseconds: nil, key: nil, value: nil)
    for _ in 0..<3 { sink.send(DeadLetter(source: id, record: record, reason: "empty", message: "")) }
    #expect(sink.unacknowledged == [id: 3])
    sink.acknowledge(through: 2)
    #expect(sink.unacknowledged == [id: 1])
    #expect(!sink.flush(timeout: .zero))
  }
}

@Suite(.serialized) struct EmbeddedContractTests {
  @Test func embeddedSourceKeepsTheContract() throws {
    let broker = try EmbeddedBroker()
    let violations = SourceContract.violations {
      let topic = freshTopic("contract")
      try broker.createTopic(topic, partitions: 3)
      return SourceContractLog(
        topic: topic, partitions: 3, hasGroup: false,
        append: { partition, values in try write(broker.bootstrapServers, topic, values.map { (nil, $0, partition) }) },
        makeSource: { onGap in
          var configuration = configuration(broker.bootstrapServers, topic)
          configuration.kafka.onGap = onGap
          return try KafkaRecordSource(configuration: configuration, membership: .direct)
        })
    }
    #expect(violations == [])
  }
}
