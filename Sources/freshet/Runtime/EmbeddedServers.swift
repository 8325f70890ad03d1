import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Telemetry

/// An in-process broker and, if no Redis answers, a private redis-server: what an engine needs for a trial run.
final class EmbeddedServers {
  let broker: EmbeddedBroker
  let redis: PrivateServer?
  /// Chosen by measurement: with fewer partitions the broker is the bottleneck, and more use more memory.
  static let partitions = 8

  /// Starts the servers and sets their addresses in `configuration`.
  init(_ configuration: inout RecommenderConfiguration, directory: String, usesRunningRedis: Bool, log: Telemetry.Log) throws {
    broker = try EmbeddedBroker(log: log.scoped("broker"))
    for topic in configuration.input.topics {
      try broker.createTopic(topic, partitions: Self.partitions)
      try broker.createTopic(topic + ".dlq", partitions: Self.partitions)
    }
    if !configuration.items.topic.isEmpty { try broker.createTopic(configuration.items.topic, partitions: Self.partitions) }
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
