/// Items that the live model was not trained on, with their newest users: a vector for such an item follows from its users' vectors.
public struct NewItems: Sendable {
  /// Users kept per item.
  static let usersMax = 200

  /// Newest last, at most `usersMax` per item.
  private(set) var users: [Int32: [UserReference]] = [:]
  /// Items whose users changed since their vector was solved, first come first served.
  private var queue: [Int32] = []
  private var head = 0
  private var queued: Set<Int32> = []

  public init() {}

  var isEmpty: Bool { users.isEmpty }

  /// A user interacted with the item.
  mutating func note(_ user: UserReference, used item: Int32) {
    users[item, default: []].moveToEnd(user, max: Self.usersMax)
  }

  mutating func remove(_ user: UserReference, from items: some Sequence<Int32>) {
    for item in items { users[item]?.removeAll { $0 == user } }
  }

  mutating func restore(_ item: Int32, _ itemUsers: [UserReference]) { users[item] = itemUsers }

  /// Forgets items that got factors from a training; all others need a new vector.
  mutating func install(isTrained: (Int32) -> Bool) {
    users = users.filter { !isTrained($0.key) }
    queue = []
    head = 0
    queued = []
    for item in users.keys.sorted() { enqueue(item) }
  }

  /// After a restart: items without a vector are due.
  mutating func enqueueMissing(hasVector: (Int32) -> Bool) {
    for item in users.keys.sorted() where !hasVector(item) { enqueue(item) }
  }

  /// Every reference changes; users without a new one are left out.
  mutating func rename(_ newReference: (UserReference) -> UserReference?) {
    users = users.mapValues { $0.compactMap(newReference) }
  }

  // MARK: Vectors that are due

  var isVectorDue: Bool { head < queue.count }

  mutating func enqueue(_ item: Int32) {
    if queued.insert(item).inserted { queue.append(item) }
  }

  /// The next items whose vectors are due, at most `max`.
  mutating func takeDue(_ max: Int) -> [Int32] {
    let items = Array(queue[head...].prefix(max))
    head += items.count
    queued.subtract(items)
    if head * 2 >= queue.count {
      queue.removeFirst(head)
      head = 0
    }
    return items
  }
}

extension [UserReference] {
  /// Appends the user, or moves it to the end; the oldest are dropped beyond `max`.
  fileprivate mutating func moveToEnd(_ user: UserReference, max: Int) {
    if let at = lastIndex(of: user) { remove(at: at) }
    append(user)
    if count > max { removeFirst(count - max) }
  }
}
