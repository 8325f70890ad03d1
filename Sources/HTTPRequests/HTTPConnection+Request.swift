extension HTTPConnection {
  /// What is sent.
  public struct Request: Sendable {
    public enum Method: String, Sendable { case get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE" }

    /// A body has a type: servers drop or refuse bodies whose type they do not know.
    public enum Body: Sendable {
      case none
      case bytes([UInt8], contentType: String)
      /// Streamed: a piece of the file is in memory at a time. It must not become shorter while it is sent.
      case file(path: String, contentType: String)
    }

    public var method: Method
    /// `http://` or `https://`, with everything behind the host percent-encoded.
    public var url: String
    public var headers: [Header] = []
    public var body = Body.none
    public var credentials = Credentials.none
    /// For the whole request; `nil`: the timeout of the connection.
    public var timeLimit: Duration?
    /// Whether the request must reach the server at most once.
    ///
    /// If a connection that was kept open ends without an answer, libcurl sends the request again over a new one, even a POST, although the
    /// server may have acted on it. Such a request therefore gets a new connection.
    public var isSentOnce = false
    /// An answer that is larger is a fault.
    public var answerBytesMax = 4 << 20

    public init(_ method: Method, _ url: String) {
      self.method = method
      self.url = url
    }

    /// The headers as libcurl takes them.
    func headerLines() throws(Fault) -> [String] {
      var lines = headers
      switch body {
      case .none: break
      case .bytes(_, let contentType), .file(_, let contentType): lines.append(Header("Content-Type", contentType))
      }
      if case .bearer(let token) = credentials { lines.append(Header("Authorization", "Bearer \(token)")) }
      for line in lines where !line.isSafe {
        throw Fault(.permanent, "the header \(line.name.prefix(40).filter { $0.isASCII && !$0.isNewline }) contains a line break")
      }
      // Without `Expect: 100-continue`, for which libcurl would wait a second where a server does not know it.
      return lines.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" } + ["Expect:"]
    }
  }

  public struct Header: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }

    /// A line break would begin another header.
    var isSafe: Bool { !(name + value).utf8.contains { $0 == 0 || $0 == 0x0A || $0 == 0x0D } }
  }

  /// How a request shows who it is from. It never shows its secrets, not even in a debugger's or a crash's output.
  public enum Credentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    case none
    case basic(username: String, password: String)
    case bearer(String)

    public var description: String {
      switch self {
      case .none: "none"
      case .basic(let username, _): "user \(username)"
      case .bearer: "a token"
      }
    }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The text without these secrets, should a server or a library repeat one.
    public func redacted(_ text: String) -> String {
      switch self {
      case .basic(_, let secret), .bearer(let secret): secret.utf8.count >= 4 ? text.replacing(secret, with: "***") : text
      case .none: text
      }
    }
  }
}
