/// A bucket, the place in it where a store begins, and how the server is reached.
public struct S3Address: Sendable, Equatable, CustomStringConvertible {
  public let bucket: String
  /// In front of every key; empty, or without `/` at its end.
  public let prefix: String
  public let settings: S3Settings

  public var description: String { "s3://\(bucket)" + (prefix.isEmpty ? "" : "/\(prefix)") }

  /// `scheme://host`, and the path in front of the keys, in the style that is used.
  let base: (origin: String, path: String)

  init(bucket: String, prefix: String, _ settings: S3Settings) throws(ObjectStoreError) {
    guard Self.isBucket(bucket) else {
      throw ObjectStoreError(
        .invalid, "\"\(bucket.prefix(80))\" is no name of a bucket: allowed are 3 to 63 lower-case letters, digits, '.' or '-'")
    }
    if !prefix.isEmpty, let problem = ObjectKey.problem(prefix) {
      throw ObjectStoreError(.invalid, "the path behind the bucket: \(problem)")
    }
    guard !settings.region.isEmpty, settings.region.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }) else {
      throw ObjectStoreError(.invalid, "the region must be a word such as us-east-1")
    }
    self.bucket = bucket
    self.prefix = prefix
    self.settings = settings
    let isAWS = settings.endpoint == nil
    let endpoint = try Self.origin(settings.endpoint ?? "https://s3.\(settings.region).amazonaws.com")
    // A certificate for *.host does not cover a bucket with dots in its name.
    let isVirtual = settings.style == .virtual || (settings.style == .auto && isAWS && !bucket.contains("."))
    base = isVirtual ? ("\(endpoint.scheme)://\(bucket).\(endpoint.host)", "/") : ("\(endpoint.scheme)://\(endpoint.host)", "/\(bucket)")
  }

  public static func == (left: S3Address, right: S3Address) -> Bool {
    left.bucket == right.bucket && left.prefix == right.prefix && left.settings == right.settings
  }

  /// The path of an object, or of the bucket, not encoded.
  func path(_ key: ObjectKey?) -> String {
    guard let key else { return base.path }
    let start = base.path.hasSuffix("/") ? base.path : base.path + "/"
    return start + (prefix.isEmpty ? "" : prefix + "/") + key.text
  }

  private static func isBucket(_ name: String) -> Bool {
    (3...63).contains(name.utf8.count) && !name.hasPrefix(".") && !name.hasSuffix(".") && !name.contains("..")
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: false
        }
      }
  }

  /// Never repeats the endpoint, which may contain a secret.
  private static func origin(_ endpoint: String) throws(ObjectStoreError) -> (scheme: String, host: String) {
    var rest = endpoint[...]
    while rest.hasSuffix("/") { rest.removeLast() }
    let lower = rest.lowercased()
    guard let scheme = ["https", "http"].first(where: { lower.hasPrefix($0 + "://") }) else {
      throw ObjectStoreError(.invalid, "the endpoint must begin with http:// or https://")
    }
    let host = rest.dropFirst(scheme.count + 3)
    if host.contains("@") {
      throw ObjectStoreError(.invalid, "the endpoint contains credentials, which end up in logs: put them into store.credentials_file")
    }
    let isHost = !host.isEmpty && host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && !host.contains { "/?#\\\"".contains($0) }
    guard isHost else { throw ObjectStoreError(.invalid, "the endpoint must be http://host:port or https://host:port, without a path") }
    return (scheme, String(host))
  }
}
