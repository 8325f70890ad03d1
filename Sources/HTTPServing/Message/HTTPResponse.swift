import Telemetry

/// A complete response.
public struct HTTPResponse: Sendable, Equatable {
  public struct Header: Sendable, Equatable {
    public let name: String
    public let value: String
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public var status: Int
  /// Empty for a response without a body.
  public var contentType: String
  public var headers: [Header]
  /// The header Cache-Control.
  public var cacheControl = "no-store"
  /// The header ETag; the server marks it where it compresses the body.
  public var entityTag: EntityTag?
  /// Whether the body may be compressed for clients that accept it.
  public var isCompressible = true
  /// For a HEAD request the server sends its length only.
  public var body: [UInt8]

  public init(status: Int = 200, contentType: String, headers: [Header] = [], body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }

  public static func json(
    _ value: JSONValue, status: Int = 200, contentType: String = "application/json", headers: [Header] = []
  ) -> HTTPResponse {
    json(value.bytes, status: status, contentType: contentType, headers: headers)
  }

  /// `bytes` are JSON already.
  public static func json(
    _ bytes: [UInt8], status: Int = 200, contentType: String = "application/json", headers: [Header] = []
  ) -> HTTPResponse {
    HTTPResponse(status: status, contentType: contentType, headers: headers, body: bytes + [UInt8(ascii: "\n")])
  }

  public static func text(_ text: String, status: Int = 200, contentType: String = "text/plain; charset=utf-8") -> HTTPResponse {
    HTTPResponse(status: status, contentType: contentType, body: Array(text.utf8))
  }

  /// A response without a body, such as 204.
  public static func empty(_ status: Int = 204, headers: [Header] = []) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "", headers: headers, body: [])
  }

  /// An error with its fix as the admin server writes it: a problem with the member `error`; secrets are masked.
  public static func error(_ status: Int, _ message: String, fix: String, headers: [Header] = []) -> HTTPResponse {
    Problem(.of(status: status), message, fix: fix, headers: headers).withErrorMember.response
  }

  public func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}
