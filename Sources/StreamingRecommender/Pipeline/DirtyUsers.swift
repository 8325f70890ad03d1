/// Users whose published list is behind their state, first come first served.
///
/// A user that changes again keeps its place: the list made at its turn covers both changes. Users of a partition that is held wait
/// aside, and the others pass.
struct DirtyUsers: Sendable {
  private typealias Entry = (user: UserReference, batch: UInt64)

  /// With the number of the batch that made the user dirty first.
  private var entries: [Entry] = []
  private var head = 0
  private var parked: [Int32: [Entry]] = [:]
  private var waiting = PerUser(false)
  /// Users ever taken, and ever inserted.
  private(set) var taken = 0
  private(set) var inserted = 0

  /// Users that wait, those of held partitions included.
  var count: Int { inserted - taken }
  var isEmpty: Bool { count == 0 }
  /// Whether somebody waits who is not known to be held.
  var hasReady: Bool { head < entries.count }
  /// Batches before this one do not wait here, but for users of held partitions.
  var firstBatch: UInt64? { hasReady ? entries[head].batch : nil }

  mutating func insert(_ user: UserReference, batch: UInt64) {
    guard !waiting[user] else { return }
    waiting[user] = true
    inserted += 1
    entries.append((user, batch))
  }

  func contains(_ user: UserReference) -> Bool { waiting[user] }

  /// The next users, at most `max`, but for those of `held` partitions.
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

  /// Users of partitions that are not held any more come first: they have waited longest.
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
