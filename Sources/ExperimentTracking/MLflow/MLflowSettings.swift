import HTTPRequests

/// Where a server of MLflow is, and how it is reached. It never shows its secrets.
public struct MLflowSettings: Sendable, Equatable {
  /// `http://` or `https://`, host, port, and the path under which the server stands, if any.
  public var uri: String
  /// Who sends the runs; `none`: what the URI says before `@`, if anything.
  public var credentials = HTTPConnection.Credentials.none
  /// For an answer, and for silence while a file is sent.
  public var timeout = Duration.seconds(10)
  /// For everything that one run needs, with repetitions and pauses.
  public var deadline = Duration.seconds(60)
  /// The authorities that are trusted; empty: those of the system.
  public var caFile = ""

  public init(uri: String) { self.uri = uri }

  /// A token goes before a user; both empty: none.
  public static func credentials(token: String, username: String = "", password: String = "") -> HTTPConnection.Credentials {
    if !token.isEmpty { return .bearer(token) }
    return username.isEmpty ? .none : .basic(username: username, password: password)
  }
}

extension MLflowSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "MLflow at \((try? HTTPAddress(parsing: uri))?.url ?? "an address that cannot be used")" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
