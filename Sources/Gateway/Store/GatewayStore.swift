import ItemMetadata
import RedisPublishing
import ServingFormats
import StreamingRecommender
import Telemetry

/// Redis as the gateway sees it: users by request, everything else in memory.
public final class GatewayStore: Sendable {
  /// What Redis has of a user.
  public struct User: Sendable {
    public var list: StoredList?
    public var row: UserRow?
    /// Lists of other programs by name; those that have expired are among them.
    public var imported: [String: StoredList]
    public init(list: StoredList?, row: UserRow?, imported: [String: StoredList] = [:]) {
      self.list = list
      self.row = row
      self.imported = imported
    }
  }

  public let keys: RedisKeys
  public let box: ViewBox
  private let pool: RedisPool
  private let log: Log
  /// `nil` if nothing is read.
  private let poller: PollingThread?
  private let arms: ArmStores

  /// - Parameters:
  ///   - connections: threads that may read at the same time.
  ///   - shop: the namespace that has the catalogue and the rules; `nil` for the same. A store of another namespace reads no experiments.
  ///   - imported: lists of other programs that are read.
  public convenience init(
    _ redis: RecommenderConfiguration.Redis, connections: Int, shop: RedisKeys? = nil, imported: [ImportedListWeight] = [], log: Log
  ) {
    self.init(redis, connections: connections, shop: shop, imported: imported, log: log, polls: true)
  }

  /// A store that reads nothing, for what needs its keys only.
  convenience init(idle redis: RecommenderConfiguration.Redis) {
    self.init(redis, connections: 0, shop: nil, imported: [], log: .disabled, polls: false)
  }

  private init(
    _ redis: RecommenderConfiguration.Redis, connections: Int, shop: RedisKeys?, imported: [ImportedListWeight], log: Log, polls: Bool
  ) {
    let log = log.scoped("gateway")
    let keys = RedisKeys(prefix: redis.keyPrefix, namespace: redis.namespace)
    let box = ViewBox()
    let pool = RedisPool(redis, idleMax: connections + 1) { problem in
      if let problem {
        log.warning("Redis is away; lists of users are not served until it is back: \(problem)")
      } else {
        log.info("Redis is back")
      }
    }
    self.keys = keys
    self.box = box
    self.pool = pool
    self.log = log
    let arms = ArmStores { name in
      var other = redis
      other.namespace = name
      return GatewayStore(other, connections: connections, shop: keys, imported: imported, log: log)
    }
    self.arms = arms
    let isShop = shop == nil
    poller =
      !polls
      ? nil
      : PollingThread {
        GatewayPoller(pool: pool, keys: keys, shop: shop ?? keys, imported: imported, box: box, log: log) { names in
          if isShop { arms.follow(names.subtracting([redis.namespace])) }
        }
      }
  }

  /// The store of another namespace, if an experiment that is not over names it; else this one.
  func store(of namespace: String?) -> GatewayStore { namespace.flatMap { arms[$0] } ?? self }

  public var view: ServingView { box.current }
  /// Why Redis cannot be asked now.
  public var problem: String? { pool.problem }

  public func stop() {
    poller?.stop()
    arms.follow([])
    pool.close()
  }

  // MARK: Users

  /// The list and, if asked for, the row and the imported lists of each user, in one round trip for up to 256 users.
  public func users(_ users: [Identifier], withRows: Bool, imported: [ServedImport] = []) throws -> [User] {
    var found: [User] = []
    found.reserveCapacity(users.count)
    for start in stride(from: 0, to: users.count, by: 256) {
      let slice = users[start..<min(users.count, start + 256)]
      let names = slice.flatMap { withRows ? [keys.userList($0), keys.userRow($0)] : [keys.userList($0)] }
      let (reply, lists) = try read(["MGET"] + names, slice, imported)
      guard case .array(let values) = reply, values.count == names.count else {
        throw RedisError(.protocol, "the answer to MGET has not one value for each key")
      }
      let step = withRows ? 2 : 1
      for index in slice.indices {
        let at = (index - slice.startIndex) * step
        var user = User(list: try list(values[at]), row: withRows ? try row(values[at + 1]) : nil)
        if !lists.isEmpty { user.imported = importedLists(lists[index - slice.startIndex], imported) }
        found.append(user)
      }
    }
    return found
  }

  /// The reply to MGET, and those with the imported lists of each user, if any are asked for.
  private func read(
    _ command: [String], _ users: ArraySlice<Identifier>, _ imported: [ServedImport]
  ) throws -> (RedisReply, lists: [RedisReply]) {
    let fields = imported.compactMap(\.field)
    guard !fields.isEmpty else { return (try pool.withConnection { try $0.command(command) }, []) }
    let replies = try pool.withConnection { redis in
      try redis.pipelined([command] + users.map { ["HMGET", keys.userImported($0)] + fields })
    }
    if case .error(let text) = replies[0] { throw RedisError(reply: text) }
    return (replies[0], Array(replies.dropFirst()))
  }

  /// What cannot be read is as good as none: the engine's list is served.
  private func importedLists(_ reply: RedisReply, _ imported: [ServedImport]) -> [String: StoredList] {
    let known = imported.filter { $0.field != nil }
    guard case .array(let values) = reply, values.count == known.count else {
      if case .error(let text) = reply { log.warning("imported lists cannot be read: \(RedisError(reply: text))") }
      return [:]
    }
    var lists: [String: StoredList] = [:]
    for (list, value) in zip(known, values) {
      guard let bytes = value.bytes else { continue }
      do { lists[list.name] = try StoredList(decodingImported: bytes) } catch {
        log.warning("an imported list \(list.name) cannot be read: \(error)")
      }
    }
    return lists
  }

  /// The stored list of similar items.
  public func similar(_ item: Identifier) throws -> StoredList? {
    try list(try pool.withConnection { try $0.command(["GET", keys.similar(item)]) })
  }

  /// Lends a connection for several commands.
  func withRedis<Value>(_ body: (RedisConnection) throws -> Value) throws -> Value { try pool.withConnection(body) }

  /// The mirrored document of an item.
  func item(_ id: Identifier) throws -> ItemDocument? {
    let reply = try pool.withConnection { try $0.command(["HGET", keys.itemDocuments, id.string]) }
    guard let bytes = reply.bytes else { return nil }
    do throws(DocumentFault) { return try ItemDocument(bytes) } catch {
      throw GatewayDataError("the document of item \(id) in \(keys.itemDocuments) cannot be read: \(error)")
    }
  }

  private func list(_ reply: RedisReply) throws -> StoredList? { try reply.bytes.map { try StoredList(decoding: $0) } }

  /// A row that cannot be read is as good as none: the list beside it is served.
  private func row(_ reply: RedisReply) throws -> UserRow? {
    guard let bytes = reply.bytes else { return nil }
    do throws(ServingFormatError) {
      let row = try UserRow(decoding: bytes)
      box.name(row.epoch)
      return row
    } catch {
      log.warning("the row of a user cannot be read: \(error)")
      return nil
    }
  }
}
