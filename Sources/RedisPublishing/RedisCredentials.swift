import StreamingRecommender

/// User name and password, read again at every connection so that a rotated password is used.
struct RedisCredentials {
  var username: String
  var password: String

  /// A password file takes precedence over a password from the environment; `nil` without either: there is no login.
  init?(_ configuration: RecommenderConfiguration.Redis) throws(RedisError) {
    let password = try Self.password(configuration)
    guard !password.isEmpty else {
      guard configuration.username.isEmpty else { throw RedisError(.noauth, "redis.username is set, but there is no password") }
      return nil
    }
    self.username = configuration.username
    self.password = password
  }

  var command: [String] { username.isEmpty ? ["AUTH", password] : ["AUTH", username, password] }

  private static func password(_ configuration: RecommenderConfiguration.Redis) throws(RedisError) -> String {
    guard !configuration.passwordFile.isEmpty else { return configuration.password }
    do {
      return try SecretFile.read(configuration.passwordFile)
    } catch {
      throw RedisError(.noauth, "redis.password_file \(configuration.passwordFile): \(error)")
    }
  }
}
