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
  public var contentType: String
  public var headers: [Header]
  /// For a HEAD request the server sends its length only.
  public var body: [UInt8]

  public init(status: Int = 200, contentType: String, headers: [Header] = [], body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }

  public static func json(_ value: JSONValue, status: Int = 200, headers: [Header] = []) -> HTTPResponse {
    json(value.bytes, status: status, headers: headers)
  }

  /// `bytes` are JSON already.
  public static func json(_ bytes: [UInt8], status: Int = 200, headers: [Header] = []) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "application/json", headers: headers, body: bytes + [UInt8(ascii: "\n")])
  }

  public static func text(_ text: String, status: Int = 200, contentType: String = "text/plain; charset=utf-8") -> HTTPResponse {
    HTTPResponse(status: status, contentType: contentType, body: Array(text.utf8))
  }

  /// An error with its fix; secrets in either are masked.
  public static func error(_ status: Int, _ message: String, fix: String, headers: [Header] = []) -> HTTPResponse {
    json(["error": .string(Redaction.text(message)), "fix": .string(Redaction.text(fix))], status: status, headers: headers)
  }
}

/// A response now or later.
public enum HTTPAnswer: Sendable {
  case now(HTTPResponse)
  case later(LaterResponse)
}

/// A response that is not ready yet. The server suspends the connection meanwhile, so no thread waits for it.
public struct LaterResponse: Sendable {
  /// Called every 50 ms until it returns a response. Must not block, and must return one eventually.
  public let poll: @Sendable () -> HTTPResponse?
  /// Sent at once if too many requests wait already or the server stops.
  public let instead: @Sendable () -> HTTPResponse

  public init(poll: @escaping @Sendable () -> HTTPResponse?, instead: @escaping @Sendable () -> HTTPResponse) {
    self.poll = poll
    self.instead = instead
  }
}
