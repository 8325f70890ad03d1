/// The one function that keeps secrets out of configuration dumps, logs, errors and URLs.
public enum Redaction {
  public static let mask = "***"

  /// Whether the value of this configuration key or librdkafka property must never be shown.
  public static func isSecret(key: String) -> Bool {
    let key = key.lowercased()
    if key.hasSuffix("_file") || key.hasSuffix(".location") { return false }
    return ["password", "secret", "token", "private_key", "ssl.key.pem", "ssl_key", "oauthbearer.config", "jaas.config"]
      .contains { key.contains($0) }
  }

  /// `value` as it may be shown under `key`.
  public static func text(key: String, value: String) -> String {
    if isSecret(key: key) { return value.isEmpty ? "" : mask }
    return url(value)
  }

  /// `text` with the credentials of every URL in it masked.
  public static func url(_ text: String) -> String {
    guard let scheme = text.firstRange(of: "://") else { return text }
    let head = text[..<scheme.upperBound]
    let rest = text[scheme.upperBound...]
    let authorityEnd = rest.firstIndex { "/?# ,".contains($0) } ?? rest.endIndex
    let authority = rest[..<authorityEnd]
    let shown = authority.lastIndex(of: "@").map { mask + authority[$0...] } ?? String(authority)
    return head + shown + url(query(rest[authorityEnd...]))
  }

  /// The value of a `password=` in a query, masked.
  private static func query(_ text: Substring) -> String {
    guard let name = text.firstRange(of: "password=") else { return String(text) }
    let value = text[name.upperBound...].prefix { !"&# ,\"".contains($0) }
    return text[..<name.upperBound] + mask + text[value.endIndex...]
  }
}
