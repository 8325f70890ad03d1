import Digests

/// The version of a representation, as the header ETag names it.
public struct EntityTag: Sendable, Equatable, CustomStringConvertible {
  /// Without quotes: visible ASCII characters.
  public let opaque: String

  /// - Parameter opaque: such as `e7-v12`; characters that a tag cannot have become underscores.
  public init(_ opaque: String) {
    self.opaque = String(
      decoding: opaque.utf8.map { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") ? $0 : UInt8(ascii: "_") },
      as: UTF8.self)
  }

  public init(version: Int) { self.init(String(version)) }

  /// A digest of what is sent.
  public init(of bytes: [UInt8]) { self.init(String(SHA256Digest(of: bytes).hex.prefix(32))) }

  public var description: String { "\"\(opaque)\"" }

  /// A compressed body is another representation, so it has a tag of its own.
  static let compressedSuffix = "-gzip"
  var compressed: EntityTag { EntityTag(opaque + Self.compressedSuffix) }

  /// Whether `If-None-Match` names this version: the client has it already.
  public func matches(ifNoneMatch header: String?) -> Bool {
    guard let header else { return false }
    return Self.tags(in: header).contains { $0.opaque == "*" || $0.opaque == opaque || $0.opaque == opaque + Self.compressedSuffix }
  }

  /// Whether `If-Match` names this version: nobody has changed it since the client read it. Weak tags never match.
  public func matches(ifMatch header: String) -> Bool {
    Self.tags(in: header).contains {
      !$0.isWeak && ($0.opaque == "*" || $0.opaque == opaque || $0.opaque == opaque + Self.compressedSuffix)
    }
  }

  /// `"a", W/"b"`; a tag without quotes counts as well.
  private static func tags(in header: String) -> [(opaque: Substring, isWeak: Bool)] {
    header.split(separator: ",").map { piece in
      var tag = piece.drop { $0 == " " || $0 == "\t" }
      while let last = tag.last, last == " " || last == "\t" { tag.removeLast() }
      let isWeak = tag.hasPrefix("W/")
      if isWeak { tag = tag.dropFirst(2) }
      if tag.count >= 2, tag.hasPrefix("\""), tag.hasSuffix("\"") { tag = tag.dropFirst().dropLast() }
      return (tag, isWeak)
    }
  }
}

extension HTTPResponse {
  /// The response for a version, or 304 if the client has this version already; `make` is then not called.
  ///
  /// - Parameter cacheControl: by default clients may keep it and ask each time whether it is current.
  public static func cached(
    for request: HTTPRequest, _ tag: EntityTag, cacheControl: String = "private, no-cache", make: () -> HTTPResponse
  ) -> HTTPResponse {
    var response = tag.matches(ifNoneMatch: request.headers["if-none-match"]) ? HTTPResponse.empty(304) : make()
    response.entityTag = tag
    response.cacheControl = cacheControl
    return response
  }
}
