#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The address and port on which a server listens.
struct ListenAddress: Equatable {
  let host: String
  let port: UInt16

  /// Parses `127.0.0.1:8080`, `localhost:0` or `[::1]:0`; with `allowsRemote` also addresses of other interfaces, such as `0.0.0.0:8080`.
  init(parsing text: String, key: String, allowsRemote: Bool) throws(HTTPServerError) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), colon != text.startIndex else {
      throw HTTPServerError(.malformedAddress, key: key, address: text)
    }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw HTTPServerError(.malformedAddress, key: key, address: text)
    }
    self.host = host == "localhost" ? "127.0.0.1" : host
    self.port = port
    guard Self.isAddress(self.host) else { throw HTTPServerError(.notAnAddress, key: key, address: text) }
    guard allowsRemote || Self.isLoopback(self.host) else { throw HTTPServerError(.notLoopback, key: key, address: text) }
  }

  var isIPv6: Bool { host.contains(":") }
  var text: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  private static func isAddress(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
  }

  private static func isLoopback(_ host: String) -> Bool {
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
    return host == "::1"
  }
}
