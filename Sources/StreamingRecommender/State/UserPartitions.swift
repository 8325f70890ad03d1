/// All users, by partition.
///
/// The partition of a user is the one that Kafka's default partitioner (murmur2) assigns to the id, regardless of the partition of its
/// records.
public struct UserPartitions: Sendable {
  public let limits: HistoryLimits
  public private(set) var partitions: [UserPartition]
  /// Those of the vectors; a promoted model may have others than the configuration.
  private var factors: Int { partitions[0].served.factors }
  /// Timestamp of the newest applied event, milliseconds since 1970. Strengths with a half-life are evaluated at this time.
  public internal(set) var newestTimeMilliseconds: Int64 = 0

  public init(limits: HistoryLimits = HistoryLimits(), factors: Int, partitionCount: Int = 1) {
    self.limits = limits
    partitions = (0..<Int32(partitionCount)).map { UserPartition(number: $0, factors: factors) }
  }

  // MARK: Finding users

  /// The partition of the user with this id.
  public func partition(ofID id: some Collection<UInt8>) -> Int32 {
    partitions.count == 1 ? 0 : KafkaPartitioner.partition(ofKey: id, partitions: partitions.count)
  }

  /// The reference of the user with this id, or `nil`. Traps on a frozen copy.
  public func find(_ id: some Collection<UInt8>) -> UserReference? {
    let partition = partition(ofID: id)
    return partitions[Int(partition)].ids.find(id).map { UserReference(partition: partition, index: $0) }
  }

  /// Whether the index exists; false in a frozen copy for users that were added later.
  public func contains(_ user: UserReference) -> Bool { Int(user.index) < partitions[Int(user.partition)].capacity }

  public func isPresent(_ user: UserReference) -> Bool { partitions[Int(user.partition)].ids.isPresent(user.index) }
  public func name(_ user: UserReference) -> [UInt8] { partitions[Int(user.partition)].ids.name(user.index) }
  public func string(_ user: UserReference) -> String { partitions[Int(user.partition)].ids.string(user.index) }
  func withName<R>(_ user: UserReference, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    partitions[Int(user.partition)].ids.withName(user.index, body)
  }

  public var count: Int { partitions.reduce(0) { $0 + $1.count } }
  public var pairCount: Int { partitions.reduce(0) { $0 + $1.pairCount } }

  /// All user references, partition by partition, including those of removed users.
  public var references: [UserReference] {
    partitions.flatMap { partition in
      (0..<Int32(partition.capacity)).map { UserReference(partition: partition.number, index: $0) }
    }
  }

  // MARK: Events

  mutating func apply(_ event: Interaction, item: Int32, order: InteractionOrder)
    -> (user: UserReference, isNew: Bool, isApplied: Bool, previous: InteractionOrder?)
  {
    let partition = partition(ofID: event.user)
    let applied = partitions[Int(partition)].apply(event, item: item, order: order, limits: limits)
    newestTimeMilliseconds = max(newestTimeMilliseconds, order.timeMilliseconds)
    return (UserReference(partition: partition, index: applied.user), applied.isNew, applied.isApplied, applied.previous)
  }

  /// Adds the history of another id of the same person to that of the user with this id, who may be new.
  mutating func merge(_ history: UserHistory, into id: [UInt8]) -> UserReference {
    let partition = partition(ofID: id)
    return UserReference(partition: partition, index: partitions[Int(partition)].merge(history, into: id, limits: limits))
  }

  mutating func forget(_ user: UserReference) { partitions[Int(user.partition)].forget(user.index) }

  // MARK: Histories

  public func history(_ user: UserReference) -> UserHistory { partitions[Int(user.partition)].history(user.index) }

  /// Items to exclude from the list of this user, ascending.
  public func seen(_ user: UserReference) -> [Int32] {
    history(user).seen(since: limits.seenForMilliseconds.map { newestTimeMilliseconds - $0 })
  }

  /// At most `max` of these items, those of the newest interactions, ascending.
  func newestSeen(_ user: UserReference, max: Int) -> [Int32] {
    let seen = seen(user)
    guard seen.count > max else { return seen }
    let newest = Set(history(user).pairs.suffix(max).map(\.item))
    return seen.filter(newest.contains)
  }

  /// Calls `body` for the live pairs of the user, newest first, until it returns false. Strengths are decayed to the newest applied
  /// event.
  public func forEachNewestFirst(
    _ user: UserReference, _ body: (_ item: Int32, _ strength: Float, _ order: InteractionOrder) -> Bool
  ) {
    let history = history(user)
    for pair in history.pairs.reversed() where pair.isLive {
      guard body(pair.item, strength(pair), pair.order) else { return }
    }
  }

  /// The live pairs of the user, oldest first, with strengths as they are stored.
  package func storedPairs(_ user: UserReference) -> [(item: Int32, strength: Float, timeMilliseconds: Int64)] {
    history(user).pairs.filter(\.isLive).map { ($0.item, $0.strength, $0.order.timeMilliseconds) }
  }

  /// Strength of the user's pair with the item; 0 if there is none.
  func strength(_ user: UserReference, _ item: Int32) -> Float { history(user).livePair(item).map(strength) ?? 0 }

  private func strength(_ pair: Pair) -> Float {
    limits.decayed(pair.strength, milliseconds: newestTimeMilliseconds - pair.order.timeMilliseconds)
  }

  // MARK: Published vectors

  /// The published vector of the user, or `nil`.
  public func vector(_ user: UserReference) -> [Float]? { partitions[Int(user.partition)].served.vector(user.index) }
  func vectorState(_ user: UserReference) -> ServedFactors.State { partitions[Int(user.partition)].served.state(user.index) }

  func withVector<R>(_ user: UserReference, _ body: (UnsafeBufferPointer<Float>) -> R) -> R? {
    partitions[Int(user.partition)].served.withVector(user.index, body)
  }

  mutating func setVector(_ user: UserReference, to vector: UnsafePointer<Float>, state: ServedFactors.State = .current) {
    partitions[Int(user.partition)].served.set(user.index, to: vector, state: state)
  }

  mutating func markStale(_ user: UserReference) { partitions[Int(user.partition)].served.markStale(user.index) }

  /// Replaces the vectors of all partitions.
  mutating func install(_ served: [ServedFactors]) {
    precondition(served.count == partitions.count, "got vectors for \(served.count) partitions, expected \(partitions.count)")
    for (index, vectors) in served.enumerated() { partitions[index].served = vectors }
  }

  // MARK: Freezing, dropping and adopting

  func frozen(withVectors: Bool) -> UserPartitions {
    var copy = self
    copy.partitions = partitions.map { $0.frozen(withVectors: withVectors) }
    return copy
  }

  mutating func thaw() {
    for index in partitions.indices { partitions[index].thaw() }
  }

  /// Drops the users of one partition because another engine takes it over. This is not a tombstone.
  mutating func drop(_ partition: Int32) {
    partitions[Int(partition)] = UserPartition(number: partition, factors: factors)
  }

  mutating func replace(_ partition: UserPartition) { partitions[Int(partition.number)] = partition }

  /// Redistributes the users over `count` partitions. All references change.
  func distributed(into count: Int) -> UserPartitions {
    var result = UserPartitions(limits: limits, factors: factors, partitionCount: count)
    result.newestTimeMilliseconds = newestTimeMilliseconds
    for user in references where isPresent(user) {
      let name = name(user)
      let home = Int(result.partition(ofID: name))
      let index = result.partitions[home].insert(name, history(user))
      withVector(user) { result.partitions[home].served.set(index, to: $0.baseAddress!, state: vectorState(user)) }
    }
    result.partitions[0].restoreCounts(
      evictedFromHistory: partitions.reduce(0) { $0 + $1.evictedFromHistory },
      evictedFromSeen: partitions.reduce(0) { $0 + $1.evictedFromSeen })
    return result
  }
}
