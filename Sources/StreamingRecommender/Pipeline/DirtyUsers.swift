/// Users whose published list is behind their state, first come first served; 17 bytes a user and no list is kept.
///
/// A user that changes again keeps its place: the list made at its turn covers both changes.
struct DirtyUsers: Sendable {
  /// Number of the batch that made the user dirty first.
  private var entries: [(user: Int32, batch: UInt64)] = []
  private var head = 0
  private var waiting: [Bool] = []

  var count: Int { entries.count - head }
  var isEmpty: Bool { head == entries.count }
  /// Batches before this one are not waiting here.
  var firstBatch: UInt64? { isEmpty ? nil : entries[head].batch }

  mutating func insert(_ user: Int32, batch: UInt64) {
    if waiting.count <= Int(user) {
      waiting.append(contentsOf: repeatElement(false, count: max(Int(user) + 1, waiting.count * 3 / 2) - waiting.count))
    }
    guard !waiting[Int(user)] else { return }
    waiting[Int(user)] = true
    entries.append((user, batch))
  }

  func contains(_ user: Int32) -> Bool { Int(user) < waiting.count && waiting[Int(user)] }

  mutating func take(_ max: Int) -> [Int32] {
    let end = min(entries.count, head + max)
    let users = entries[head..<end].map(\.user)
    for user in users { waiting[Int(user)] = false }
    head = end
    if head > 1024, head * 2 > entries.count {
      entries.removeFirst(head)
      head = 0
    }
    return users
  }
}
