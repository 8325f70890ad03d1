import Foundation
import Pipeline
import RedisPublishing
import StreamingRecommender
import Telemetry
import Testing

/// Tests with a server are skipped where none is installed, unless the environment insists.
let serversAreThere =
  PrivateServer.executablePath != nil || ProcessInfo.processInfo.environment["FRESHET_REQUIRE_SERVERS"] == "1"
let serverMissing: Comment = "SKIPPED: redis-server is not installed; apt-get install redis-server, or FRESHET_REQUIRE_SERVERS=1 to fail"

/// A private server in a directory of its own, with short time-outs for everything that connects to it.
final class Fixture {
  let directory: String
  let server: PrivateServer
  var redis = RecommenderConfiguration.Redis()
  var publish = RecommenderConfiguration.Publish()
  var timing = RedisRecommendationPublisher.Timing()

  init(_ transport: PrivateServer.Transport = .unixSocket, arguments: [String] = []) throws {
    directory = NSTemporaryDirectory() + "fr-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    server = try PrivateServer(directory: directory, transport: transport, arguments: arguments)
    redis.url = server.url
    redis.timeout = .milliseconds(300)
    publish.pipeline = 16
    timing.backOffMin = .milliseconds(10)
    timing.backOffMax = .milliseconds(100)
    timing.configurationRetry = .milliseconds(100)
    timing.heartbeat = .milliseconds(100)
  }

  deinit {
    server.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func publisher(
    partitions: [TopicPartition] = [], onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)? = nil,
    onProgress: (@Sendable () -> Void)? = nil
  ) throws -> RedisRecommendationPublisher {
    try RedisRecommendationPublisher(
      redis: redis, publish: publish, instance: "test", partitions: partitions, timing: timing, onAcknowledged: onAcknowledged,
      onProgress: onProgress)
  }

  func reader() throws -> RedisReader {
    var patient = redis
    patient.timeout = .seconds(5)
    return try RedisReader(patient)
  }

  /// A connection for disturbing the server.
  func control() throws -> RedisConnection {
    var patient = redis
    patient.timeout = .seconds(5)
    return try RedisConnection.open(patient, clientName: "control")
  }
}

/// Polls every millisecond. The default patience is generous, because the machine may be busy.
func eventually(within patience: Duration = .seconds(15), _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = ContinuousClock.now + patience
  while try !condition() {
    if ContinuousClock.now > deadline { return false }
    usleep(1000)
  }
  return true
}

func list(epoch: UInt32 = 7, offset: Int64, items: [RecommendedItem] = [RecommendedItem(item: "sku-1", score: 4.21)]) -> RecommendationList
{
  RecommendationList(epoch: epoch, source: .foldin, partition: 3, offset: offset, madeAtMilliseconds: 1_700_000_000_000, items: items)
}

func user(_ name: Identifier, epoch: UInt32 = 7, offset: Int64, factors: [Float]? = nil) -> PublishCommand {
  .user(UserRecommendations(user: name, list: list(epoch: epoch, offset: offset), factors: factors))
}

let modelSeven = ModelPointer(
  epoch: 7, previousEpoch: 6, factors: 64, users: 4244, items: 3648, trainedAtMilliseconds: 1_700_000_000_000, keptEpochs: [6, 7])

/// The file of that name under schemas/examples.
func example(_ name: String, file: String = #filePath) throws -> [UInt8] {
  let root = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  var bytes = [UInt8](try Data(contentsOf: root.appendingPathComponent("schemas/examples/\(name)")))
  if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
  return bytes
}
