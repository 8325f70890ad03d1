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
  /// Whether the directory had nothing at the start, as on another machine.
  private let wasEmpty: Bool

  /// - Parameter store: for the models of one engine alone: `s3://bucket/<namespace>/models`.
  public init(_ directory: EpochDirectory, store: any ObjectStore, log: Log) {
    self.directory = directory
    self.store = store
    self.log = log
    wasEmpty = directory.epochs().isEmpty
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

  /// Waits for what `follow` has begun. Returns whether that has ended in time.
  public func wait(_ timeout: Duration) -> Bool {
    let ended = DispatchSemaphore(value: 0)
    queue.async { ended.signal() }
    let (seconds, attoseconds) = timeout.components
    return ended.wait(timeout: .now() + Double(seconds) + Double(attoseconds) / 1e18) == .success
  }

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

  private struct FileState {
    var bytes: Int
    var modifiedMilliseconds: Int64
  }

  /// The files of the directory. Throws if it cannot be read, because no files would mean that the store is to be emptied.
  private func files() throws -> [String: FileState] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    return try Dictionary(
      uniqueKeysWithValues: names.filter(EpochDirectory.isName).map { name in
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(name)")
        let modified = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        return (name, FileState(bytes: attributes[.size] as? Int ?? 0, modifiedMilliseconds: Int64(modified * 1000)))
      })
  }

  /// Reads all that the store has into a directory that was empty; else what another machine has written since.
  private func fetch() throws {
    try FileManager.default.createDirectory(
      atPath: directory.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let files = try files()
    let newest = files.values.map(\.modifiedMilliseconds).max() ?? 0
    // An older object that the directory does not have was removed from it.
    let missing = try objects().filter { files[$0.key.text] == nil && (wasEmpty || $0.modifiedMilliseconds > newest) }
    for object in missing { try download(object) }
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
    // The directory keeps those that were written last.
    let modified = Date(timeIntervalSince1970: Double(object.modifiedMilliseconds) / 1000)
    try FileManager.default.setAttributes([.modificationDate: modified], ofItemAtPath: temporary)
    guard rename(temporary, final) == 0 else { throw ObjectStoreError(.denied, "cannot write \(final)") }
    log.info("a model was read from retrain.epoch_store", ["name": object.key.text, "bytes": bytes])
  }

  private func mirror() throws {
    if !isComplete.load(ordering: .relaxed) { try fetch() }
    let copies = Dictionary(try objects().map { ($0.key.text, $0) }) { first, _ in first }
    let files = try files()
    for (name, file) in files.sorted(by: { $0.key < $1.key }) {
      // A file that was written again may have the size of the one before.
      if let copy = copies[name], copy.bytes == file.bytes, copy.modifiedMilliseconds >= file.modifiedMilliseconds { continue }
      try store.put(try ObjectKey(name), .file(path: "\(directory.path)/\(name)"))
    }
    for name in copies.keys where files[name] == nil { try store.remove(try ObjectKey(name)) }
  }
}
