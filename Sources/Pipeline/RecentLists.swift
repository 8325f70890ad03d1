import StreamingRecommender

/// The users of recently published lists by ticket. They are published again if the view lost its newest writes, for example in a
/// failover or a crash with an append-only file that is synced once per second.
struct RecentLists: Sendable {
  /// The largest number of users kept. If a loss reaches further back, every user is published again.
  static let usersMax = 200_000

  private var entries: [(ticket: UInt64, users: [UserReference])] = []
  private var head = 0
  private var count = 0
  /// Tickets up to this one are no longer kept.
  private var forgottenThrough: UInt64 = 0

  mutating func note(_ ticket: UInt64, _ users: [UserReference]) {
    guard !users.isEmpty else { return }
    entries.append((ticket, users))
    count += users.count
    while count > Self.usersMax, head < entries.count {
      forgottenThrough = entries[head].ticket
      count -= entries[head].users.count
      entries[head].users = []
      head += 1
    }
    if head > 1024, head * 2 > entries.count {
      entries.removeFirst(head)
      head = 0
    }
  }

  /// Returns the users of all later tickets, oldest first; `nil` if they are no longer kept.
  func users(after ticket: UInt64) -> [UserReference]? {
    guard ticket >= forgottenThrough else { return nil }
    return entries[head...].filter { $0.ticket > ticket }.flatMap(\.users)
  }

  mutating func removeAll() {
    forgottenThrough = max(forgottenThrough, entries.last?.ticket ?? 0)
    entries = []
    head = 0
    count = 0
  }
}
