import HTTPServing
import Telemetry

/// Who may send requests to a server of the control plane.
public enum AdminAccess: Sendable {
  /// Programs on this machine; requests that a web page of another origin sends are refused.
  case thisMachine
  /// Whoever sends the token as `Authorization: Bearer <token>`.
  ///
  /// The token is read anew for every request, so that it can be replaced without a restart; `nil` if it cannot be read.
  case token(@Sendable () -> [UInt8]?)

  /// Shorter tokens can be guessed.
  public static let tokenBytesMin = 16

  /// The response to a request that must be rejected, or `nil`.
  ///
  /// - Parameter isProbe: whether the route only tells about health; with `thisMachine` it is open to every program that can connect.
  func refusal(_ request: HTTPRequest, isProbe: Bool) -> HTTPResponse? {
    switch self {
    case .thisMachine: return isProbe ? nil : LocalRequestPolicy.refusal(request)
    case .token(let read):
      guard let token = read(), token.count >= Self.tokenBytesMin else {
        return .error(503, "the token cannot be read, so nobody is let in", fix: "see the engine's log, and the file of admin.token_file")
      }
      guard let sent = Self.bearer(request), Self.isEqual(sent, token) else {
        return .error(
          401, "this server needs a token", fix: "send the content of admin.token_file as Authorization: Bearer",
          headers: [.init("WWW-Authenticate", "Bearer realm=\"freshet\"")])
      }
      return nil
    }
  }

  private static func bearer(_ request: HTTPRequest) -> [UInt8]? {
    guard let header = request.headers["authorization"] else { return nil }
    let scheme = "bearer "
    guard header.lowercased().hasPrefix(scheme) else { return nil }
    return Array(header.utf8.dropFirst(scheme.utf8.count).drop { $0 == UInt8(ascii: " ") })
  }

  /// Compares without revealing by its duration how many bytes were right; the duration depends on what was sent alone.
  static func isEqual(_ sent: [UInt8], _ token: [UInt8]) -> Bool {
    guard !token.isEmpty else { return false }
    var difference: UInt8 = sent.count == token.count ? 0 : 1
    for index in sent.indices { difference |= sent[index] ^ token[index % token.count] }
    return difference == 0
  }
}
