import Foundation

/// The address of a server; what stood in its URL as `user:password@` is kept apart, so that no message contains it.
public struct HTTPAddress: Sendable, Equatable, CustomStringConvertible {
  /// What is wrong with a URL and how to fix it, without the URL, which may contain a secret.
  public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// `scheme://host:port`. For messages about addresses whose path or query is a secret, as that of a webhook often is.
  public let origin: String
  /// The URL without its user part, and without `/` at the end of its path.
  public let url: String
  public let credentials: HTTPConnection.Credentials

  public var description: String { origin }

  /// - Parameter allowsQuery: whether something may follow `?`.
  public init(parsing text: String, allowsQuery: Bool = false) throws(Refusal) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) else {
      throw Refusal(description: "the address contains a space, or a character that must be percent-encoded")
    }
    let lower = text.lowercased()
    guard let scheme = ["https", "http"].first(where: { lower.hasPrefix($0 + "://") }) else {
      throw Refusal(description: "the address must begin with http:// or https://")
    }
    guard !text.contains("#"), allowsQuery || !text.contains("?") else {
      throw Refusal(description: allowsQuery ? "the address must not contain #" : "the address must not contain ? or #")
    }
    let rest = text.dropFirst(scheme.count + 3)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    // Of a password with `/` the first part would be taken for the host, and shown.
    guard !rest[authority.endIndex...].contains("@") else {
      throw Refusal(description: "the address contains @ behind the host, or a password with / or ?: percent-encode these characters")
    }
    let host = authority[(authority.lastIndex(of: "@").map(authority.index(after:)) ?? authority.startIndex)...]
    guard Self.isHost(host) else { throw Refusal(description: "the address names no host and port: write http://host:port") }
    credentials = try Self.credentials(authority[..<host.startIndex].dropLast())
    origin = "\(scheme)://\(host)"
    let behind = rest[authority.endIndex...]
    let path = behind.prefix { $0 != "?" }
    url = origin + String(path.reversed().drop { $0 == "/" }.reversed()) + behind[path.endIndex...]
  }

  /// A name or number, or an IPv6 address in brackets, and a port if there is one.
  private static func isHost(_ text: Substring) -> Bool {
    let name = text.hasPrefix("[") ? text.prefix { $0 != "]" } + "]" : text.prefix { $0 != ":" }
    let rest = text.dropFirst(name.count)
    return name.contains { $0 != "[" && $0 != "]" } && text.hasPrefix(name)
      && (rest.isEmpty || (rest.first == ":" && UInt16(rest.dropFirst()) != nil))
  }

  private static func credentials(_ user: Substring) throws(Refusal) -> HTTPConnection.Credentials {
    guard !user.isEmpty else { return .none }
    let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { String($0).removingPercentEncoding }
    guard let username = parts[0], let password = parts.count > 1 ? parts[1] : "" else {
      throw Refusal(description: "user and password in the address are not percent-encoded")
    }
    return .basic(username: username, password: password)
  }
}
