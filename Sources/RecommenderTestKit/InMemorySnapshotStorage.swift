import StreamingRecommender
import Synchronization

/// Stores snapshots in memory; tests can make writes fail or truncate the newest snapshot.
public final class InMemorySnapshotStorage: SnapshotStorage {
  private struct State {
    var files: [UInt64: [UInt8]] = [:]
    var failures = 0
    var durable = PartitionOffsets()
  }
  private let state = Mutex(State())
  private let keep: Int

  public init(keep: Int = 3) { self.keep = keep }

  /// Makes the next `count` writes fail, as on a full disk.
  public func failNext(_ count: Int) { state.withLock { $0.failures = count } }

  /// Stores a truncated snapshot, as a crash during a write can leave if the file system does not honour fsync.
  public func tear(sequence: UInt64, _ snapshot: Snapshot, keepingBytes share: Double) throws {
    let bytes = try Self.encode(snapshot)
    state.withLock { $0.files[sequence] = Array(bytes.prefix(Int(Double(bytes.count) * share))) }
  }

  /// The offsets of the newest snapshot that was written completely.
  public var durableOffsets: PartitionOffsets { state.withLock { $0.durable } }

  public func write(_ snapshot: Snapshot) throws -> SnapshotReceipt {
    let bytes = try Self.encode(snapshot)
    return try state.withLock { state in
      if state.failures > 0 {
        state.failures -= 1
        throw SnapshotError(.input("no space left on device"), path: "memory")
      }
      state.files[snapshot.sequence] = bytes
      state.durable = snapshot.offsets
      for old in state.files.keys.sorted().dropLast(keep) { state.files[old] = nil }
      return SnapshotReceipt(sequence: snapshot.sequence, bytes: bytes.count, seconds: 0)
    }
  }

  public func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError]) {
    var refused: [SnapshotError] = []
    let files = state.withLock { $0.files }
    for sequence in files.keys.sorted(by: >) {
      do {
        let snapshot = try files[sequence]!.withUnsafeBytes {
          try SnapshotCodec.read($0, path: "memory:\(sequence)", configuration: configuration)
        }
        return (snapshot, refused)
      } catch let error as SnapshotError { refused.append(error) }
    }
    return (nil, refused)
  }

  public func lastSequence() -> UInt64 { state.withLock { $0.files.keys.max() ?? 0 } }

  public static func encode(_ snapshot: Snapshot) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try SnapshotCodec.write(snapshot) { bytes.append(contentsOf: $0) }
    return bytes
  }
}
