import Foundation
import Pipeline
import ServingFormats
import StreamingRecommender
import Testing

@testable import Gateway
@testable import RedisPublishing

/// Tests with a server are skipped where none is installed, unless the environment insists.
let serversAreThere =
  PrivateServer.executablePath != nil || ProcessInfo.processInfo.environment["FRESHET_REQUIRE_SERVERS"] == "1"
let serverMissing: Comment = "SKIPPED: redis-server is not installed; apt-get install redis-server, or FRESHET_REQUIRE_SERVERS=1 to fail"

/// A private server with what an engine publishes.
final class RedisFixture {
  let directory: String
  let server: PrivateServer
  var redis = RecommenderConfiguration.Redis()
  let keys: RedisKeys
  private let encoder: RedisCommandEncoder

  init() throws {
    directory = NSTemporaryDirectory() + "gw-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    server = try PrivateServer(directory: directory)
    redis.url = server.url
    redis.timeout = .milliseconds(500)
    keys = RedisKeys(prefix: redis.keyPrefix, namespace: redis.namespace)
    encoder = RedisCommandEncoder(keys: keys, instance: "test", ttl: .seconds(3600))
  }

  deinit {
    server.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func connection() throws -> RedisConnection {
    var patient = redis
    patient.timeout = .seconds(5)
    return try RedisConnection.open(patient, clientName: "test", replyBytesMax: RedisConnection.replyBytesMaxOfReader)
  }

  /// - Parameter namespace: another one than the fixture's.
  func publish(_ commands: [PublishCommand], namespace: String? = nil) throws {
    let connection = try connection()
    let encoder =
      namespace.map {
        RedisCommandEncoder(keys: RedisKeys(prefix: redis.keyPrefix, namespace: $0), instance: "test", ttl: .seconds(3600))
      } ?? encoder
    for command in commands {
      let encoded = encoder.encode(command)
      try connection.send(encoded.bytes)
      for _ in 0..<encoded.replies {
        if case .error(let text) = try connection.nextReply() { throw RedisError(reply: text) }
      }
    }
  }

  /// Everything that the engine of the fixture publishes, as one epoch.
  func publish(_ fixture: inout EngineFixture, epoch: UInt32? = nil, version: Int64 = EngineFixture.start, namespace: String? = nil) throws
  {
    let epoch = epoch ?? fixture.engine.model!.epoch
    var commands: [PublishCommand] = [.trend(fixture.trend)]
    for pack in fixture.packs {
      var pack = pack
      pack.epoch = epoch
      commands.append(.itemPack(pack, version: version))
    }
    commands.append(.popular(fixture.popularList))
    commands.append(
      .model(
        ModelPointer(
          epoch: epoch, previousEpoch: epoch > 1 ? epoch - 1 : nil, factors: fixture.engine.model!.factors, users: fixture.users.count,
          items: fixture.engine.state.catalogue.items.capacity, trainedAtMilliseconds: EngineFixture.start, keptEpochs: [epoch],
          served: fixture.served)))
    for user in fixture.users { commands.append(.user(fixture.recommendations(user, epoch: epoch))) }
    try publish(commands, namespace: namespace)
  }
}

extension EngineFixture {
  var popularList: RecommendationList {
    let items = engine.popular(20).map { RecommendedItem(item: Identifier(engine.state.catalogue.items.name($0.item)), score: $0.score) }
    return RecommendationList(
      epoch: engine.model!.epoch, source: .popular, partition: 0, offset: 0, madeAtMilliseconds: Self.start, items: items)
  }

  mutating func recommendations(_ user: UserReference, epoch: UInt32) -> UserRecommendations {
    let fresh = list(user)
    var row = row(fresh)
    row.epoch = epoch
    let items = fresh.items.map { RecommendedItem(item: Identifier(engine.state.catalogue.items.name($0.item)), score: $0.score) }
    let list = RecommendationList(
      epoch: epoch, source: fresh.source, partition: 0, offset: row.offset, madeAtMilliseconds: Self.start, items: items,
      filledFrom: fresh.filledFrom)
    return UserRecommendations(user: Identifier(engine.state.users.name(user)), list: list, factors: nil, row: row)
  }
}
