import ServingFormats

/// Counts events by item in fixed windows that end with the newest event: the last hour, day and week.
///
/// Each window is a ring of intervals, 12 of 5 minutes, 24 of an hour and 28 of 6 hours, so that a window is exact to its oldest interval.
/// Counting an event costs one entry in a table; when 5 minutes of event time are over, the table is added to the rings.
///
/// Memory is bounded whatever the number of items: an interval keeps the `itemsMax` items with the most events once it has twice as many.
public struct TrendWindows: Sendable, Equatable {
  typealias Counts = [Int32: UInt32]

  struct Interval: Sendable, Equatable {
    /// Its number since 1970; that of no interval while it is empty.
    var number = Int64.min
    var counts: Counts = [:]
  }

  struct Ring: Sendable, Equatable {
    let milliseconds: Int64
    var intervals: [Interval]

    func number(of time: Int64) -> Int64 { time.flooredQuotient(milliseconds) }

    /// Whether an interval is in the window that ends at `end`.
    func contains(_ number: Int64, end: Int64) -> Bool {
      let newest = self.number(of: end)
      return number <= newest && number > newest - Int64(intervals.count)
    }

    mutating func add(_ counts: Counts, at time: Int64, itemsMax: Int) {
      let number = number(of: time)
      let place = Int(number.flooredRemainder(Int64(intervals.count)))
      guard number >= intervals[place].number else { return }
      if number > intervals[place].number { intervals[place] = Interval(number: number) }
      intervals[place].counts.merge(counts, uniquingKeysWith: &+)
      intervals[place].counts.prune(keeping: itemsMax)
    }
  }

  public static let itemsMaxDefault = 16_384
  /// The most entries of a window that are published: the items with the most events.
  public static let publishedMax = 65_536
  static let finestMilliseconds: Int64 = 300_000
  private static let layout: [TrendingWindow: (intervals: Int, milliseconds: Int64)] = [
    .hour: (12, 300_000), .day: (24, 3_600_000), .week: (28, 21_600_000),
  ]

  let itemsMax: Int
  private(set) var rings: [TrendingWindow: Ring]
  /// The finest interval of the newest event.
  private(set) var open = Interval()
  /// Events of finest intervals before that one, which are added to the rings together.
  private var late: [Int64: Counts] = [:]
  private var lateCount = 0
  /// The time of the first event that was counted: windows that reach further back may miss some. `nil` before it.
  public private(set) var countedFromMilliseconds: Int64?

  public init(itemsMax: Int = Self.itemsMaxDefault) {
    precondition(itemsMax > 0, "itemsMax must be positive, got \(itemsMax)")
    self.itemsMax = itemsMax
    rings = Self.layout.mapValues {
      Ring(milliseconds: $0.milliseconds, intervals: Array(repeating: Interval(), count: $0.intervals))
    }
  }

  /// - Parameter countedFrom: the value of the counter that was saved.
  init(itemsMax: Int, countedFrom: Int64?, open: Interval, _ intervals: [TrendingWindow: [Interval]]) {
    self.init(itemsMax: itemsMax)
    countedFromMilliseconds = countedFrom
    self.open = open
    for (window, saved) in intervals {
      for interval in saved {
        rings[window]?.add(interval.counts, at: interval.number * (Self.layout[window]?.milliseconds ?? 1), itemsMax: itemsMax)
      }
    }
  }

  // MARK: Counting

  /// Counts one event. One that is older than the longest window changes nothing.
  public mutating func count(_ item: Int32, atMilliseconds time: Int64) {
    let number = time.flooredQuotient(Self.finestMilliseconds)
    if number == open.number {
      open.counts[item, default: 0] &+= 1
      open.counts.prune(keeping: itemsMax)
      return
    }
    if number > open.number {
      fold()
      open = Interval(number: number, counts: [item: 1])
      countedFromMilliseconds = countedFromMilliseconds ?? time
    } else {
      guard rings.values.contains(where: { $0.contains($0.number(of: time), end: end) }) else { return }
      late[number, default: [:]][item, default: 0] &+= 1
      lateCount += 1
      if lateCount >= itemsMax { foldLate() }
    }
  }

  /// The start of the newest interval.
  private var end: Int64 { open.number * Self.finestMilliseconds }

  /// Adds what is not in the rings yet.
  private mutating func fold() {
    foldLate()
    guard open.number != .min else { return }
    add(open.counts, at: end)
    open.counts = [:]
  }

  private mutating func foldLate() {
    for (number, counts) in late { add(counts, at: number * Self.finestMilliseconds) }
    late = [:]
    lateCount = 0
  }

  private mutating func add(_ counts: Counts, at time: Int64) {
    for window in TrendingWindow.allCases { rings[window]?.add(counts, at: time, itemsMax: itemsMax) }
  }

  // MARK: Asking

  /// The number of events by item in the window.
  public func events(in window: TrendingWindow) -> [Int32: Int] {
    guard let ring = rings[window], open.number != .min else { return [:] }
    var sums: [Int32: Int] = [:]
    func add(_ counts: Counts) { for (item, count) in counts { sums[item, default: 0] += Int(count) } }
    for interval in ring.intervals where ring.contains(interval.number, end: end) { add(interval.counts) }
    for (number, counts) in late where ring.contains(ring.number(of: number * Self.finestMilliseconds), end: end) { add(counts) }
    add(open.counts)
    return sums
  }

  /// What readers get. It costs about as much as the windows have entries: some milliseconds with hundreds of thousands.
  public func blob(nowMilliseconds: Int64) -> TrendingBlob {
    var windows: [TrendingWindow: [TrendingBlob.Entry]] = [:]
    for window in TrendingWindow.allCases {
      var entries = events(in: window).map { TrendingBlob.Entry(item: $0.key, events: UInt32(clamping: $0.value)) }
      if entries.count > Self.publishedMax {
        entries.sort { ($0.events, $1.item) > ($1.events, $0.item) }
        entries.removeLast(entries.count - Self.publishedMax)
      }
      windows[window] = entries.sorted { $0.item < $1.item }
    }
    return TrendingBlob(
      madeAtMilliseconds: nowMilliseconds, countedFromMilliseconds: countedFromMilliseconds ?? nowMilliseconds, windows: windows)
  }

  /// All intervals that hold events, with everything that was counted.
  func folded() -> TrendWindows {
    var result = self
    let number = open.number
    result.fold()
    result.open = Interval(number: number)
    return result
  }
}

extension TrendWindows.Counts {
  /// Keeps the `most` items with the most events, once there are twice as many; of equal ones those with the lower numbers.
  fileprivate mutating func prune(keeping most: Int) {
    guard count > 2 * most else { return }
    let kept = sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(most)
    self = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
  }
}

extension Int64 {
  /// Rounded down, also for times before 1970.
  fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }

  fileprivate func flooredRemainder(_ divisor: Int64) -> Int64 { self - flooredQuotient(divisor) * divisor }
}
