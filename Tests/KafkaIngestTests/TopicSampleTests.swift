import StreamingRecommender
import Testing

@testable import KafkaIngest

@Suite struct TopicSampleTests {
  private func taken(_ lengths: [Int64], newest: Int) -> [Int64] {
    let ids = lengths.indices.map { TopicPartition(topic: "t", partition: Int32($0)) }
    let starts = TopicSample.starts(Dictionary(uniqueKeysWithValues: zip(ids, lengths)), newest: newest)
    return ids.map { starts[$0] ?? 0 }
  }

  @Test func everyPartitionGivesTheSameAndTheLongOnesWhatTheShortOnesLack() {
    #expect(taken([100, 100], newest: 60) == [30, 30])
    #expect(taken([5, 100, 100], newest: 65) == [5, 30, 30])
    #expect(taken([0, 3], newest: 10) == [0, 3])
    #expect(taken([100, 100, 100], newest: 7).reduce(0, +) == 7)
    #expect(taken([10, 20], newest: 1000) == [10, 20])
  }
}
