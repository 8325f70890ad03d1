import Foundation
import StreamingRecommender

/// Where a running engine can be reached, written into its data directory so that other commands find it without flags.
struct Endpoints: Codable, Equatable {
  var pid: Int32
  var bootstrapServers: String
  var redisURL: String
  var admin: String
  var topics: [String]
  var keyPrefix: String
  var namespace: String
  var isEmbedded: Bool

  private static let fileName = "endpoints.json"
  /// `serve --embedded` keeps its state apart from that of an engine on a real log.
  static let embeddedDirectory = "embedded"

  func write(to dataDirectory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(self).write(to: URL(fileURLWithPath: "\(dataDirectory)/\(Self.fileName)"), options: .atomic)
  }

  static func remove(from dataDirectory: String) { unlink("\(dataDirectory)/\(fileName)") }

  /// Of an engine that still runs.
  static func find(dataDirectory: String) -> Endpoints? {
    for directory in [dataDirectory, "\(dataDirectory)/\(embeddedDirectory)"] {
      guard let data = FileManager.default.contents(atPath: "\(directory)/\(fileName)"),
        let endpoints = try? JSONDecoder().decode(Endpoints.self, from: data)
      else { continue }
      if kill(endpoints.pid, 0) == 0 || errno == EPERM { return endpoints }
    }
    return nil
  }

  /// What the caller left at its default follows the running engine.
  func applied(to loaded: LoadedConfiguration) -> RecommenderConfiguration {
    var configuration = loaded.configuration
    func isDefault(_ key: String) -> Bool { if case .default = loaded.origin(of: key) { true } else { false } }
    if isDefault("kafka.bootstrap_servers") { configuration.kafka.bootstrapServers = bootstrapServers }
    if isDefault("redis.url") { configuration.redis.url = redisURL }
    // Port 0 asks for any free one; which it became stands here only.
    if isDefault("admin.listen") || configuration.admin.listen.hasSuffix(":0") { configuration.admin.listen = admin }
    if isDefault("input.topics") { configuration.input.topics = topics }
    if isDefault("redis.key_prefix") { configuration.redis.keyPrefix = keyPrefix }
    if isDefault("redis.namespace") { configuration.redis.namespace = namespace }
    return configuration
  }
}
