/// The users of one partition as read from a snapshot section, for adoption by another engine.
public struct PartitionSnapshot: Sendable {
  var partition: UserPartition
  /// Ids of the items that the histories refer to.
  var items: IdentifierTable
  public var offsets: PartitionOffsets
  var marks: [TopicPartition: RecordMark]
  var recent: [TopicPartition: RecentEvents]
  /// Epoch of the model that the vectors belong to; 0 if there are none.
  var epoch: UInt32
  var newestTimeMilliseconds: Int64
}

extension RecommenderEngine {
  /// Drops the users and offsets of one partition because another engine takes it over. This is not a tombstone.
  public mutating func drop(partition: Int32) {
    state.users.drop(partition)
    state.offsets.next = state.offsets.next.filter { $0.key.partition != partition }
    state.marks = state.marks.filter { $0.key.partition != partition }
    state.recent = state.recent.filter { $0.key.partition != partition }
    state.catalogue.newItems.rename { $0.partition == partition ? nil : $0 }
  }

  /// Adopts the users of a partition that another engine has served. Their vectors are used only if they belong to the live epoch.
  public mutating func adopt(_ other: PartitionSnapshot) {
    let number = other.partition.number
    precondition(Int(number) < state.users.partitions.count, "partition \(number) is out of range 0 ..< \(state.users.partitions.count)")
    let items = (0..<Int32(other.items.capacity)).map { state.catalogue.items.intern(other.items.name($0)).index }
    var partition = other.partition
    partition.renameItems(items)
    if other.epoch == 0 || other.epoch != model?.epoch { partition.served = ServedFactors(factors: settings.parameters.factors) }
    state.users.replace(partition)
    state.users.newestTimeMilliseconds = max(state.users.newestTimeMilliseconds, other.newestTimeMilliseconds)
    state.offsets.next.merge(other.offsets.next) { $1 }
    state.marks.merge(other.marks) { $1 }
    state.recent.merge(other.recent) { $1 }
  }
}
