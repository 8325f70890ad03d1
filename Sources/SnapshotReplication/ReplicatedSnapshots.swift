import Dispatch
import Foundation
import ObjectStorage
import StreamingRecommender
import Synchronization
import Telemetry

/// Snapshots in a directory, whose newest one is also copied into an object store, and comes back from there if the directory has none.
///
/// A snapshot counts as durable once it is in the directory, so offsets are committed whether or not the store can be reached. Copies are
/// made on a queue of their own; if one takes longer than the time between snapshots, those in between are left out. The manifest is
/// written last, then older copies are removed.
public final class ReplicatedSnapshots: SnapshotStorage {
  /// How far the copies are.
  public struct Progress: Sendable, Equatable {
    /// The newest snapshot in the store, as far as it is known.
    public var copiedSequence: UInt64?
    public var copies = 0
    public var failures = 0
    /// Why the last copy failed; `nil` after one that did not.
    public var problem: String?
  }

  private struct State {
    var progress = Progress()
    var pending: UInt64?
    var isCopying = false
  }

  public let directory: SnapshotDirectory
  private let store: any ObjectStore
  private let log: Log
  private let queue = DispatchQueue(label: "snapshot copies", qos: .utility)
  private let state = Mutex(State())
  /// Entered while a copy is due or being made.
  private let copies = DispatchGroup()

  /// - Parameter store: for the snapshots of one engine alone: `s3://bucket/<namespace>/snapshots`.
  public init(_ directory: SnapshotDirectory, store: any ObjectStore, log: Log) {
    self.directory = directory
    self.store = store
    self.log = log
  }

  public var progress: Progress { state.withLock { $0.progress } }

  // MARK: Writing

  public func write(_ snapshot: Snapshot) throws -> SnapshotReceipt {
    let receipt = try directory.write(snapshot)
    enqueue(snapshot.sequence)
    return receipt
  }

  /// Waits until nothing is left to copy. Returns whether that was so in time; for an orderly shutdown.
  public func waitForCopies(_ timeout: Duration) -> Bool {
    let (seconds, attoseconds) = timeout.components
    return copies.wait(timeout: .now() + Double(seconds) + Double(attoseconds) / 1e18) == .success
  }

  private func enqueue(_ sequence: UInt64) {
    let begins = state.withLock { state in
      state.pending = sequence
      defer { state.isCopying = true }
      return !state.isCopying
    }
    guard begins else { return }
    copies.enter()
    queue.async { [self] in
      while let next = takePending() { copy(next) }
      copies.leave()
    }
  }

  private func takePending() -> UInt64? {
    state.withLock { state in
      let next = state.pending
      state.pending = nil
      if next == nil { state.isCopying = false }
      return next
    }
  }

  private func copy(_ sequence: UInt64) {
    do {
      let name = SnapshotDirectory.fileName(sequence)
      let key = try ObjectKey(name)
      try store.put(key, .file(path: "\(directory.path)/\(name)"))
      guard let copied = try store.head(key) else { throw ObjectStoreError(.unavailable, "\(store.name)/\(name) is gone again") }
      let manifest = SnapshotManifest(sequence: sequence, file: name, bytes: copied.bytes)
      try store.put(try ObjectKey(SnapshotManifest.name), .bytes(try manifest.json()))
      state.withLock { state in
        state.progress.copiedSequence = sequence
        state.progress.copies += 1
        state.progress.problem = nil
      }
      try prune(below: sequence)
    } catch {
      state.withLock { state in
        state.progress.failures += 1
        state.progress.problem = "\(error)"
      }
      log.warning(
        "a snapshot was not copied to snapshot.store; the next one will be tried", ["sequence": Int(sequence), "error": "\(error)"])
    }
  }

  /// Keeps as many as the directory does. Those above the one that was just written are somebody's whom this engine does not know.
  private func prune(below sequence: UInt64) throws {
    var sequences: [UInt64] = []
    try store.forEach("snapshot-") { object in
      guard let number = UInt64(object.key.text.dropFirst(9).dropLast(4)), SnapshotDirectory.fileName(number) == object.key.text else {
        return
      }
      if number <= sequence { sequences.append(number) }
    }
    for old in sequences.sorted().dropLast(directory.keep) { try store.remove(try ObjectKey(SnapshotDirectory.fileName(old))) }
  }

  // MARK: Reading

  /// Reads the store only if the directory has no intact snapshot.
  ///
  /// Throws if the store cannot be read then: to begin with an empty state would publish lists without anybody's history.
  public func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError]) {
    let local = try directory.newest(for: configuration)
    guard local.snapshot == nil, let manifest = try manifest() else { return local }
    try download(manifest)
    log.info("the snapshot was read from snapshot.store", ["sequence": Int(manifest.sequence), "bytes": manifest.bytes])
    let restored = try directory.newest(for: configuration)
    return (restored.snapshot, restored.snapshot == nil ? restored.refused : local.refused)
  }

  /// Numbers in the store count as well, so that none is used twice.
  public func lastSequence() -> UInt64 {
    let local = directory.lastSequence()
    if let known = progress.copiedSequence { return max(local, known) }
    let remote = (try? manifest())?.sequence ?? 0
    return max(local, remote)
  }

  private func manifest() throws -> SnapshotManifest? {
    let json: [UInt8]
    do { json = try store.bytes(try ObjectKey(SnapshotManifest.name), limit: 1 << 16) } catch let error as ObjectStoreError {
      if error.code == .notFound { return nil }
      throw failure("\(error)")
    }
    do throws(SnapshotManifest.Problem) {
      let manifest = try SnapshotManifest(json: json)
      state.withLock { $0.progress.copiedSequence = manifest.sequence }
      return manifest
    } catch { throw failure("\(store.name): \(error)") }
  }

  private func download(_ manifest: SnapshotManifest) throws {
    let name = SnapshotDirectory.fileName(manifest.sequence)
    let (final, temporary) = ("\(directory.path)/\(name)", "\(directory.path)/\(name).writing")
    do {
      guard FileManager.default.createFile(atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600]),
        let file = FileHandle(forWritingAtPath: temporary)
      else { throw ObjectStoreError(.denied, "cannot write \(temporary)") }
      defer { try? file.close() }
      var bytes = 0
      try store.read(try ObjectKey(manifest.file), nil) { piece in
        bytes += piece.count
        guard bytes <= manifest.bytes else { return }
        try file.write(contentsOf: piece)
      }
      guard bytes == manifest.bytes else {
        throw ObjectStoreError(.refused, "\(manifest.file) has \(bytes) bytes, \(SnapshotManifest.name) says \(manifest.bytes)")
      }
      try file.synchronize()
      guard rename(temporary, final) == 0 else { throw ObjectStoreError(.denied, "cannot write \(final)") }
    } catch {
      unlink(temporary)
      throw failure("\(error)")
    }
  }

  private func failure(_ why: String) -> SnapshotError {
    SnapshotError(
      .input("the directory has no snapshot, and snapshot.store cannot be read: \(why). Set snapshot.store=none to begin without one"),
      path: directory.path)
  }
}
