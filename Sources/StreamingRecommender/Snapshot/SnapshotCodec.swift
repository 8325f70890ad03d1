/// Encodes and decodes snapshots (schemas/snapshot-format.md).
public enum SnapshotCodec {
  /// The format version written. Version 2 can be read and is migrated.
  public static let version: UInt32 = 3

  // MARK: Writing

  /// Writes a complete snapshot to `sink`; rethrows the errors of `sink`.
  public static func write(_ snapshot: Snapshot, to sink: SnapshotSink) throws {
    try SnapshotFraming.header(version: version).withUnsafeBytes(sink)
    let writer = SnapshotWriter(snapshot)
    try writer.writeWhole(to: sink)
    try SnapshotFraming.write(.end, to: sink) { _ in }
  }

  /// Writes one partition of a snapshot: its users, the ids of the items in their histories, and its offsets.
  public static func writePartition(_ partition: Int32, of snapshot: Snapshot, to sink: SnapshotSink) throws {
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
