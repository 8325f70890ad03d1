/// Items that the live model was not trained on, with their newest users, from whose vectors an item vector is folded in.
public struct NewItems: Sendable {
  /// Maximum number of users per item.
  static let usersMax = 200

  /// Users by item, newest last, at most `usersMax` per item.
  private(set) var users: [Int32: [UserReference]] = [:]
  /// FIFO queue of items whose users changed since their vector was solved.
  private var queue = UniqueQueue<Int32>()

  public init() {}

  var isEmpty: Bool { users.isEmpty }

  /// Records that the user interacted with the item.
  mutating func note(_ user: UserReference, used item: Int32) {
    users[item, default: []].moveToEnd(user, max: Self.usersMax)
  }

  /// Returns the number of places that it looked at: at most one more than `usersMax` for each of `items`, however many items are new.
  @discardableResult mutating func remove(_ user: UserReference, from items: some Sequence<Int32>) -> Int {
    var looked = 0
    for item in items {
      looked += 1
      users[item]?.removeAll {
        looked += 1
        return $0 == user
      }
    }
    return looked
  }

  mutating func restore(_ item: Int32, _ itemUsers: [UserReference]) { users[item] = itemUsers }

  /// Adds users of items that a new model was not trained on because they had too few; they come before the users recorded since.
  mutating func add(_ earlier: [Int32: [UserReference]], isPresent: (UserReference) -> Bool) {
    for (item, itemUsers) in earlier {
      let known = Set(users[item] ?? [])
      let added = itemUsers.filter { !known.contains($0) && isPresent($0) }
      if !added.isEmpty { users[item] = (added + (users[item] ?? [])).suffix(Self.usersMax) }
    }
  }

  /// Removes items that the new model was trained on and queues all others for fold-in.
  mutating func install(usersMin: Int, isTrained: (Int32) -> Bool) {
    users = users.filter { !isTrained($0.key) }
    queue = UniqueQueue()
    for item in users.keys.sorted() { enqueue(item, usersMin: usersMin) }
  }

  /// Queues items without a vector; called after a restart.
  mutating func enqueueMissing(usersMin: Int, hasVector: (Int32) -> Bool) {
    for item in users.keys.sorted() where !hasVector(item) { enqueue(item, usersMin: usersMin) }
  }

  /// Translates all user references; users for which `newReference` returns `nil` are removed.
  mutating func rename(_ newReference: (UserReference) -> UserReference?) {
    users = users.mapValues { $0.compactMap(newReference) }
  }

  // MARK: Pending fold-ins

  var isVectorDue: Bool { !queue.isEmpty }

  /// Queues the item if it has at least `usersMin` users; otherwise the taste of a few would decide for whom it is.
  mutating func enqueue(_ item: Int32, usersMin: Int) {
    if let count = users[item]?.count, count >= usersMin { queue.append(item) }
  }

  /// Queues the item, whether or not it has users.
  mutating func enqueue(_ item: Int32) { queue.append(item) }

  /// Dequeues at most `max` items whose vectors must be solved.
  mutating func takeDue(_ max: Int) -> [Int32] { queue.take(max) }
}

extension [UserReference] {
  /// Moves the user to the end, or appends it, and drops the oldest users beyond `max`.
  fileprivate mutating func moveToEnd(_ user: UserReference, max: Int) {
    if let at = lastIndex(of: user) { remove(at: at) }
    append(user)
    if count > max { removeFirst(count - max) }
  }
}
