import RedisPublishing
import StreamingRecommender

/// Keeps in step with Redis which imported lists there are.
struct ImportedFeed {
  private let keys: RedisKeys
  private let configured: [ImportedListWeight]
  private(set) var lists: [ServedImport]

  init(_ keys: RedisKeys, _ configured: [ImportedListWeight]) {
    self.keys = keys
    self.configured = configured
    lists = configured.map { ServedImport($0, nil) }
    isFirst = !configured.isEmpty
  }

  private var isFirst: Bool

  /// Reads what there is, if the configuration names any. Returns whether it is new.
  mutating func read(_ redis: RedisConnection) throws -> Bool {
    guard !configured.isEmpty else { return false }
    let all = ImportedLists.all(try redis.command(["HGETALL", keys.imported]).fields ?? [:])
    let found = configured.map { ServedImport($0, all[$0.name]) }
    defer { (lists, isFirst) = (found, false) }
    return isFirst || found != lists
  }
}
