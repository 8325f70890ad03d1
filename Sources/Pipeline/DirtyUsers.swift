import StreamingRecommender

/// A FIFO queue of the users whose published list is older than their state.
///
/// A user that changes again keeps its position, because the list computed at its turn covers both changes. Users of a held partition are
/// set aside so that they do not block the others.
struct DirtyUsers: Sendable {
  private typealias Entry = (user: UserReference, batch: UInt64)

  /// Each entry has the number of the batch that first changed the user.
  private var entries: [Entry] = []
  private var head = 0
  private var parked: [Int32: [Entry]] = [:]
  private var waiting = PerUser(false)
  /// The number of users taken since the start; `inserted` counts those added.
  private(set) var taken = 0
  private(set) var inserted = 0

  /// The number of waiting users, including those of held partitions.
  var count: Int { inserted - taken }
  var isEmpty: Bool { count == 0 }
  /// Whether a user is waiting that is not known to belong to a held partition.
  var hasReady: Bool { head < entries.count }
  /// The oldest batch with users in this queue, ignoring users of held partitions.
  var firstBatch: UInt64? { hasReady ? entries[head].batch : nil }

  mutating func insert(_ user: UserReference, batch: UInt64) {
    guard !waiting[user] else { return }
    waiting[user] = true
    inserted += 1
    entries.append((user, batch))
  }

  func contains(_ user: UserReference) -> Bool { waiting[user] }

  /// Removes and returns the next users, at most `max`; users of `held` partitions are set aside.
  mutating func take(_ max: Int, held: Set<Int32> = []) -> [UserReference] {
    var users: [UserReference] = []
    while users.count < max, hasReady {
      let entry = entries[head]
      head += 1
      if held.contains(entry.user.partition) {
        parked[entry.user.partition, default: []].append(entry)
      } else {
        waiting[entry.user] = false
        users.append(entry.user)
      }
    }
    taken += users.count
    if head > 1024, head * 2 > entries.count { dropTaken() }
    return users
  }

  private mutating func dropTaken() {
    entries.removeFirst(head)
    head = 0
  }

  /// Returns users of partitions that are no longer held to the front of the queue, because they have waited longest.
  mutating func release(allBut held: Set<Int32>) {
    let released = parked.filter { !held.contains($0.key) }
    guard !released.isEmpty else { return }
    dropTaken()
    entries = (released.values.flatMap { $0 } + entries).sorted { $0.batch < $1.batch }
    for partition in released.keys { parked[partition] = nil }
  }

  mutating func removeAll() {
    for entry in entries[head...] + parked.values.flatMap({ $0 }) { waiting[entry.user] = false }
    taken = inserted
    entries = []
    head = 0
    parked = [:]
  }
}
