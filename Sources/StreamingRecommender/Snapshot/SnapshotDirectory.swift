#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import Telemetry

/// Stores snapshots as files `snapshot-<sequence>.frs` and keeps the newest `keep`.
///
/// A snapshot is written to a temporary file, fsynced and renamed; then the directory is fsynced.
///
/// A failed fsync fails the snapshot. It is not retried on the same file, because the kernel may already have marked the pages clean.
public struct SnapshotDirectory: SnapshotStorage {
  public let path: String
  public let keep: Int
  public let synchronizes: Bool

  public init(path: String, keep: Int = 3, synchronizes: Bool = true) {
    self.path = path
    self.keep = max(1, keep)
    self.synchronizes = synchronizes
  }

  /// Creates the directory (mode 0700) if it does not exist.
  public func prepare() throws {
    var partial = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      partial += "/" + part
      if mkdir(partial, 0o700) != 0, errno != EEXIST { throw failure("cannot create the directory \(partial)") }
    }
    guard access(path, W_OK) == 0 else { throw failure("cannot write to \(path)") }
  }

  public func write(_ snapshot: Snapshot) throws -> SnapshotReceipt {
    let began = MonotonicClock.nanoseconds()
    let final = file(snapshot.sequence)
    let temporary = final + ".writing"
    var bytes = 0
    do {
      bytes = try writeFile(snapshot, temporary)
      guard rename(temporary, final) == 0 else { throw failure("cannot rename \(temporary)") }
      try synchronizeDirectory(path)
    } catch {
      unlink(temporary)
      throw error
    }
    prune()
    return SnapshotReceipt(
      sequence: snapshot.sequence, bytes: bytes, seconds: Double(MonotonicClock.nanoseconds() - began) / 1e9)
  }

  private func writeFile(_ snapshot: Snapshot, _ path: String) throws -> Int {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot write \(path)") }
    defer { close(descriptor) }
    var total = 0
    try SnapshotCodec.write(snapshot) { piece in
      var piece = piece
      while !piece.isEmpty {
        let written = Glibc.write(descriptor, piece.baseAddress, piece.count)
        if written < 0 {
          if errno == EINTR { continue }
          throw failure("cannot write \(path)")
        }
        total += written
        piece = UnsafeRawBufferPointer(rebasing: piece[written...])
      }
    }
    if synchronizes, fsync(descriptor) != 0 { throw failure("fsync of \(path) failed") }
    return total
  }

  private func synchronizeDirectory(_ path: String) throws {
    guard synchronizes else { return }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot open \(path)") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw failure("fsync of \(path) failed") }
  }

  public func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError]) {
    var refused: [SnapshotError] = []
    for sequence in sequences().reversed() {
      do {
        return (try read(file(sequence), configuration), refused)
      } catch let error as SnapshotError {
        guard error.isRecoverable else { throw error }
        refused.append(error)
      }
    }
    return (nil, refused)
  }

  private func read(_ path: String, _ configuration: RecommenderConfiguration) throws -> Snapshot {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot read \(path)") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("cannot read \(path)") }
    let size = Int(status.st_size)
    guard size > 0 else { throw SnapshotError(.truncated(atByte: 0), path: path) }
    guard let map = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), map != MAP_FAILED else {
      throw failure("cannot map \(path)")
    }
    defer { munmap(map, size) }
    return try SnapshotCodec.read(UnsafeRawBufferPointer(start: map, count: size), path: path, configuration: configuration)
  }

  public func lastSequence() -> UInt64 { sequences().last ?? 0 }

  /// Sequence numbers of the existing files, ascending.
  public func sequences() -> [UInt64] {
    var found: [UInt64] = []
    for name in entries() {
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
    try synchronizeDirectory(target)
    try synchronizeDirectory(path)
    return target
  }

  /// Names of the directories that `setAside` has made, oldest first.
  public func setAsideDirectories() -> [String] {
    entries().filter { $0.hasPrefix(Self.asidePrefix) }.sorted()
  }

  /// The names in the directory, in no order; empty if it cannot be read.
  private func entries() -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
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

  private func failure(_ what: String) -> SnapshotError {
    SnapshotError(.input("\(what): \(String(cString: strerror(errno))). Check instance.data_dir"), path: path)
  }
}
