/// The state that every model and list follows from: what every engine has whole (`catalogue`) and the users by partition.
///
/// A value. A frozen copy shares its chunks with the live one, so neither a retrain nor a snapshot stops the stream.
public struct EngineState: Sendable {
  public internal(set) var catalogue: Catalogue
  public internal(set) var users: UserPartitions
  /// Next offset to apply, per partition of each topic.
  public internal(set) var offsets = PartitionOffsets()
  /// The last record applied per partition, to notice a log that was deleted and filled again.
  var marks: [TopicPartition: RecordMark] = [:]
  /// Events that changed the state or were found stale; each once, whatever the number of restarts.
  public internal(set) var eventsApplied: UInt64 = 0
  var topics: TopicNumbers
  var forgotten = ForgottenUsers()

  public init(
    limits: HistoryLimits = HistoryLimits(), factors: Int = 1, topics: [String] = [], catalogue: Catalogue = Catalogue(),
    partitionCount: Int = 1
  ) {
    users = UserPartitions(limits: limits, factors: factors, partitionCount: partitionCount)
    self.catalogue = catalogue
    self.topics = TopicNumbers(topics)
  }

  public enum Outcome: Equatable, Sendable {
    case changed(user: UserReference, item: Int32, isNewUser: Bool, isNewItem: Bool)
    /// Older than what the pair already knows: nothing changes.
    case stale
  }

  /// Applies one event to its user's history.
  public mutating func apply(_ interaction: Interaction, order: InteractionOrder) -> Outcome {
    eventsApplied += 1
    let (item, isNewItem) = catalogue.items.intern(interaction.item)
    let applied = users.apply(interaction, item: item, order: order)
    guard applied.isApplied else { return .stale }
    return .changed(user: applied.user, item: item, isNewUser: applied.isNew, isNewItem: isNewItem)
  }

  /// Forgets the user: id, history, seen items, vector.
  mutating func forget(_ user: UserReference) {
    let history = users.history(user)
    catalogue.newItems.remove(user, from: history.pairs.map(\.item) + history.evicted)
    users.forget(user)
  }

  /// A copy for a reader on another thread: it cannot look ids up, and shares everything else until the live state is written to.
  ///
  /// - Parameter withVectors: a training does not need the served vectors, and sharing them would make the stream copy each chunk.
  func frozen(withVectors: Bool) -> EngineState {
    var copy = self
    copy.catalogue = catalogue.frozen()
    copy.users = users.frozen(withVectors: withVectors)
    return copy
  }

  /// Makes a frozen copy one that can look ids up, and so a live state.
  mutating func thaw() {
    catalogue.thaw()
    users.thaw()
  }

  /// Memory by part, from counts that are kept; walks chunks, never users.
  public var size: StateSize { users.partitions.reduce(catalogue.size) { $0 + $1.size } }
}

/// Memory of the state by part, in bytes; close estimates from the capacities of the containers.
public struct StateSize: Sendable, Equatable {
  public var interactions = 0
  public var users = 0
  public var items = 0
  public var factors = 0
  public var total: Int { interactions + users + items + factors }

  static func + (a: StateSize, b: StateSize) -> StateSize {
    StateSize(
      interactions: a.interactions + b.interactions, users: a.users + b.users, items: a.items + b.items, factors: a.factors + b.factors)
  }
}
