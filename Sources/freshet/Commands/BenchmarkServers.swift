import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Telemetry

/// The broker and the Redis of a benchmark: those that the configuration names, or else the embedded broker and a private redis-server.
///
/// The lower bound uses topics of its own, so that it does not affect the engine's.
final class BenchmarkServers {
  let isEmbedded: Bool
  var pace: KafkaProperties.Pace { isEmbedded ? .embedded : .paced }
  private let embedded: EmbeddedServers?
  private let redis: PrivateServer?

  init(_ configuration: inout RecommenderConfiguration, _ loaded: LoadedConfiguration, directory: String, log: Telemetry.Log) throws {
    isEmbedded = loaded.origin(of: "kafka.bootstrap_servers") == .default
    let ownRedis = loaded.origin(of: "redis.url") == .default
    let run = "benchmark-\(getpid())"
    configuration.input.topics = [run]
    configuration.kafka.groupID = run
    if isEmbedded {
      var both = configuration
      both.input.topics = [run, run + "-floor"]
      embedded = try EmbeddedServers(&both, directory: directory, usesRunningRedis: !ownRedis, log: log)
      both.input.topics = [run]
      configuration = both
      redis = nil
      return
    }
    embedded = nil
    configuration.kafka.groupInstanceID = "none"
    let administration = try TopicAdministration(kafka: configuration.kafka)
    let names = [run, run + ".dlq", run + "-floor"]
    let outcomes = try administration.ensureTopics(names.map { .events($0, partitions: EmbeddedServers.partitions) })
    if !configuration.items.topic.isEmpty { _ = try administration.ensureTopics([.items(configuration.items.topic)]) }
    for (name, outcome) in outcomes { if case .failed(let why) = outcome { throw CommandFailure("\(name): \(why)") } }
    redis = ownRedis ? try PrivateServer(directory: directory) : nil
    if let redis { configuration.redis.url = redis.url }
  }

  func stop() {
    embedded?.stop()
    redis?.stop()
  }
}
