/// The state from which models and lists are derived: the shared catalogue and the users, by partition.
///
/// A value type. A frozen copy shares its chunks with the live state (copy-on-write), so neither a retrain nor a snapshot blocks
/// ingestion.
public struct EngineState: Sendable {
  public internal(set) var catalogue: Catalogue
  public internal(set) var users: UserPartitions
  /// Next offset to apply, per topic partition.
  public internal(set) var offsets = PartitionOffsets()
  /// The last applied record per partition, used to detect a log that was deleted and recreated.
  package internal(set) var marks: [TopicPartition: RecordMark] = [:]
  /// Number of applied events, stale ones included. Each event is counted once, however often the process restarts.
  public internal(set) var eventsApplied: UInt64 = 0
  var topics: TopicNumbers
  /// Whether a record ever came by another partition than its user's, because of its key or its producer's partitioner.
  package internal(set) var hasStrayRecords = false
  package var forgotten = ForgottenUsers()
  /// The newest events per partition that they came by.
  var recent: [TopicPartition: RecentEvents] = [:]
  public internal(set) var merged = MergedUsers()

  public init(
    limits: HistoryLimits = HistoryLimits(), factors: Int = 1, topics: [String] = [], catalogue: Catalogue = Catalogue(),
    partitionCount: Int = 1
  ) {
    users = UserPartitions(limits: limits, factors: factors, partitionCount: partitionCount)
    self.catalogue = catalogue
    self.topics = TopicNumbers(topics)
  }

  /// The result of applying one event.
  public enum Outcome: Equatable, Sendable {
    /// `previous` is the order of the pair before the event, `nil` if the user had none with the item.
    case changed(user: UserReference, item: Int32, isNewItem: Bool, previous: InteractionOrder?)
    /// The event is superseded by a newer `set` or `delete` or, if it is one itself, by any newer event of its pair. The history is
    /// unchanged.
    case stale
  }

  /// Applies one event to its user's history.
  public mutating func apply(_ interaction: Interaction, order: InteractionOrder) -> Outcome {
    eventsApplied += 1
    let (item, isNewItem) = catalogue.items.intern(interaction.item)
    let applied = users.apply(interaction, item: item, order: order)
    guard applied.isApplied else { return .stale }
    return .changed(user: applied.user, item: item, isNewItem: isNewItem, previous: applied.previous)
  }

  /// Moves the history of one user to another, who may be new. Returns the other one and the items that the first one liked.
  mutating func merge(_ user: UserReference, into id: [UInt8]) -> (user: UserReference, items: [Int32]) {
    let history = users.history(user)
    forget(user)
    return (users.merge(history, into: id), history.pairs.filter { $0.isLive && $0.strength > 0 }.map(\.item))
  }

  /// Removes the user: id, history, seen items and vector. Returns the number of places that it looked at.
  @discardableResult mutating func forget(_ user: UserReference) -> Int {
    let history = users.history(user)
    let looked = catalogue.newItems.remove(user, from: history.pairs.map(\.item) + history.evicted)
    users.forget(user)
    return looked
  }

  /// Returns a copy-on-write copy for use on another thread. The copy does not support id lookup.
  ///
  /// - Parameter withVectors: `false` leaves out the served vectors. A training does not need them, and sharing them would make each
  ///   later write copy a chunk.
  func frozen(withVectors: Bool) -> EngineState {
    var copy = self
    copy.catalogue = catalogue.frozen()
    copy.users = users.frozen(withVectors: withVectors)
    // Only a snapshot needs them; while a copy shares them, the next change copies them whole.
    if !withVectors { (copy.recent, copy.merged) = ([:], MergedUsers()) }
    return copy
  }

  /// Restores id lookup, which turns a frozen copy into a live state.
  mutating func thaw() {
    catalogue.thaw()
    users.thaw()
  }

  /// Memory use by part, from maintained counters. Cost is proportional to the number of chunks, not users.
  public var size: StateSize { users.partitions.reduce(catalogue.size) { $0 + $1.size } }
}
