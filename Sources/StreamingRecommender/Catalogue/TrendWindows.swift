import ServingFormats

/// Counts events by item in fixed windows that end with the newest event: the last hour, day and week.
///
/// Each window is a ring of intervals, 12 of 5 minutes, 24 of an hour and 28 of 6 hours, so that a window is exact to its oldest interval.
/// Counting an event increments a number in each ring.
///
/// Memory: six numbers per item, and intervals that are bounded whatever the number of items: each keeps the `itemsMax` items with the
/// most events once it has twice as many.
public struct TrendWindows: Sendable, Equatable {
  public static let itemsMaxDefault = 16_384
  /// The most entries of a window that are published: the items with the most events.
  public static let publishedMax = 65_536
  private static let layout: [(window: TrendingWindow, intervals: Int, milliseconds: Int64)] = [
    (.hour, 12, 300_000), (.day, 24, 3_600_000), (.week, 28, 21_600_000),
  ]

  /// In the order of the layout: the intervals of each are parts of those of the next.
  private var rings: [TrendRing]
  /// The newest interval of the first ring, and so a part of that of each.
  private var openTimes: Range<Int64> = 0..<0
  /// The time of the first event that was counted: windows that reach further back may miss some. `nil` before it.
  public private(set) var countedFromMilliseconds: Int64?

  public init(itemsMax: Int = Self.itemsMaxDefault) {
    precondition(itemsMax > 0, "itemsMax must be positive, got \(itemsMax)")
    rings = Self.layout.map { TrendRing(intervals: $0.intervals, milliseconds: $0.milliseconds, itemsMax: itemsMax) }
  }

  /// The counter that was saved.
  ///
  /// - Parameter intervals: in ascending order, the last one being the newest of its window.
  init(itemsMax: Int, countedFrom: Int64?, _ intervals: [TrendingWindow: [TrendRing.Interval]]) {
    self.init(itemsMax: itemsMax)
    countedFromMilliseconds = countedFrom
    for (place, part) in Self.layout.enumerated() {
      for interval in intervals[part.window] ?? [] {
        for entry in interval.entries { rings[place].add(entry, toInterval: interval.number) }
      }
    }
    openTimes = rings[0].openTimes
  }

  func ring(_ window: TrendingWindow) -> TrendRing { rings[Self.layout.firstIndex { $0.window == window }!] }

  /// Counts one event. One that is older than the longest window changes nothing.
  public mutating func count(_ item: Int32, atMilliseconds time: Int64) {
    if openTimes.contains(time) {
      for place in rings.indices { rings[place].countOpen(item) }
      return
    }
    for place in rings.indices { rings[place].count(item, at: time) }
    openTimes = rings[0].openTimes
    countedFromMilliseconds = countedFromMilliseconds ?? time
  }

  /// The number of events by item in the window; items without events have 0, or are beyond the end.
  public func events(in window: TrendingWindow) -> [UInt32] { ring(window).events }

  /// What readers get: one pass over the items for each window.
  public func blob(nowMilliseconds: Int64) -> TrendingBlob {
    var windows: [TrendingWindow: [TrendingBlob.Entry]] = [:]
    for window in TrendingWindow.allCases {
      var entries: [TrendingBlob.Entry] = []
      for (item, events) in events(in: window).enumerated() where events > 0 {
        entries.append(TrendingBlob.Entry(item: Int32(item), events: events))
      }
      if entries.count > Self.publishedMax {
        entries.sort { ($0.events, $1.item) > ($1.events, $0.item) }
        entries.removeLast(entries.count - Self.publishedMax)
        entries.sort { $0.item < $1.item }
      }
      windows[window] = entries
    }
    return TrendingBlob(
      madeAtMilliseconds: nowMilliseconds, countedFromMilliseconds: countedFromMilliseconds ?? nowMilliseconds, windows: windows)
  }
}
