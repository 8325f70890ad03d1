/// Checks values beyond their type and range. Each function returns what is wrong, or `nil`.
enum ConfigurationCheck {
  static func name(_ value: ConfigurationValue, lengthMax: Int) -> String? {
    guard case .string(let text) = value else { return nil }
    return isName(text, lengthMax: lengthMax) ? nil : "allowed: 1 to \(lengthMax) letters, digits, '.', '_' or '-'"
  }

  static func topics(_ value: ConfigurationValue) -> String? {
    guard case .list(let topics) = value, let bad = topics.first(where: { !isName($0, lengthMax: 249) }) else { return nil }
    return "\"\(bad)\" is no name of a topic; allowed: 1 to 249 letters, digits, '.', '_' or '-'"
  }

  static func addresses(_ value: ConfigurationValue) -> String? {
    guard case .string(let text) = value else { return nil }
    let addresses = text.split(separator: ",", omittingEmptySubsequences: false)
    if let scheme = addresses.compactMap({ $0.firstMatch(of: /^([A-Za-z_]+):\/\//)?.output.1 }).first {
      return
        "leave out \(scheme)://, which is kafka.common.security.protocol=\(scheme.uppercased()); allowed: host:port, several separated by commas"
    }
    return addresses.allSatisfy { hostAndPort($0) != nil } ? nil : "allowed: host:port, several separated by commas"
  }

  /// A list as one text; spaces around an address and the scheme of the plain protocol, which other clients accept, are left out.
  static func joinedAddresses(_ input: ConfigurationInput) -> ConfigurationInput {
    let texts: [String]
    switch input {
    case .text(let text): texts = [text]
    case .list(let items):
      texts = items.compactMap { if case .text(let text) = $0 { text } else { nil } }
      guard texts.count == items.count else { return input }
    default: return input
    }
    let parts = texts.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
    return .text(parts.map { $0.trimmingPrefix(/\s*(?i:PLAINTEXT:\/\/)?/).replacing(/\s+$/, with: "") }.joined(separator: ","))
  }

  static func listenAddress(_ value: ConfigurationValue) -> String? {
    guard case .string(let text) = value else { return nil }
    return hostAndPort(text[...]) == nil ? "allowed: host:port, or none" : nil
  }

  /// Whether only programs on this machine can connect to an address that `listenAddress` accepts.
  static func isLoopback(_ address: String) -> Bool {
    guard let (host, _) = hostAndPort(address[...]) else { return false }
    return host == "localhost" || host == "[::1]" || host.hasPrefix("127.")
  }

  static func importedLists(_ value: ConfigurationValue) -> String? {
    guard case .list(let words) = value else { return nil }
    let lists = words.compactMap { ImportedListWeight($0) }
    guard lists.count == words.count, lists.count <= ImportedListWeight.namesMax, Set(lists.map(\.name)).count == lists.count else {
      return
        "allowed: up to \(ImportedListWeight.namesMax) different NAME or NAME=WEIGHT, or none; a name has \(ImportedListWeight.nameRule), "
        + "a weight is from \(ImportedListWeight.weights.lowerBound) to \(ImportedListWeight.weights.upperBound)"
    }
    return nil
  }

  static func redisURL(_ value: ConfigurationValue) -> String? {
    guard case .string(let text) = value else { return nil }
    do {
      _ = try RedisAddress(url: text)
      return nil
    } catch {
      return error.description
    }
  }

  static func registryURLs(_ value: ConfigurationValue) -> String? {
    guard case .list(let urls) = value else { return nil }
    return urls.lazy.compactMap(registryURLFault).first
  }

  /// Never repeats the URL, which may contain a secret.
  private static func registryURLFault(_ url: String) -> String? {
    guard let scheme = url.firstMatch(of: /^(?i:https?):\/\//) else { return "allowed: http://host:port or https://host:port" }
    let rest = url[scheme.range.upperBound...]
    if rest.contains("@") {
      return "credentials in a URL end up in logs; put them into schema_registry.username and schema_registry.password_file (mode 0600)"
    }
    if rest.contains(where: { $0 == "?" || $0 == "#" || $0.isWhitespace }) { return "a URL of a registry has neither a query nor spaces" }
    let authority = rest.prefix { $0 != "/" }
    let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" }.dropFirst() : authority.prefix { $0 != ":" }
    return host.isEmpty ? "the host is missing; write http://host:port" : nil
  }

  /// Never repeats the URL, which may contain a secret.
  static func storeEndpoint(_ value: ConfigurationValue) -> String? {
    guard case .string(let url) = value else { return nil }
    guard let scheme = url.firstMatch(of: /^(?i:https?):\/\//) else { return "allowed: http://host:port or https://host:port" }
    let host = url[scheme.range.upperBound...]
    if host.contains("@") { return "credentials in a URL end up in logs; put them into store.credentials_file (mode 0600)" }
    let isHost = !host.isEmpty && !host.contains { "/?#".contains($0) || $0.isWhitespace }
    return isHost ? nil : "allowed: http://host:port or https://host:port, without a path"
  }

  /// An http address with any path, and without credentials.
  static func httpAddress(_ value: ConfigurationValue, secretsIn key: String) -> String? {
    guard case .string(let url) = value else { return nil }
    guard let scheme = url.firstMatch(of: /^(?i:https?):\/\//) else { return "allowed: http://host:port or https://host:port" }
    let rest = url[scheme.range.upperBound...]
    let host = rest.prefix { !"/?#".contains($0) }
    if host.contains("@") { return "credentials in a URL end up in logs; put them into \(key) (mode 0600)" }
    return host.isEmpty || rest.contains(where: \.isWhitespace)
      ? "allowed: http://host:port or https://host:port, with or without a path" : nil
  }

  private static func isName(_ text: String, lengthMax: Int) -> Bool {
    let bytes = text.utf8
    guard (1...lengthMax).contains(bytes.count), text != ".", text != ".." else { return false }
    return bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }

  private static func hostAndPort(_ text: Substring) -> (host: Substring, port: Int)? {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else {
      return nil
    }
    let host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    guard !host.isEmpty, !host.contains(" "), isBracketed || !host.contains(":") else { return nil }
    return (host, port)
  }
}
