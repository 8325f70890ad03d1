#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import Telemetry

/// Stores snapshots as files `snapshot-<sequence>.frs` and keeps the newest `keep`.
public struct SnapshotDirectory: SnapshotStorage {
  public let path: String
  public let keep: Int
  public let synchronizes: Bool
  private var files: DurableDirectory { DurableDirectory(path, synchronizes: synchronizes) }

  public init(path: String, keep: Int = 3, synchronizes: Bool = true) {
    self.path = path
    self.keep = max(1, keep)
    self.synchronizes = synchronizes
  }

  /// Creates the directory (mode 0700) if it does not exist.
  public func prepare() throws { try files.prepare() }

  public func write(_ snapshot: Snapshot) throws -> SnapshotReceipt {
    let began = MonotonicClock.nanoseconds()
    let bytes = try files.write(Self.fileName(snapshot.sequence)) { try SnapshotCodec.write(snapshot, to: $0) }
    prune()
    return SnapshotReceipt(
      sequence: snapshot.sequence, bytes: bytes, seconds: Double(MonotonicClock.nanoseconds() - began) / 1e9)
  }

  public func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError]) {
    var refused: [SnapshotError] = []
    for sequence in sequences().reversed() {
      do {
        let snapshot = try files.read(Self.fileName(sequence)) {
          try SnapshotCodec.read($0, path: file(sequence), configuration: configuration)
        }
        return (snapshot, refused)
      } catch let error as SnapshotError {
        guard error.isRecoverable else { throw error }
        refused.append(error)
      }
    }
    return (nil, refused)
  }

  public func lastSequence() -> UInt64 { sequences().last ?? 0 }

  /// Sequence numbers of the existing files, ascending.
  public func sequences() -> [UInt64] {
    var found: [UInt64] = []
    for name in files.entries() {
      // Accept only file names that this type generates: a stray file with a huge number must not block the numbering.
      guard let number = UInt64(name.dropFirst(9).dropLast(4)), number < 1 << 56, file(number) == "\(path)/\(name)" else { continue }
      found.append(number)
    }
    return found.sorted()
  }

  /// Moves all snapshots into a new directory of this name within this one, where nothing reads or removes them. Returns its path, or `nil`
  /// if there are none.
  public func setAside(as name: String) throws -> String? {
    let found = sequences()
    guard !found.isEmpty else { return nil }
    let target = "\(path)/\(Self.asidePrefix)\(name)"
    guard mkdir(target, 0o700) == 0 else { throw failure("cannot create \(target)") }
    // Oldest first: if this ends half-way, the newest state is still the one that counts.
    for sequence in found {
      let file = file(sequence)
      let name = file.dropFirst(path.count)
      guard rename(file, target + name) == 0 else { throw failure("cannot move \(file) to \(target)") }
    }
    try DurableDirectory(target, synchronizes: synchronizes).synchronize()
    try files.synchronize()
    return target
  }

  /// Names of the directories that `setAside` has made, oldest first.
  public func setAsideDirectories() -> [String] {
    files.entries().filter { $0.hasPrefix(Self.asidePrefix) }.sorted()
  }

  private static let asidePrefix = "set-aside-"

  /// Name of the file of a snapshot.
  public static func fileName(_ sequence: UInt64) -> String {
    let digits = String(sequence)
    return "snapshot-\(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits).frs"
  }

  private func prune() {
    for sequence in sequences().dropLast(keep) { unlink(file(sequence)) }
  }

  func file(_ sequence: UInt64) -> String { "\(path)/\(Self.fileName(sequence))" }

  private func failure(_ what: String) -> SnapshotError { files.failure(what) }
}
