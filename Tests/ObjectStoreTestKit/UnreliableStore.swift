import ObjectStorage
import Synchronization

/// A store in a directory that fails while it is told to.
public final class UnreliableStore: ObjectStore {
  public let store: DirectoryStore
  /// Whether the store is away.
  public let fails = Mutex(false)
  /// The next object is written, but the answer says otherwise.
  public let losesAnswer = Mutex(false)
  public var name: String { store.name }

  public init(path: String) { store = DirectoryStore(path: path) }

  private func check() throws(ObjectStoreError) {
    if fails.withLock({ $0 }) { throw ObjectStoreError(.unavailable, "the store is away") }
  }

  public func put(_ key: ObjectKey, _ content: ObjectContent, _ condition: PutCondition) throws(ObjectStoreError) {
    try check()
    try store.put(key, content, condition)
    let isLost = losesAnswer.withLock { loses in
      defer { loses = false }
      return loses
    }
    if isLost { throw ObjectStoreError(.unavailable, "the connection was lost") }
  }

  public func upload(_ key: ObjectKey, _ condition: PutCondition) throws(ObjectStoreError) -> any ObjectUpload {
    try check()
    return try store.upload(key, condition)
  }

  public func read(_ key: ObjectKey, _ range: Range<Int>?, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    try check()
    try store.read(key, range, take)
  }

  public func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    try check()
    return try store.head(key)
  }

  public func list(_ prefix: String, after: ObjectListing.Cursor?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try check()
    return try store.list(prefix, after: after, limit: limit)
  }

  public func remove(_ key: ObjectKey) throws(ObjectStoreError) {
    try check()
    try store.remove(key)
  }

  public func create() throws(ObjectStoreError) -> Bool { try store.create() }
  public func removeUnfinishedUploads(olderThan age: Duration) throws(ObjectStoreError) -> Int { 0 }
}
