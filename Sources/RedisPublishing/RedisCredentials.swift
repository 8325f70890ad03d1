import Foundation
import StreamingRecommender

/// User name and password, read again at every connect so that a rotated password is picked up.
struct RedisCredentials {
  var username: String
  var password: String

  /// A password file comes before a password from the environment; without either there is no login.
  init?(_ configuration: RecommenderConfiguration.Redis) throws {
    let password =
      configuration.passwordFile.isEmpty ? configuration.password : try Self.read(passwordFile: configuration.passwordFile)
    guard !password.isEmpty else {
      guard configuration.username.isEmpty else {
        throw RedisError(.noauth, "redis.username is set, but there is no password")
      }
      return nil
    }
    self.username = configuration.username
    self.password = password
  }

  var command: [String] { username.isEmpty ? ["AUTH", password] : ["AUTH", username, password] }

  static func read(passwordFile path: String) throws -> String {
    var info = stat()
    guard stat(path, &info) == 0, let data = FileManager.default.contents(atPath: path) else {
      throw RedisError(.noauth, "redis.password_file \(path) cannot be read (\(String(cString: strerror(errno))))")
    }
    guard info.st_mode & 0o077 == 0 else {
      throw RedisError(.noauth, "redis.password_file \(path) can be read by others; run chmod 600 on it")
    }
    let password = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    guard !password.isEmpty else { throw RedisError(.noauth, "redis.password_file \(path) is empty") }
    return password
  }
}
