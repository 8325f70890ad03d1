import Digests
import ObjectStorage
import Telemetry

/// Records of runs in an object store: `runs/<id>.json`, and `keys/<digest>/<attempt>` for idempotency keys.
public struct RunStore: Sendable {
  private static let recordBytesMax = 16 << 20

  private let store: any ObjectStore
  private let isAlive: @Sendable (RunRecord) -> Bool

  /// - Parameter isAlive: whether the process of a running record may still be there; true for those that cannot be known.
  public init(_ store: any ObjectStore, isAlive: @escaping @Sendable (RunRecord) -> Bool = { _ in true }) {
    self.store = store
    self.isAlive = isAlive
  }

  /// The address for messages.
  public var name: String { store.name }

  private static func key(_ id: RunID) throws(ObjectStoreError) -> ObjectKey { try ObjectKey("runs/\(id.text).json") }

  // MARK: Records

  /// Writes a record over the one of the same id.
  public func save(_ record: RunRecord) throws(ObjectStoreError) {
    try store.put(try Self.key(record.id), .bytes(Array((record.json.text + "\n").utf8)))
  }

  /// - Parameter now: to see whether a running one still lives, in milliseconds since 1970.
  /// - Returns: `nil` if there is none.
  public func record(_ id: RunID, now: Int64) throws -> RunRecord? {
    let bytes: [UInt8]
    do { bytes = try store.bytes(try Self.key(id), limit: Self.recordBytesMax) } catch let error as ObjectStoreError {
      guard error.code != .notFound, error.code != .noStore else { return nil }
      throw error
    }
    var record = try RunRecord(json: bytes).seen(at: now)
    if record.state == .running, !isAlive(record) { record.state = .interrupted }
    return record
  }

  /// The ids of all runs, oldest first.
  public func ids() throws -> [RunID] {
    var ids: [RunID] = []
    do {
      try store.forEach("runs/") { object in
        if let id = RunID(String(object.key.text.dropFirst("runs/".count).dropLast(".json".count))) { ids.append(id) }
      }
    } catch let error as ObjectStoreError {
      guard error.code == .noStore else { throw error }
    }
    return ids.sorted()
  }

  public func remove(_ id: RunID) throws(ObjectStoreError) { try store.remove(try Self.key(id)) }

  /// Removes the oldest runs of a kind beyond a number.
  public func prune(_ kind: String, keep: Int) throws {
    for old in try ids().filter({ $0.kind == RunID.slug(kind) }).dropLast(keep) { try remove(old) }
  }

  // MARK: Idempotency keys

  public enum Claim: Sendable {
    case granted
    /// This run had the key before, and has done or still does what was asked for.
    case taken(RunRecord)
  }

  /// Gives the key of a saved record to it, unless another run that has not failed has it. Of several claims at once, one is granted.
  public func claim(_ record: RunRecord, now: Int64) throws -> Claim {
    guard let key = record.idempotencyKey else { return .granted }
    while true {
      let (attempt, id) = try lastAttempt(key)
      if let holder = try id.flatMap({ try self.record($0, now: now) }), holder.state == .done || holder.state == .running {
        return .taken(holder)
      }
      do {
        try store.put(try ObjectKey("\(Self.prefix(key))\(attempt + 1)"), .bytes(Array(record.id.text.utf8)), .ifAbsent)
        return .granted
      } catch {
        guard error.code == .alreadyExists else { throw error }
      }
    }
  }

  /// The run that an idempotency key was given to last.
  public func holder(of key: String) throws -> RunID? { try lastAttempt(key).id }

  private static func prefix(_ key: String) -> String { "keys/\(SHA256Digest(of: Array(key.utf8)).hex)/" }

  /// The key is given away again after its run has failed; every time under the next number.
  private func lastAttempt(_ key: String) throws -> (number: Int, id: RunID?) {
    let prefix = Self.prefix(key)
    var last = 0
    do {
      try store.forEach(prefix) { object in last = max(last, Int(object.key.text.dropFirst(prefix.count)) ?? 0) }
    } catch let error as ObjectStoreError {
      guard error.code == .noStore else { throw error }
    }
    guard last > 0 else { return (0, nil) }
    let bytes = try store.bytes(try ObjectKey("\(prefix)\(last)"), limit: 4096)
    return (last, RunID(String(decoding: bytes, as: UTF8.self)))
  }

  /// Forgets an idempotency key, so that it can be used for something else.
  public func release(_ key: String) throws {
    try store.forEach(Self.prefix(key)) { object in try store.remove(object.key) }
  }
}
