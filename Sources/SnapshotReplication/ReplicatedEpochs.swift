import Dispatch
import Foundation
import ObjectStorage
import StreamingRecommender
import Synchronization
import Telemetry

/// Models in a directory, whose files are also in an object store, and come back from there if the directory does not have them.
///
/// A model counts as kept once it is in the directory. The store follows on a queue of its own: it gets what it does not have, and loses
/// what the directory has not any more. If it cannot be reached, the next change is another attempt.
public final class ReplicatedEpochs: EpochStorage {
  public let directory: EpochDirectory
  private let store: any ObjectStore
  private let log: Log
  private let queue = DispatchQueue(label: "epoch copies", qos: .utility)
  /// Whether the directory has what the store had at the start. Before that, nothing in the store is removed.
  private let isComplete = Atomic<Bool>(false)

  /// - Parameter store: for the models of one engine alone: `s3://bucket/<namespace>/models`.
  public init(_ directory: EpochDirectory, store: any ObjectStore, log: Log) {
    self.directory = directory
    self.store = store
    self.log = log
  }

  public func write(_ model: StoredModel) throws {
    try directory.write(model)
    follow()
  }

  public func read(_ epoch: UInt32) throws -> StoredModel { try directory.read(epoch) }
  public func epochs() -> [UInt32] { directory.epochs() }

  /// Has the store follow the directory, soon.
  public func follow() {
    queue.async { [self] in
      do { try mirror() } catch { log.warning("models were not copied to retrain.epoch_store; the next change tries again: \(error)") }
    }
  }

  /// Waits for what `follow` has begun.
  public func wait() { queue.sync {} }

  /// Reads what the store has and the directory has not: for an engine that starts on another machine.
  public func restore() {
    queue.sync {
      do { try fetch() } catch {
        log.warning("the models in retrain.epoch_store were not read, so that only those in \(directory.path) are kept: \(error)")
      }
    }
  }

  // MARK: On the queue

  private func objects() throws -> [ObjectInfo] {
    var objects: [ObjectInfo] = []
    try store.forEach("epoch-") { if EpochDirectory.isName($0.key.text) { objects.append($0) } }
    return objects
  }

  /// The files of the directory and their sizes.
  private func files() throws -> [String: Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return try Dictionary(
      uniqueKeysWithValues: names.filter(EpochDirectory.isName).map { name in
        (name, try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(name)")[.size] as? Int ?? 0)
      })
  }

  private func fetch() throws {
    let files = try files()
    // In the order in which they were written, because the directory keeps those that were written last.
    let missing = try objects().filter { files[$0.key.text] == nil }
    if !missing.isEmpty {
      try FileManager.default.createDirectory(
        atPath: directory.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    for object in missing.sorted(by: { ($0.modifiedMilliseconds, $0.key) < ($1.modifiedMilliseconds, $1.key) }) { try download(object) }
    isComplete.store(true, ordering: .relaxed)
  }

  private func download(_ object: ObjectInfo) throws {
    let final = "\(directory.path)/\(object.key.text)"
    let temporary = final + ".writing"
    guard FileManager.default.createFile(atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: temporary)
    else { throw ObjectStoreError(.denied, "cannot write \(temporary)") }
    defer {
      try? file.close()
      unlink(temporary)
    }
    var bytes = 0
    try store.read(object.key, nil) { piece in
      bytes += piece.count
      try file.write(contentsOf: piece)
    }
    guard bytes == object.bytes else { throw ObjectStoreError(.unavailable, "\(object.key) had \(bytes) of \(object.bytes) bytes") }
    try file.synchronize()
    guard rename(temporary, final) == 0 else { throw ObjectStoreError(.denied, "cannot write \(final)") }
    log.info("a model was read from retrain.epoch_store", ["name": object.key.text, "bytes": bytes])
  }

  private func mirror() throws {
    if !isComplete.load(ordering: .relaxed) { try fetch() }
    let copies = Dictionary(try objects().map { ($0.key.text, $0.bytes) }) { first, _ in first }
    let files = try files()
    for (name, bytes) in files.sorted(by: { $0.key < $1.key }) where copies[name] != bytes {
      try store.put(try ObjectKey(name), .file(path: "\(directory.path)/\(name)"))
    }
    for name in copies.keys where files[name] == nil { try store.remove(try ObjectKey(name)) }
  }
}
