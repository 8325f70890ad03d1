/// The events by item in one window: counts of its newest interval, those of the intervals before, and the sums over the latter.
struct TrendRing: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    var item: Int32
    var count: UInt32
  }

  /// An item may have several entries: late events are appended.
  struct Interval: Sendable, Equatable {
    /// Its number since 1970.
    var number: Int64
    var entries: [Entry] = []
  }

  let milliseconds: Int64
  private let itemsMax: Int
  /// The newest interval; `nil` before the first event.
  private(set) var newest: Int64?
  private(set) var open = ItemCounts()
  /// Those before it, each at the place of its number modulo their count; `nil` without events.
  private(set) var intervals: [Interval?]
  /// By item, over `intervals`.
  private(set) var sums: [UInt32] = []

  init(intervals: Int, milliseconds: Int64, itemsMax: Int) {
    self.milliseconds = milliseconds
    self.itemsMax = itemsMax
    self.intervals = Array(repeating: nil, count: intervals)
  }

  /// The times of the newest interval; empty before the first event.
  var openTimes: Range<Int64> { newest.map { $0 * milliseconds..<($0 + 1) * milliseconds } ?? 0..<0 }

  /// Counts an event within `openTimes`.
  mutating func countOpen(_ item: Int32) { open.add(item, 1) }

  /// Counts an event of any time. One before the window changes nothing.
  mutating func count(_ item: Int32, at time: Int64) { add(Entry(item: item, count: 1), toInterval: time.flooredQuotient(milliseconds)) }

  mutating func add(_ entry: Entry, toInterval number: Int64) {
    guard let newest, number <= newest else { return begin(number, with: entry) }
    if number == newest {
      open.add(entry.item, entry.count)
    } else if number > newest - Int64(intervals.count) {
      let place = place(number)
      intervals[place, default: number].append(entry)
      addToSums(entry)
      if intervals[place]!.entries.count > 2 * itemsMax { prune(place) }
    }
  }

  /// Closes the newest interval and begins a newer one; what is older than the window now leaves the sums.
  private mutating func begin(_ number: Int64, with entry: Entry) {
    if let newest {
      var closed = Interval(number: newest)
      closed.entries = open.entries
      for entry in closed.entries { addToSums(entry) }
      let place = place(newest)
      intervals[place] = closed
      open.removeAll()
      if closed.entries.count > 2 * itemsMax { prune(place) }
    }
    newest = number
    for place in intervals.indices {
      guard let interval = intervals[place], interval.number <= number - Int64(intervals.count) else { continue }
      for entry in interval.entries { sums[Int(entry.item)] &-= entry.count }
      intervals[place] = nil
    }
    open.add(entry.item, entry.count)
  }

  private func place(_ number: Int64) -> Int {
    let count = Int64(intervals.count)
    return Int(number - number.flooredQuotient(count) * count)
  }

  private mutating func addToSums(_ entry: Entry) {
    let place = Int(entry.item)
    if place >= sums.count { sums.append(contentsOf: repeatElement(0, count: place + 1 - sums.count)) }
    sums[place] &+= entry.count
  }

  /// Joins the entries of each item and keeps those of the items with the most events; of equal ones those with the lower numbers.
  private mutating func prune(_ place: Int) {
    guard let interval = intervals[place] else { return }
    var counts: [Int32: UInt32] = [:]
    for entry in interval.entries { counts[entry.item, default: 0] &+= entry.count }
    let order = counts.map { Entry(item: $0.key, count: $0.value) }.sorted { ($0.count, $1.item) > ($1.count, $0.item) }
    for entry in order.dropFirst(itemsMax) { sums[Int(entry.item)] &-= entry.count }
    intervals[place] = Interval(number: interval.number, entries: Array(order.prefix(itemsMax)))
  }

  /// The number of events by item; items without events have 0, or are beyond the end.
  var events: [UInt32] {
    var events = sums
    for entry in open.entries {
      let place = Int(entry.item)
      if place >= events.count { events.append(contentsOf: repeatElement(0, count: place + 1 - events.count)) }
      events[place] &+= entry.count
    }
    return events
  }
}

extension [TrendRing.Interval?] {
  /// The entries of the interval at a place, of this number if there is none.
  fileprivate subscript(place: Int, default number: Int64) -> [TrendRing.Entry] {
    get { self[place]?.entries ?? [] }
    _modify {
      if self[place] == nil { self[place] = TrendRing.Interval(number: number) }
      yield &self[place]!.entries
    }
  }
}

/// Counts by item in an array, and the items that have one.
struct ItemCounts: Sendable, Equatable {
  private var counts: [UInt32] = []
  private var items: [Int32] = []

  var entries: [TrendRing.Entry] { items.map { TrendRing.Entry(item: $0, count: counts[Int($0)]) } }

  mutating func add(_ item: Int32, _ count: UInt32) {
    let place = Int(item)
    if place >= counts.count { counts.append(contentsOf: repeatElement(0, count: place + 1 - counts.count)) }
    if counts[place] == 0 { items.append(item) }
    counts[place] &+= count
  }

  mutating func removeAll() {
    for item in items { counts[Int(item)] = 0 }
    items.removeAll(keepingCapacity: true)
  }
}

extension Int64 {
  /// Rounded down, also for times before 1970.
  func flooredQuotient(_ divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
