import RecommenderTestKit
import StreamingRecommender
import Testing

@testable import Pipeline

@Suite struct ArchiveBuffersTests {
  private static let day: Int64 = 86_400_000
  private static let now = 20_000 * day + 1000

  private func batch(_ partition: Int32, _ offsets: Range<Int64>, at milliseconds: Int64 = now) -> ArchivedBatch {
    let rows = offsets.map {
      ArchivedInteraction(user: [1], item: [2], operation: .add, strength: 1, timeMilliseconds: milliseconds, offset: $0)
    }
    return ArchivedBatch(
      source: TopicPartition(topic: "events", partition: partition), rows: rows,
      last: RecordMark(offset: offsets.upperBound - 1, timestampMilliseconds: milliseconds, checksum: UInt64(offsets.upperBound)))
  }

  @Test func aPartitionWithEnoughRowsIsASegment() {
    var buffers = ArchiveBuffers(limits: .init(segmentRows: 10, totalRows: 100))
    #expect(buffers.add(batch(0, 0..<6), nowMilliseconds: Self.now).isEmpty)
    #expect(buffers.add(batch(1, 0..<6), nowMilliseconds: Self.now).isEmpty)
    let segments = buffers.add(batch(0, 8..<14), nowMilliseconds: Self.now)
    #expect(segments.count == 1 && segments[0].rows.map(\.offset) == Array(0..<6) + Array(8..<14))
    #expect(segments[0].last.checksum == 14 && segments[0].day == 20_000)
    #expect(buffers.rows == 6)
    #expect(buffers.takeAll().map(\.source.partition) == [1] && buffers.rows == 0 && buffers.takeAll().isEmpty)
  }

  @Test func manyPartitionsTogetherAreBoundedToo() {
    var buffers = ArchiveBuffers(limits: .init(segmentRows: 10, totalRows: 20))
    var segments: [ArchiveSegment] = []
    for partition in 0..<5 as Range<Int32> {
      segments += buffers.add(batch(partition, 0..<(3 + Int64(partition))), nowMilliseconds: Self.now)
      #expect(buffers.rows <= 20)
    }
    #expect(segments.map(\.source.partition) == [4], "3 + 4 + 5 + 6 + 7 rows: the largest goes")
  }

  @Test func aNewDayIsANewSegmentAndDaysOnlyGoForward() {
    var buffers = ArchiveBuffers()
    #expect(buffers.add(batch(0, 0..<1, at: Self.now - Self.day), nowMilliseconds: Self.now).isEmpty)
    #expect(buffers.add(batch(0, 1..<2, at: Self.now), nowMilliseconds: Self.now).map(\.day) == [19_999])
    #expect(buffers.add(batch(0, 2..<3, at: Self.now - Self.day), nowMilliseconds: Self.now).isEmpty, "a late record")
    #expect(buffers.add(batch(0, 3..<4, at: Self.now + 900 * Self.day), nowMilliseconds: Self.now).isEmpty, "a wrong clock")
    #expect(buffers.takeAll().map(\.day) == [20_000])
    #expect(buffers.add(batch(0, 4..<5, at: Self.now - Self.day), nowMilliseconds: Self.now).isEmpty)
    #expect(buffers.takeAll().map(\.day) == [20_000], "a late record opens no earlier day again")
  }
}
