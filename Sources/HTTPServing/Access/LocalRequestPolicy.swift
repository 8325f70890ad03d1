/// Rejects requests from web pages of other origins.
///
/// The server listens on this machine only, but a browser on it runs pages from anywhere. A page may send a request directly (then
/// `Origin` names its own origin) or read a response through a host name of its own that resolves to 127.0.0.1 (then `Host` names that).
enum LocalRequestPolicy {
  /// Why a request must be rejected, or `nil`.
  ///
  /// - Parameter allowsOrigin: whether pages of an origin may send requests although it is not this machine.
  static func refusal(_ request: HTTPRequest, allowsOrigin: (String) -> Bool = { _ in false }) -> Problem? {
    guard let host = request.headers["host"], isLocal(authority: host) else {
      return Problem(
        .forbidden, "the Host header must name this machine", fix: "send the request to localhost, 127.0.0.1 or [::1], with any port")
    }
    // A page cannot read the response to a GET of another origin.
    guard request.method != "GET", request.method != "HEAD", let origin = request.headers["origin"] else { return nil }
    let schemes = ["http://", "https://"]
    if let scheme = schemes.first(where: origin.hasPrefix), isLocal(authority: String(origin.dropFirst(scheme.count))) { return nil }
    if allowsOrigin(origin) { return nil }
    return Problem(
      .forbidden, "web pages of other origins may not change anything here", fix: "use curl, or a page served from this machine")
  }

  static func isLocal(authority: String) -> Bool {
    for host in ["localhost", "127.0.0.1", "[::1]"] {
      guard authority.lowercased().hasPrefix(host) else { continue }
      let rest = authority.dropFirst(host.count)
      if rest.isEmpty { return true }
      return rest.first == ":" && rest.count > 1 && rest.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    return false
  }
}
