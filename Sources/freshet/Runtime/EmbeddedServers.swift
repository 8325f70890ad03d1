import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Telemetry

/// The in-process broker and, where no Redis answers, a private redis-server: everything that an engine needs to be tried.
final class EmbeddedServers {
  let broker: EmbeddedBroker
  let redis: PrivateServer?
  /// Measured: fewer make the broker the bottleneck, more cost memory.
  static let partitions = 8

  /// Points `configuration` at the servers that it starts.
  init(_ configuration: inout RecommenderConfiguration, directory: String, usesRunningRedis: Bool, log: Telemetry.Log) throws {
    broker = try EmbeddedBroker(log: log.scoped("broker"))
    for topic in configuration.input.topics {
      try broker.createTopic(topic, partitions: Self.partitions)
      try broker.createTopic(topic + ".dlq", partitions: Self.partitions)
    }
    configuration.kafka.bootstrapServers = broker.bootstrapServers
    configuration.kafka.groupInstanceID = "none"
    if usesRunningRedis, Self.answers(configuration.redis) {
      redis = nil
      log.warning(
        "using the Redis that answers at \(Redaction.text(configuration.redis.url)), keys \(configuration.redis.keyPrefix):\(configuration.redis.namespace)"
      )
      return
    }
    let server = try PrivateServer(directory: directory)
    redis = server
    configuration.redis.url = server.url
    configuration.redis.username = ""
    configuration.redis.password = ""
  }

  private static func answers(_ redis: RecommenderConfiguration.Redis) -> Bool {
    guard let reader = try? RedisReader(redis) else { return false }
    return (try? reader.ping()) != nil
  }

  func stop() { redis?.stop() }
}
