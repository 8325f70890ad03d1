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

  mutating func remove(_ user: UserReference, from items: some Sequence<Int32>) {
    for item in items { users[item]?.removeAll { $0 == user } }
  }

  mutating func restore(_ item: Int32, _ itemUsers: [UserReference]) { users[item] = itemUsers }

  /// Removes items that the new model was trained on and queues all others for fold-in.
  mutating func install(isTrained: (Int32) -> Bool) {
    users = users.filter { !isTrained($0.key) }
    queue = UniqueQueue()
    for item in users.keys.sorted() { enqueue(item) }
  }

  /// Queues items without a vector; called after a restart.
  mutating func enqueueMissing(hasVector: (Int32) -> Bool) {
    for item in users.keys.sorted() where !hasVector(item) { enqueue(item) }
  }

  /// Translates all user references; users for which `newReference` returns `nil` are removed.
  mutating func rename(_ newReference: (UserReference) -> UserReference?) {
    users = users.mapValues { $0.compactMap(newReference) }
  }

  // MARK: Pending fold-ins

  var isVectorDue: Bool { !queue.isEmpty }

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
