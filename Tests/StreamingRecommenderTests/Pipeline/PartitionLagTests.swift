import StreamingRecommender
import Testing

@testable import Pipeline

@Suite struct PartitionLagTests {
  private let a = TopicPartition(topic: "events", partition: 0)
  private let b = TopicPartition(topic: "events", partition: 1)
  private var lag = PartitionLag()

  /// The newest record of all partitions is one second old, while one partition waits for a minute.
  @Test mutating func thePartitionThatWaitsLongestCounts() {
    lag.noteRecord(a, producedAtMilliseconds: 99_000)
    lag.noteRecord(b, producedAtMilliseconds: 40_000)
    #expect(lag.worst([a: 5, b: 7], nowMilliseconds: 100_000) == WorstLag(partition: b, records: 7, seconds: 60))
    #expect(lag.worst([a: 5, b: 0], nowMilliseconds: 100_000) == WorstLag(partition: a, records: 5, seconds: 1))
    #expect(lag.worst([a: 0, b: 0], nowMilliseconds: 100_000) == nil)
  }

  @Test mutating func aPartitionThatWasReadToItsEndIsNotOlderThanThat() {
    lag.noteRecord(a, producedAtMilliseconds: 10_000)
    lag.note([a: 0], nowMilliseconds: 100_000)
    #expect(lag.worst([a: 3], nowMilliseconds: 100_500)?.seconds == 0.5)
    // A record of before says nothing about what was read since.
    lag.noteRecord(a, producedAtMilliseconds: 20_000)
    #expect(lag.worst([a: 3], nowMilliseconds: 101_000)?.seconds == 1)
  }

  @Test mutating func whatIsNotKnownIsNotSaid() {
    #expect(lag.worst([a: 3], nowMilliseconds: 5) == nil)
    lag.noteRecord(a, producedAtMilliseconds: 9000)
    // Clocks differ.
    #expect(lag.worst([a: 3], nowMilliseconds: 5)?.seconds == 0)
  }

  @Test mutating func partitionsOfOtherEnginesAreForgotten() {
    lag.noteRecord(a, producedAtMilliseconds: 1)
    lag.noteRecord(b, producedAtMilliseconds: 1)
    lag.note([a: 1], nowMilliseconds: 5)
    #expect(lag.worst([a: 1, b: 1], nowMilliseconds: 5)?.partition == a)
    lag.note([b: 1], nowMilliseconds: 5)
    lag.note([:], nowMilliseconds: 5)
    #expect(lag.worst([b: 1], nowMilliseconds: 5) == nil)
  }
}
