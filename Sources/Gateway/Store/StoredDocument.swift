import ItemMetadata
import RedisPublishing
import Telemetry

/// What people write for all gateways: documents in a hash by id, with a version that grows with every change.
protocol StoredDocument: Sendable, Equatable {
  /// For messages.
  static var noun: String { get }
  static func place(_ keys: RedisKeys) -> StoredPlace
  var id: String { get }
  var createdAt: Int64 { get }
  var json: JSONValue { get }
  init(_ bytes: [UInt8], createdAt: Int64) throws(DocumentFault)
  /// Throws if the documents cannot be valid together.
  static func check(_ all: [Self], now: Int64) throws(DocumentFault)
}

struct StoredPlace: Sendable, Equatable {
  let hash: String
  let version: String
}

enum StoredChange<Document: StoredDocument>: Sendable, Equatable {
  case done(before: Document?)
  /// The documents would not be valid together.
  case refused(DocumentFault)
  /// Others changed documents all the time.
  case overtaken
}

extension StoredDocument {
  /// All documents that stand in Redis, and why others there are none.
  static func all(_ redis: RedisConnection, _ keys: RedisKeys) throws -> (documents: [Self], faults: [String]) {
    let hash = place(keys).hash
    var documents: [String: Self] = [:]
    var faults: [String] = []
    try redis.scan(hash) { id, bytes in
      do throws(DocumentFault) { documents[id] = try Self(bytes, createdAt: 0) } catch {
        faults.append("the \(noun) \(id) in \(hash) cannot be read: \(error)")
      }
    }
    return (Array(documents.values), faults)
  }
}

/// Reading and writing.
///
/// Document and version are written in one transaction; a writer that was overtaken reads again and repeats.
extension GatewayStore {
  private static var attempts: Int { 5 }

  func documents<Document: StoredDocument>(_: Document.Type) throws -> (version: Int64, documents: [Document]) {
    try withRedis { redis in
      let version = try redis.integer(at: Document.place(keys).version) ?? 0
      return (version, try Document.all(redis, keys).documents.sorted { $0.id < $1.id })
    }
  }

  /// - Parameter change: what becomes of the document that stands there; `nil` deletes it.
  func change<Document: StoredDocument>(
    _ id: String, now: Int64, _ change: (Document?) throws(DocumentFault) -> Document?
  ) throws -> StoredChange<Document> {
    let place = Document.place(keys)
    return try withRedis { redis in
      for _ in 0..<Self.attempts {
        try redis.command(["WATCH", place.version])
        let all = try Document.all(redis, keys).documents
        let before = all.first { $0.id == id }
        let after: Document?
        do throws(DocumentFault) {
          after = try change(before)
          try Document.check(all.filter { $0.id != id } + (after.map { [$0] } ?? []), now: now)
        } catch {
          try redis.command(["UNWATCH"])
          return .refused(error)
        }
        try redis.command(["MULTI"])
        if let after {
          try redis.command(["HSET", place.hash, id, after.json.text])
        } else {
          try redis.command(["HDEL", place.hash, id])
        }
        try redis.command(["INCR", place.version])
        if case .array = try redis.command(["EXEC"]) { return .done(before: before) }
      }
      return .overtaken
    }
  }
}
