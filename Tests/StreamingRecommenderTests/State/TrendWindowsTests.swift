import RecommenderTestKit
import ServingFormats
import Testing

@testable import StreamingRecommender

@Suite struct TrendWindowsTests {
  private static let minute: Int64 = 60_000
  private static let hour: Int64 = 3_600_000
  private static let start: Int64 = 1_700_000_000_000
  private static let intervals: [TrendingWindow: (Int64, Int64)] = [
    .hour: (12, 5 * minute), .day: (24, hour), .week: (28, 6 * hour),
  ]

  /// Items that have events.
  private static func counts(_ windows: TrendWindows, _ window: TrendingWindow) -> [Int32: Int] {
    Dictionary(
      uniqueKeysWithValues: windows.events(in: window).enumerated().filter { $0.element > 0 }.map { (Int32($0.offset), Int($0.element)) })
  }

  /// The same by looking at every event.
  private static func plain(_ events: [(item: Int32, time: Int64)], _ window: TrendingWindow) -> [Int32: Int] {
    let (count, length) = intervals[window]!
    let newest = (events.map(\.time).max() ?? 0) / length
    return events.reduce(into: [:]) { sums, event in
      if event.time / length > newest - count { sums[event.item, default: 0] += 1 }
    }
  }

  /// In order, with some late by minutes and some by days, as partitions that are read one after the other give them.
  private static func events(seed: UInt64, count: Int = 4_000) -> [(item: Int32, time: Int64)] {
    var random = SeededGenerator(seed: seed)
    var now = start
    return (0..<count).map { _ in
      now += Int64(random.below(UInt64(10 * minute)))
      let delay: Int64 =
        switch random.below(10) {
        case 0: Int64(random.below(UInt64(30 * minute)))
        case 1: Int64(random.below(UInt64(9 * 24 * hour)))
        default: 0
        }
      return (Int32(random.below(50)), now - delay)
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func windowsHoldWhatAPlainCountHolds(seed: UInt64) {
    var windows = TrendWindows()
    let events = Self.events(seed: seed)
    for (index, event) in events.enumerated() {
      windows.count(event.item, atMilliseconds: event.time)
      guard index % 97 == 0 || index == events.count - 1 else { continue }
      for window in TrendingWindow.allCases {
        #expect(Self.counts(windows, window) == Self.plain(Array(events[...index]), window), "seed \(seed), \(window), event \(index)")
      }
    }
  }

  @Test func whatIsOverLeavesTheWindowsOneAfterTheOther() {
    var windows = TrendWindows()
    windows.count(7, atMilliseconds: Self.start)
    func holds(after hours: Int64) -> [TrendingWindow] {
      var later = windows
      later.count(8, atMilliseconds: Self.start + hours * Self.hour)
      return TrendingWindow.allCases.filter { Self.counts(later, $0)[7] == 1 }
    }
    #expect(holds(after: 0) == [.hour, .day, .week])
    #expect(holds(after: 2) == [.day, .week])
    #expect(holds(after: 25) == [.week])
    #expect(holds(after: 8 * 24).isEmpty)
  }

  @Test func memoryIsBoundedAndTheMostFrequentItemsStay() {
    var windows = TrendWindows(itemsMax: 20)
    for round in 0..<200 {
      let time = Self.start + Int64(round) * Self.minute
      for item in 0..<5 { windows.count(Int32(item), atMilliseconds: time) }
      for item in 0..<100 { windows.count(Int32(1_000 + round * 100 + item), atMilliseconds: time) }
    }
    for window in TrendingWindow.allCases {
      let ring = windows.ring(window)
      #expect(ring.intervals.allSatisfy { ($0?.entries.count ?? 0) <= 40 }, "\(window)")
      // Sums hold what the intervals hold, and nothing that was dropped from them.
      var sums: [Int32: UInt32] = [:]
      for entry in ring.intervals.flatMap({ $0?.entries ?? [] }) { sums[entry.item, default: 0] += entry.count }
      #expect(ring.sums.enumerated().allSatisfy { $0.element == sums[Int32($0.offset), default: 0] }, "\(window)")
    }
    let day = windows.events(in: .day)
    #expect((0..<5).allSatisfy { day[$0] == 200 })
  }

  /// Late events of one interval are joined before they fill the memory.
  @Test func lateEventsAreBoundedToo() {
    var windows = TrendWindows(itemsMax: 20)
    windows.count(1, atMilliseconds: Self.start)
    for event in 0..<10_000 { windows.count(Int32(event % 10), atMilliseconds: Self.start - 30 * Self.minute) }
    for window in TrendingWindow.allCases {
      #expect(windows.ring(window).intervals.allSatisfy { ($0?.entries.count ?? 0) <= 40 })
      #expect(Self.counts(windows, window)[3] == 1_000, "\(window)")
    }
  }

  @Test func theBlobHasTheItemsInTheirOrder() {
    var windows = TrendWindows()
    for event in Self.events(seed: 4) { windows.count(event.item, atMilliseconds: event.time) }
    let blob = windows.blob(nowMilliseconds: 5)
    #expect(blob.madeAtMilliseconds == 5 && blob.countedFromMilliseconds == windows.countedFromMilliseconds)
    for window in TrendingWindow.allCases {
      let entries = blob.windows[window]!
      #expect(Dictionary(uniqueKeysWithValues: entries.map { ($0.item, Int($0.events)) }) == Self.counts(windows, window))
      #expect(entries.map(\.item) == entries.map(\.item).sorted())
    }
    #expect(TrendWindows().blob(nowMilliseconds: 6).windows == [.hour: [], .day: [], .week: []])
  }

  @Test func bytesGiveTheSameCounterAndCountOn() throws {
    let events = Self.events(seed: 5)
    var windows = TrendWindows()
    for event in events[..<2_500] { windows.count(event.item, atMilliseconds: event.time) }
    var restored = try TrendWindows(decoding: windows.encoded(), items: 50, path: "test")
    #expect(restored.countedFromMilliseconds == windows.countedFromMilliseconds)
    for event in events[2_500...] {
      windows.count(event.item, atMilliseconds: event.time)
      restored.count(event.item, atMilliseconds: event.time)
    }
    for window in TrendingWindow.allCases { #expect(Self.counts(windows, window) == Self.counts(restored, window)) }
    #expect(try TrendWindows(decoding: TrendWindows().encoded(), items: 0, path: "test") == TrendWindows())
  }

  @Test func damagedBytesAreRefusedOrRead() {
    var windows = TrendWindows()
    for event in Self.events(seed: 6, count: 8) { windows.count(event.item, atMilliseconds: event.time) }
    let bytes = windows.encoded()
    for index in bytes.indices {
      #expect(throws: SnapshotError.self) { try TrendWindows(decoding: Array(bytes[..<index]), items: 50, path: "test") }
      for value: UInt8 in [0, 0x7F, 0x80, 0xFF] {
        var changed = bytes
        changed[index] = value
        guard var read = try? TrendWindows(decoding: changed, items: 50, path: "test") else { continue }
        read.count(1, atMilliseconds: Self.start)
        _ = read.blob(nowMilliseconds: 0)
      }
    }
  }
}
