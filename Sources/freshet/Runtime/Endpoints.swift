import Foundation
import StreamingRecommender

/// The addresses of a running engine, stored in its data directory so that other commands find it without flags.
struct Endpoints: Codable, Equatable {
  var pid: Int32
  var bootstrapServers: String
  var redisURL: String
  var admin: String
  var topics: [String]
  var keyPrefix: String
  var namespace: String
  var isEmbedded: Bool
  /// The file with the token of the admin server; `nil` if it needs none.
  var tokenFile: String?

  private static let fileName = "endpoints.json"
  /// The subdirectory in which `serve --embedded` keeps its state, separate from that of an engine with a Kafka cluster.
  static let embeddedDirectory = "embedded"

  func write(to dataDirectory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let path = "\(dataDirectory)/\(Self.fileName)"
    try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
    // Set explicitly, regardless of the umask: other users must not be able to change what `find` trusts.
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
  }

  static func remove(from dataDirectory: String) { unlink("\(dataDirectory)/\(fileName)") }

  /// Returns the endpoints of a running engine; throws if another user could have written the file.
  static func find(dataDirectory: String) throws -> Endpoints? {
    for directory in [dataDirectory, "\(dataDirectory)/\(embeddedDirectory)"] {
      guard let data = try TrustedFile.contents(directory: directory, name: fileName),
        let endpoints = try? JSONDecoder().decode(Endpoints.self, from: data)
      else { continue }
      if kill(endpoints.pid, 0) == 0 || errno == EPERM { return endpoints }
    }
    return nil
  }

  /// Returns the caller's configuration with default addresses replaced by the running engine's.
  func applied(to loaded: LoadedConfiguration) -> RecommenderConfiguration {
    var configuration = loaded.configuration
    func isDefault(_ key: String) -> Bool { if case .default = loaded.origin(of: key) { true } else { false } }
    if isDefault("kafka.bootstrap_servers") { configuration.kafka.bootstrapServers = bootstrapServers }
    if isDefault("redis.url") { configuration.redis.url = redisURL }
    // Only this file has the port that was chosen for port 0.
    if isDefault("admin.listen") || configuration.admin.listen.hasSuffix(":0") { configuration.admin.listen = admin }
    if isDefault("admin.token_file"), let tokenFile { configuration.admin.tokenFile = tokenFile }
    if isDefault("input.topics") { configuration.input.topics = topics }
    if isDefault("redis.key_prefix") { configuration.redis.keyPrefix = keyPrefix }
    if isDefault("redis.namespace") { configuration.redis.namespace = namespace }
    return configuration
  }
}
