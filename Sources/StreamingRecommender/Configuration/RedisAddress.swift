/// The address of a Redis server: `redis://host:port/db`, `redis://[::1]:6379` or `unix:///path?db=N`.
///
/// The check of `redis.url` and the connection use the same parser, so every accepted URL can be connected to.
public struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
  public enum Endpoint: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
  }

  /// Why a URL is refused, and how to correct it. It never repeats the URL, which may contain a secret.
  public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
  }

  public var endpoint: Endpoint
  public var database: Int

  public init(_ endpoint: Endpoint, database: Int = 0) {
    self.endpoint = endpoint
    self.database = database
  }

  public init(url: String) throws(Refusal) {
    let (scheme, rest) = try Self.split(url)
    switch scheme {
    case "redis": self = try Self.tcp(rest)
    case "unix", "redis+unix": self = try Self.unix(rest)
    case "rediss":
      throw Refusal("TLS (rediss://) is planned but not available in this version; run a local stunnel and name its plain port")
    case "redis+sentinel", "redis-sentinel":
      throw Refusal(
        "Sentinel (redis+sentinel://) is planned but not available in this version; name the master, or a local proxy that follows it")
    case "redis+cluster", "redis-cluster":
      throw Refusal(
        "Redis Cluster (redis+cluster://) is planned but not available in this version; name a server outside a cluster")
    default:
      throw Refusal("\"\(scheme)://\" is unknown; write redis://host:port/db or unix:///path?db=0")
    }
  }

  public var description: String {
    switch endpoint {
    case .tcp(let host, let port):
      "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)" + (database == 0 ? "" : "/\(database)")
    case .unix(let path): "unix://\(path)" + (database == 0 ? "" : "?db=\(database)")
    }
  }

  // MARK: Parsing

  private static func split(_ url: String) throws(Refusal) -> (scheme: String, rest: Substring) {
    guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else {
      throw Refusal("there is no scheme; write redis://host:port/db or unix:///path?db=0")
    }
    return (url[..<colon].lowercased(), url[url.index(colon, offsetBy: 3)...])
  }

  private static func tcp(_ rest: Substring) throws(Refusal) -> RedisAddress {
    if rest.contains("@") { throw credentials }
    let (beforeQuery, query) = cut(rest, at: "?")
    let (authority, path) = cut(beforeQuery, at: "/")
    let (host, portText) = try hostAndPort(authority)
    guard !host.isEmpty, !host.contains(where: \.isWhitespace) else { throw Refusal("the host is missing; write redis://host:port/db") }
    let port = portText.map { Int($0) ?? 0 } ?? 6379
    guard (1...65_535).contains(port) else {
      throw Refusal("\"\(portText ?? "")\" is not a port; write a number from 1 to 65535, e.g. redis://\(host):6379")
    }
    let inQuery = try databaseNumber(inQuery: query)
    let inPath = try path.flatMap { $0.isEmpty ? nil : String($0) }.map(databaseNumber)
    return RedisAddress(.tcp(host: host, port: port), database: inPath ?? inQuery)
  }

  private static func unix(_ rest: Substring) throws(Refusal) -> RedisAddress {
    // Before the first slash, '@' separates credentials; after it, '@' is part of the path.
    if rest.prefix(while: { $0 != "/" }).contains("@") { throw credentials }
    let (path, query) = cut(rest, at: "?")
    guard path.hasPrefix("/"), path.count > 1 else {
      throw Refusal("a Unix socket needs an absolute path; write unix:///run/redis/redis.sock?db=0")
    }
    return RedisAddress(.unix(path: String(path)), database: try databaseNumber(inQuery: query))
  }

  private static func hostAndPort(_ authority: Substring) throws(Refusal) -> (host: String, port: Substring?) {
    guard authority.hasPrefix("[") else {
      let (host, port) = cut(authority, at: ":")
      if let port, port.contains(":") { throw Refusal("put an IPv6 address into brackets, e.g. redis://[::1]:6379") }
      return (String(host), port)
    }
    guard let end = authority.firstIndex(of: "]") else {
      throw Refusal("the bracket of an IPv6 address is not closed; write redis://[::1]:6379")
    }
    let after = authority[authority.index(after: end)...]
    guard after.isEmpty || after.hasPrefix(":") else {
      throw Refusal("a colon is missing after the IPv6 address; write redis://[::1]:6379")
    }
    return (String(authority[authority.index(after: authority.startIndex)..<end]), after.isEmpty ? nil : after.dropFirst())
  }

  private static func databaseNumber(inQuery query: Substring?) throws(Refusal) -> Int {
    var database = 0
    for pair in (query ?? "").split(separator: "&") {
      let (name, value) = cut(pair, at: "=")
      if name == "password" || name == "username" { throw credentials }
      guard name == "db" else { throw Refusal("the parameter \"\(name)\" is unknown; only db=N is understood") }
      database = try databaseNumber(String(value ?? ""))
    }
    return database
  }

  private static func databaseNumber(_ text: String) throws(Refusal) -> Int {
    guard let number = Int(text), number >= 0 else { throw Refusal("\"\(text)\" is not a database number; write 0, 1, 2 ...") }
    return number
  }

  private static let credentials = Refusal(
    "credentials in a URL end up in logs; put them into redis.username and redis.password_file (mode 0600)")

  private static func cut(_ text: Substring, at separator: Character) -> (before: Substring, after: Substring?) {
    guard let index = text.firstIndex(of: separator) else { return (text, nil) }
    return (text[..<index], text[text.index(after: index)...])
  }
}
