import Pipeline
import StreamingRecommender
import Telemetry

/// Writes lists that other programs made. Not thread-safe.
///
/// A user's lists are fields of one hash, so that one command removes them all when the user is forgotten.
public final class ImportedListWriter {
  /// What an import does with the lists of its name that are there.
  public enum Mode: Sendable, Equatable {
    /// Users of the import get new lists; others keep theirs.
    case update
    /// Users who are not in the import lose theirs. Readers see the old lists until the import is complete, and the new ones from then on.
    case replace
  }

  /// Why an import is not possible now, with what to do.
  public struct Refusal: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Users of one pipeline.
  public static let usersAtOnce = 256
  private static let scanCount = "128"
  private static let attempts = 5

  public let keys: RedisKeys
  private let connection: RedisConnection
  private let name: String
  private var known: [String: ImportedLists] = [:]
  private var target: ImportedLists?

  /// Connects at once. Throws if another program, or another version of this one, writes to the namespace.
  public init(_ redis: RecommenderConfiguration.Redis, name: String) throws {
    keys = RedisKeys(prefix: redis.keyPrefix, namespace: redis.namespace)
    self.name = name
    connection = try RedisConnection.open(redis, clientName: "freshet-import", replyBytesMax: RedisConnection.replyBytesMaxOfReader)
    let model = try connection.command(["HGETALL", keys.model]).fields ?? [:]
    guard model.isEmpty || model["format"] == RedisCommandEncoder.format else {
      throw RedisError(
        .foreign, "the key \(keys.model) has format \(model["format"] ?? "none"), expected \(RedisCommandEncoder.format)")
    }
    hasModel = !model.isEmpty
  }

  /// Whether an engine has published a model to the namespace.
  public let hasModel: Bool

  /// How many of these users have a list of the engine.
  public func known(_ users: [Identifier]) throws -> Int {
    guard !users.isEmpty else { return 0 }
    guard case .array(let values) = try connection.command(["MGET"] + users.map { keys.userList($0) }) else { return 0 }
    return values.count { $0.bytes != nil }
  }

  /// Bounds what `known` reads at once.
  public static let usersKnownMax = 100

  // MARK: Writing

  /// Chooses the generation of the lists that follow.
  public func begin(_ mode: Mode, nowMilliseconds: Int64, expiresAtMilliseconds: Int64) throws {
    known = try all()
    guard known[name] != nil || known.count < ImportedLists.namesMax else {
      throw Refusal(
        description: "there are imported lists of \(known.count) names already, the most that are kept: remove those of one name, with "
          + "freshet import lists --remove --name NAME")
    }
    var target = ImportedLists(
      generation: max(nowMilliseconds, (known[name]?.generation ?? 0) + 1), expiresAtMilliseconds: expiresAtMilliseconds,
      madeAtMilliseconds: nowMilliseconds, lists: 0, items: 0)
    if mode == .update, let current = known[name], current.expiresAtMilliseconds > nowMilliseconds {
      target.generation = current.generation
      target.expiresAtMilliseconds = max(current.expiresAtMilliseconds, expiresAtMilliseconds)
    }
    self.target = target
    listExpiry = expiresAtMilliseconds
    // A hash expires as a whole, with the last of its lists.
    keyExpiry = ([target] + known.values).reduce(0) { max($0, $1.expiresAtMilliseconds) }
  }

  /// When the lists of this import expire, in milliseconds since 1970; others of the name may live longer.
  public private(set) var listExpiry: Int64 = 0
  private var keyExpiry: Int64 = 0

  /// Writes the lists of up to `usersAtOnce` users, and removes what older imports have left of theirs.
  public func write(_ lists: [ImportedList]) throws {
    guard let target else { preconditionFailure("begin chooses the generation before lists are written") }
    let found = try connection.pipelined(
      lists.flatMap { list in [["HKEYS", keys.userImported(list.user)], ["PTTL", keys.userImported(list.user)]] })
    var commands: [[RESPWriter.Argument]] = []
    for (number, list) in lists.enumerated() {
      let (reply, left) = (found[2 * number], found[2 * number + 1])
      let key = keys.userImported(list.user)
      let value = ImportedListFormat.encode(
        list.items, madeAtMilliseconds: target.madeAtMilliseconds, expiresAtMilliseconds: listExpiry)
      commands.append([.text("HSET"), .text(key), .text(target.field(of: name)), .bytes(value)])
      // Lists of another name, whose import may not have ended yet, live on. Redis 6.2 knows no PEXPIREAT GT.
      let remaining = keyExpiry - WallClock.milliseconds()
      if left.integer.map({ $0 < remaining && $0 != -1 }) ?? true {
        commands.append([.text("PEXPIREAT"), .text(key), .text("\(keyExpiry)")])
      }
      if case .error(let text) = reply { throw RedisError(reply: text) }
      let old = stale(reply)
      if !old.isEmpty { commands.append([.text("HDEL"), .text(key)] + old.map { .text($0) }) }
      self.target?.items += list.items.count
    }
    self.target?.lists += lists.count
    for case .error(let text) in try connection.pipelined(commands) { throw RedisError(reply: text) }
  }

  /// Fields of generations before the current ones, which nobody reads any more.
  private func stale(_ reply: RedisReply) -> [String] {
    guard case .array(let fields) = reply else { return [] }
    return fields.compactMap(\.text).filter { field in
      guard let parts = ImportedLists.parts(ofField: field), let current = known[parts.name] else { return false }
      return parts.generation < current.generation
    }
  }

  /// Lets readers see what was written. Throws if another import of the name ended meanwhile.
  ///
  /// - Returns: what stands in Redis of the name now.
  public func commit() throws -> ImportedLists {
    guard var target else { preconditionFailure("begin comes before commit") }
    for _ in 0..<Self.attempts {
      try connection.command(["WATCH", keys.imported])
      let now = try all()
      guard now[name]?.generation == known[name]?.generation else {
        try connection.command(["UNWATCH"])
        throw Refusal(description: "another import of the lists \(name) has ended meanwhile, and its lists stand: run this one again")
      }
      // Another update of the same lists may have ended meanwhile.
      if let other = now[name], other.generation == target.generation {
        target.expiresAtMilliseconds = max(target.expiresAtMilliseconds, other.expiresAtMilliseconds)
      }
      try connection.command(["MULTI"])
      try connection.command(["HSET", keys.imported, name, target.text])
      if case .array(let replies) = try connection.command(["EXEC"]) {
        for case .error(let text) in replies { throw RedisError(reply: text) }
        return target
      }
    }
    throw Refusal(description: "other imports end all the time: run this one again")
  }

  // MARK: Removing

  /// Hides the lists of the name from readers at once. Returns whether there were any.
  public func hide() throws -> Bool { try connection.command(["HDEL", keys.imported, name]).integer == 1 }

  /// Removes the lists of the name that stand in the hashes of users, whatever their generation, and returns their number.
  ///
  /// It looks at every key of the server once. An import that runs at the same time loses what it has written so far.
  public func sweep(_ progress: (_ removed: Int) -> Void = { _ in }) throws -> Int {
    var removed = 0
    var cursor = "0"
    repeat {
      guard
        case .array(let reply) = try connection.command(["SCAN", cursor, "MATCH", keys.userImportedPattern, "COUNT", Self.scanCount]),
        reply.count == 2, let next = reply[0].text, case .array(let found) = reply[1]
      else { throw RedisError(.protocol, "the answer to SCAN is no cursor with keys") }
      removed += try removeFields(found.compactMap(\.text))
      progress(removed)
      cursor = next
    } while cursor != "0"
    return removed
  }

  private func removeFields(_ users: [String]) throws -> Int {
    guard !users.isEmpty else { return 0 }
    var commands: [[RESPWriter.Argument]] = []
    for (key, reply) in zip(users, try connection.pipelined(users.map { ["HKEYS", $0] })) {
      if case .error(let text) = reply { throw RedisError(reply: text) }
      guard case .array(let fields) = reply else { continue }
      let own = fields.compactMap(\.text).filter { ImportedLists.parts(ofField: $0)?.name == name }
      if !own.isEmpty { commands.append([.text("HDEL"), .text(key)] + own.map { .text($0) }) }
    }
    var removed = 0
    for reply in try connection.pipelined(commands) {
      if case .error(let text) = reply { throw RedisError(reply: text) }
      removed += Int(reply.integer ?? 0)
    }
    return removed
  }

  private func all() throws -> [String: ImportedLists] {
    ImportedLists.all(try connection.command(["HGETALL", keys.imported]).fields ?? [:])
  }
}
