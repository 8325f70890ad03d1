/// Users whose lists went out lately, by ticket: a view that lost its newest writes (a crash with a log that is synchronised once a
/// second, a failover) gets them again.
struct RecentLists: Sendable {
  /// Users remembered at most; beyond that a loss means that everybody is written again.
  static let usersMax = 200_000

  private var entries: [(ticket: UInt64, users: [UserReference])] = []
  private var head = 0
  private var count = 0
  /// Every ticket after this one is remembered.
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

  /// The users of all tickets after this one, first come first; `nil` when they are not remembered that far back.
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
