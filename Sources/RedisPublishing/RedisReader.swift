import Foundation
import Pipeline
import StreamingRecommender

/// Reads what the publisher wrote, as any client may. For command lines and tests; not thread-safe.
public final class RedisReader {
  public struct ListAnswer: Equatable, Sendable {
    public var list: RecommendationList
    /// The user has no list of their own; this is the popular one.
    public var isFallback: Bool
    public init(list: RecommendationList, isFallback: Bool) {
      self.list = list
      self.isFallback = isFallback
    }
  }

  public let keys: RedisKeys
  private let connection: RedisConnection

  private static let sliceLength = 128

  /// Connects at once; an error names what to do.
  public init(_ redis: RecommenderConfiguration.Redis) throws {
    keys = RedisKeys(prefix: redis.keyPrefix, namespace: redis.namespace)
    connection = try RedisConnection.open(redis, clientName: "freshet-reader", replyBytesMax: RedisConnection.replyBytesMaxOfReader)
  }

  /// Executes a command whose reply is a text; `nil` for any other reply.
  func connectionText(_ arguments: [String]) throws -> String? { try connection.command(arguments).text }

  public func ping() throws { try connection.command(["PING"]) }

  /// The user's list, else the popular list, else nil: nothing was published yet.
  public func list(user: Identifier) throws -> ListAnswer? {
    if let list = try list(at: keys.userList(user)) { return ListAnswer(list: list, isFallback: false) }
    return try popular().map { ListAnswer(list: $0, isFallback: true) }
  }

  /// The keys of a user that exist, that of imported lists last, and the user's own list.
  public func presence(of user: Identifier) throws -> (keys: [String], list: RecommendationList?) {
    let list = try list(at: keys.userList(user))
    let others = try [keys.userFactors(user), keys.userRow(user)].filter { try connection.command(["GET", $0]).bytes != nil }
    let imported = try [keys.userImported(user)].filter { try connection.command(["HGETALL", $0]).fields?.isEmpty == false }
    return ((list == nil ? [] : [keys.userList(user)]) + others + imported, list)
  }

  public func popular() throws -> RecommendationList? { try list(at: keys.popular) }
  public func similar(item: Identifier) throws -> RecommendationList? { try list(at: keys.similar(item)) }

  public func userVector(_ user: Identifier) throws -> (epoch: UInt32, factors: [Float])? { try vector(at: keys.userFactors(user)) }
  public func itemVector(epoch: UInt32, item: Identifier) throws -> [Float]? {
    try vector(at: keys.itemFactors(epoch: epoch, item: item))?.factors
  }

  /// The pointer to the model that readers see, with the epochs kept beside it; nil before the first training.
  public func model() throws -> ModelPointer? {
    let fields = try connection.command(["HGETALL", keys.model]).fields ?? [:]
    guard !fields.isEmpty else { return nil }
    guard fields["format"] == RedisCommandEncoder.format, let epoch = fields["epoch"].flatMap({ UInt32($0) }) else {
      throw RedisError(.foreign, "the key \(keys.model) has format \(fields["format"] ?? "none"), expected \(RedisCommandEncoder.format)")
    }
    let number = { (name: String) in fields[name].flatMap { Int($0) } ?? 0 }
    return ModelPointer(
      epoch: epoch, previousEpoch: fields["prev_epoch"].flatMap { UInt32($0) }, factors: number("factors"), users: number("users"),
      items: number("items"), trainedAtMilliseconds: Int64(number("trained_at")), keptEpochs: try keptEpochs())
  }

  /// How far lists cover a partition (inclusive), and in which epoch; nil when nothing was published for it.
  public func progress(_ partition: TopicPartition) throws -> (offset: Int64, epoch: UInt32)? {
    let fields = try connection.command(["HGETALL", keys.progress(partition)]).fields ?? [:]
    guard let offset = fields["offset"].flatMap({ Int64($0) }) else { return nil }
    return (offset, fields["epoch"].flatMap { UInt32($0) } ?? 0)
  }

  /// The titles that are known of `items`.
  public func titles(_ items: [Identifier]) throws -> [Identifier: String] {
    var titles: [Identifier: String] = [:]
    for slice in slices(of: items) {
      guard case .array(let replies) = try connection.command([.text("HMGET"), .text(keys.titles)] + slice.map { .bytes($0.bytes) }) else {
        continue
      }
      for (item, reply) in zip(slice, replies) { titles[item] = reply.text }
    }
    return titles
  }

  public func setTitles(_ titles: [Identifier: String]) throws {
    for slice in slices(of: titles.sorted { $0.key < $1.key }) {
      try connection.command(
        [.text("HSET"), .text(keys.titles)] + slice.flatMap { [RESPWriter.Argument.bytes($0.key.bytes), .text($0.value)] })
    }
  }

  private func list(at key: String) throws -> RecommendationList? {
    guard let bytes = try connection.command(["GET", key]).bytes else { return nil }
    do { return try ListFormat.decode(bytes) } catch let error as RedisError {
      throw RedisError(error.kind, "\(error.message) (key \(key))")
    }
  }

  private func vector(at key: String) throws -> (epoch: UInt32, factors: [Float])? {
    try connection.command(["GET", key]).bytes.map { try FactorBlob.decode($0) }
  }

  private func keptEpochs() throws -> [UInt32] {
    guard case .array(let members) = try connection.command(["ZRANGE", keys.models, "0", "-1"]) else { return [] }
    return members.compactMap { $0.text.flatMap { UInt32($0) } }
  }

  private func slices<Element>(of elements: [Element]) -> [ArraySlice<Element>] {
    stride(from: 0, to: elements.count, by: Self.sliceLength).map { elements[$0..<min(elements.count, $0 + Self.sliceLength)] }
  }
}
