/// What was recently written, by ticket. It is written again if the view lost its newest writes, for example in a failover or a crash with
/// an append-only file that is synced once per second.
struct RecentWrites<Element: Sendable>: Sendable {
  /// The largest number of elements kept.
  let max: Int

  private var entries: [(ticket: UInt64, elements: [Element])] = []
  private var head = 0
  private var count = 0
  /// Tickets up to this one are no longer kept.
  private var forgottenThrough: UInt64 = 0

  init(max: Int) { self.max = max }

  mutating func note(_ ticket: UInt64, _ elements: [Element]) {
    guard !elements.isEmpty else { return }
    entries.append((ticket, elements))
    count += elements.count
    while count > max, head < entries.count {
      forgottenThrough = entries[head].ticket
      count -= entries[head].elements.count
      entries[head].elements = []
      head += 1
    }
    if head > 1024, head * 2 > entries.count {
      entries.removeFirst(head)
      head = 0
    }
  }

  /// Returns the elements of all later tickets, oldest first; `nil` if they are no longer kept.
  func elements(after ticket: UInt64) -> [Element]? {
    guard ticket >= forgottenThrough else { return nil }
    return entries[head...].filter { $0.ticket > ticket }.flatMap(\.elements)
  }

  mutating func removeAll() {
    forgottenThrough = Swift.max(forgottenThrough, entries.last?.ticket ?? 0)
    entries = []
    head = 0
    count = 0
  }
}
