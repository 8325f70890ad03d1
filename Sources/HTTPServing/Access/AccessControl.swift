/// Who may send requests to a server.
public enum AccessControl: Sendable {
  /// Everybody who can connect.
  case everyone
  /// Programs on this machine; requests that a web page of another origin sends are refused.
  case thisMachine
  /// Whoever sends a token as `Authorization: Bearer <token>`, as far as its role goes.
  case tokens(AccessTokenFile)

  /// What a route asks of its caller.
  public enum Requirement: Sendable, Equatable {
    /// Nothing, also where the server has tokens.
    case nothing
    /// As `read`, but without tokens open to every program that can connect, whatever its Host header says.
    case probe
    case role(AccessRole)
  }

  /// Returns the caller, or throws the problem to answer.
  func admit(
    _ request: HTTPRequest, _ requirement: Requirement, allowsOrigin: (String) -> Bool = { _ in false }
  ) throws(Problem) -> Caller {
    switch (self, requirement) {
    case (.everyone, _), (_, .nothing): return request.caller
    case (.thisMachine, .probe): return request.caller
    case (.thisMachine, .role):
      if let refusal = LocalRequestPolicy.refusal(request, allowsOrigin: allowsOrigin) { throw refusal }
      return request.caller
    case (.tokens(let file), .probe): return try Self.admit(request, .read, file)
    case (.tokens(let file), .role(let role)): return try Self.admit(request, role, file)
    }
  }

  private static func admit(_ request: HTTPRequest, _ role: AccessRole, _ file: AccessTokenFile) throws(Problem) -> Caller {
    guard let sent = bearer(request) else { throw unauthorized(file.key) }
    switch file.find(sent) {
    case .unavailable:
      throw Problem(
        .unavailable, "the tokens cannot be read, so nobody is let in", fix: "see the server's log, and the file of \(file.key)",
        headers: [.init("Retry-After", "5")])
    case .unknown: throw unauthorized(file.key)
    case .found(let token):
      guard token.role >= role else {
        throw Problem(
          .forbidden, "\(token.name) has the role \(token.role.rawValue); this needs \(role.rawValue)",
          fix: "send a token with the role \(role.rawValue); `freshet token new NAME \(role.rawValue)` makes one")
      }
      return Caller(name: token.name, role: token.role, address: request.caller.address)
    }
  }

  private static func unauthorized(_ key: String) -> Problem {
    Problem(
      .unauthorized, "this server needs a token", fix: "send a token of \(key) as Authorization: Bearer",
      headers: [.init("WWW-Authenticate", "Bearer realm=\"freshet\"")])
  }

  private static func bearer(_ request: HTTPRequest) -> [UInt8]? {
    guard let header = request.headers["authorization"] else { return nil }
    let scheme = "bearer "
    guard header.prefix(scheme.count).lowercased() == scheme else { return nil }
    return Array(header.utf8.dropFirst(scheme.utf8.count).drop { $0 == UInt8(ascii: " ") })
  }
}
