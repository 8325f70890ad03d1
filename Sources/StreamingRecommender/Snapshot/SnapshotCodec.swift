/// Encodes and decodes snapshots (schemas/snapshot-format.md).
public enum SnapshotCodec {
  /// The format version written. Version 2 can be read and is migrated.
  public static let version: UInt32 = 3

  /// Receives the bytes of a snapshot in pieces.
  public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  // MARK: Writing

  /// Writes a complete snapshot to `sink`; rethrows the errors of `sink`.
  public static func write(_ snapshot: Snapshot, to sink: Sink) throws {
    try SnapshotFraming.header(version: version).withUnsafeBytes(sink)
    let writer = SnapshotWriter(snapshot)
    try writer.writeWhole(to: sink)
    try SnapshotFraming.write(.end, to: sink) { _ in }
  }

  /// Writes one partition of a snapshot: its users, the ids of the items in their histories, and its offsets.
  public static func writePartition(_ partition: Int32, of snapshot: Snapshot, to sink: Sink) throws {
    try SnapshotFraming.header(version: version).withUnsafeBytes(sink)
    let writer = SnapshotWriter(snapshot)
    try writer.writeOnly(partition, to: sink)
    try SnapshotFraming.write(.end, to: sink) { _ in }
  }

  // MARK: Reading

  /// - Parameter path: used in error messages only.
  public static func read(_ bytes: UnsafeRawBufferPointer, path: String, configuration: RecommenderConfiguration) throws -> Snapshot {
    var reader = ByteReader(bytes, path: path)
    let settings = EngineSettings(configuration)
    switch try SnapshotFraming.readHeader(&reader, bytes, path: path) {
    case 2: return try SnapshotFormat2.read(&reader, path: path, settings: settings)
    case version: return try readSections(&reader, path, settings).finished()
    case let other: throw SnapshotError(.unknownVersion(got: other, known: 2...version), path: path)
    }
  }

  /// Reads a file written by `writePartition`.
  public static func readPartition(_ bytes: UnsafeRawBufferPointer, path: String, configuration: RecommenderConfiguration) throws
    -> PartitionSnapshot
  {
    var reader = ByteReader(bytes, path: path)
    let found = try SnapshotFraming.readHeader(&reader, bytes, path: path)
    guard found == version else { throw SnapshotError(.unknownVersion(got: found, known: version...version), path: path) }
    return try readSections(&reader, path, EngineSettings(configuration)).finishedPartition()
  }

  private static func readSections(_ reader: inout ByteReader, _ path: String, _ settings: EngineSettings) throws -> SnapshotReader {
    var assembly = SnapshotReader(path: path, settings: settings)
    while true {
      let section = try SnapshotFraming.readSection(&reader, path: path)
      if section.kind == SnapshotFraming.Kind.end.rawValue { break }
      try assembly.add(section)
    }
    guard reader.remaining == 0 else { throw SnapshotError(.malformed("trailing bytes after the last section"), path: path) }
    return assembly
  }
}

/// The users of one partition as read from a snapshot section, for adoption by another engine.
public struct PartitionSnapshot: Sendable {
  var partition: UserPartition
  /// Ids of the items that the histories refer to.
  var items: IdentifierTable
  public var offsets: PartitionOffsets
  var marks: [TopicPartition: RecordMark]
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
  }
}
