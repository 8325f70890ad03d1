import HTTPServing
import StreamingRecommender

/// What a gateway needs to know.
public struct GatewayConfiguration: Sendable {
  /// Address, threads and limits of the server.
  public var server: HTTPServerConfiguration
  /// Who may send requests, and how many.
  public var policy = RouterPolicy(access: .thisMachine)
  /// The Redis that the engine publishes to.
  public var redis: RecommenderConfiguration.Redis
  /// The engine's `input`: events are checked as the engine will read them.
  public var input: RecommenderConfiguration.Input
  /// The number of items of a list, unless the request says: the engine's `topn.n`.
  public var countDefault = 20
  /// What users get who have used every item: popular ones, or an empty list. The engine's `topn.when_empty`.
  public var showsPopularWhenEmpty = true
  /// A second server for health probes and metrics, without a token; `nil` for none.
  public var probes: HTTPServerConfiguration?
  /// For events of web pages; `nil` for none.
  public var beacon: BeaconConfiguration?
  /// The version of the program, for the OpenAPI document.
  public var version = "1"
  /// Imported lists that are blended with the engine's.
  public var imported: [ImportedListWeight] = []
  /// Signs `recommendation_id`; without a key it has a checksum only.
  public var recommendationKey: [UInt8]?

  public init(
    server: HTTPServerConfiguration, redis: RecommenderConfiguration.Redis, input: RecommenderConfiguration.Input, countDefault: Int = 20
  ) {
    self.server = server
    self.redis = redis
    self.input = input
    self.countDefault = countDefault
  }

  /// A server for many clients, most of them behind a proxy.
  public static func serverDefaults(listen: String = "127.0.0.1:8087") -> HTTPServerConfiguration {
    var server = HTTPServerConfiguration(listen: listen)
    server.key = "gateway.listen"
    server.threads = 4
    server.connectionsMax = 2_000
    server.connectionsReserved = 100
    server.bodyBytesMax = 4 << 20
    // Long lists of ids in a query; the library keeps the parsed parameters in the same memory, and closes without a word where it ends.
    server.headerBytesMax = 65_536
    return server
  }
}
