/// Where a store is: a directory, or a place in a bucket.
///
///     /srv/archive                         file:///srv/archive
///     s3://bucket/prefix                   s3://bucket?endpoint=http://127.0.0.1:9000&region=eu-west-1&style=path
public enum StoreAddress: Sendable, Equatable, CustomStringConvertible {
  case directory(path: String)
  case s3(S3Address)

  public var description: String {
    switch self {
    case .directory(let path): path
    case .s3(let address): address.description
    }
  }

  /// - Parameter settings: for what the address does not say.
  public init(_ text: String, _ settings: S3Settings = S3Settings()) throws(ObjectStoreError) {
    let text = text.hasPrefix("file://") ? String(text.dropFirst(7)) : text
    if text.hasPrefix("s3://") {
      self = .s3(try Self.s3(text.dropFirst(5), settings))
    } else if text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("../") {
      guard !text.utf8.contains(0) else { throw ObjectStoreError(.invalid, "a path cannot contain the character 0") }
      var path = text
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      self = .directory(path: path)
    } else {
      throw ObjectStoreError(.invalid, "a store is /DIRECTORY, ./DIRECTORY, file:///DIRECTORY or s3://BUCKET/PREFIX")
    }
  }

  private static func s3(_ text: Substring, _ defaults: S3Settings) throws(ObjectStoreError) -> S3Address {
    // Nothing of an address with credentials is repeated.
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    if parts[0].prefix(while: { $0 != "/" }).contains("@") {
      throw ObjectStoreError(
        .invalid,
        "credentials in a URL end up in logs: put them into store.credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    }
    var settings = defaults
    for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, let value = PercentEncoding.decode(String(sides[1]), plusIsSpace: false), !value.isEmpty else {
        throw ObjectStoreError(.invalid, "behind the ? of an s3:// address stand NAME=VALUE, separated by &")
      }
      switch sides[0] {
      case "endpoint": settings.endpoint = value
      case "region": settings.region = value
      case "style":
        guard let style = S3Settings.Style(rawValue: value) else { throw ObjectStoreError(.invalid, "style is auto, path or virtual") }
        settings.style = style
      default: throw ObjectStoreError(.invalid, "an s3:// address has endpoint, region and style behind its ?")
      }
    }
    let slash = parts[0].firstIndex(of: "/") ?? parts[0].endIndex
    var prefix = parts[0][slash...].dropFirst()
    while prefix.hasSuffix("/") { prefix.removeLast() }
    guard let name = PercentEncoding.decode(String(prefix), plusIsSpace: false) else {
      throw ObjectStoreError(.invalid, "the path of the address is not percent-encoded UTF-8; write % as %25")
    }
    return try S3Address(bucket: String(parts[0][..<slash]), prefix: name, settings)
  }
}
