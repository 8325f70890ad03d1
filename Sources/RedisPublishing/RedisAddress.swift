/// Where a Redis server is: `redis://host:port/db`, `redis://[::1]:6379` or `unix:///path?db=N`.
public struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
  public enum Endpoint: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
  }

  public var endpoint: Endpoint
  public var database: Int

  public init(_ endpoint: Endpoint, database: Int = 0) {
    self.endpoint = endpoint
    self.database = database
  }

  public init(_ url: String) throws {
    let (scheme, rest) = try Self.split(url)
    switch scheme {
    case "redis": self = try Self.tcp(rest)
    case "unix", "redis+unix": self = try Self.unix(rest)
    case "rediss":
      throw RedisError(.address, "redis.url: TLS (rediss://) is not there yet; run a local stunnel and let redis.url name its plain port")
    case "redis+sentinel", "redis-sentinel":
      throw RedisError(
        .address,
        "redis.url: Sentinel (redis+sentinel://) is not there yet; let redis.url name the master, or a local proxy that follows it")
    case "redis+cluster", "redis-cluster":
      throw RedisError(
        .address,
        "redis.url: cluster routing (redis+cluster://) is not there yet; let redis.url name a server outside a cluster, "
          + "through a local stunnel or proxy where needed")
    default:
      throw RedisError(.address, "redis.url: \"\(scheme)://\" is unknown; write redis://host:port/db or unix:///path?db=0")
    }
  }

  public var description: String {
    switch endpoint {
    case .tcp(let host, let port):
      "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)" + (database == 0 ? "" : "/\(database)")
    case .unix(let path): "unix://\(path)" + (database == 0 ? "" : "?db=\(database)")
    }
  }

  private static func split(_ url: String) throws -> (scheme: String, rest: Substring) {
    guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else {
      throw RedisError(.address, "redis.url: there is no scheme; write redis://host:port/db or unix:///path?db=0")
    }
    return (url[..<colon].lowercased(), url[url.index(colon, offsetBy: 3)...])
  }

  private static func tcp(_ rest: Substring) throws -> RedisAddress {
    // Never repeat the URL here: it may hold the secret.
    if rest.contains("@") {
      throw RedisError(
        .address, "redis.url must not hold a user name or a password; put them into redis.username and redis.password_file (mode 0600)")
    }
    let (beforeQuery, query) = cut(rest, at: "?")
    let (authority, path) = cut(beforeQuery, at: "/")
    let (host, portText) = try hostAndPort(authority)
    guard !host.isEmpty else { throw RedisError(.address, "redis.url: the host is missing; write redis://host:port/db") }
    let port = portText.map { Int($0) ?? 0 } ?? 6379
    guard (1...65_535).contains(port) else {
      throw RedisError(
        .address, "redis.url: \"\(portText ?? "")\" is not a port; write a number from 1 to 65535, e.g. redis://\(host):6379")
    }
    let databaseText = path.flatMap { $0.isEmpty ? nil : String($0) }
    return RedisAddress(.tcp(host: host, port: port), database: try databaseNumber(databaseText) ?? databaseNumber(inQuery: query))
  }

  private static func unix(_ rest: Substring) throws -> RedisAddress {
    let (path, query) = cut(rest, at: "?")
    guard path.hasPrefix("/"), path.count > 1 else {
      throw RedisError(.address, "redis.url: a Unix socket needs an absolute path; write unix:///run/redis/redis.sock?db=0")
    }
    return RedisAddress(.unix(path: String(path)), database: try databaseNumber(inQuery: query))
  }

  private static func hostAndPort(_ authority: Substring) throws -> (host: String, port: Substring?) {
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else {
        throw RedisError(.address, "redis.url: the bracket of an IPv6 address is not closed; write redis://[::1]:6379")
      }
      let after = authority[authority.index(after: end)...]
      guard after.isEmpty || after.hasPrefix(":") else {
        throw RedisError(.address, "redis.url: a colon is missing after the IPv6 address; write redis://[::1]:6379")
      }
      return (String(authority[authority.index(after: authority.startIndex)..<end]), after.isEmpty ? nil : after.dropFirst())
    }
    let (host, port) = cut(authority, at: ":")
    if let port, port.contains(":") {
      throw RedisError(.address, "redis.url: put an IPv6 address into brackets, e.g. redis://[::1]:6379")
    }
    return (String(host), port)
  }

  private static func databaseNumber(inQuery query: Substring?) throws -> Int {
    for pair in (query ?? "").split(separator: "&") {
      let (name, value) = cut(pair, at: "=")
      guard name == "db" else {
        throw RedisError(.address, "redis.url: the parameter \"\(name)\" is unknown; only db=N is understood")
      }
      return try databaseNumber(String(value ?? "")) ?? 0
    }
    return 0
  }

  private static func databaseNumber(_ text: String?) throws -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw RedisError(.address, "redis.url: \"\(text)\" is not a database number; write 0, 1, 2 ...")
    }
    return number
  }

  private static func cut(_ text: Substring, at separator: Character) -> (before: Substring, after: Substring?) {
    guard let index = text.firstIndex(of: separator) else { return (text, nil) }
    return (text[..<index], text[text.index(after: index)...])
  }
}
