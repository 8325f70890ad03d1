#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The loopback address and port on which the server listens.
struct ListenAddress: Equatable {
  let host: String
  let port: UInt16

  /// Parses `127.0.0.1:8080`, `localhost:0` or `[::1]:0`.
  init(parsing text: String) throws(HTTPServerError) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), colon != text.startIndex else {
      throw HTTPServerError(.malformedAddress, address: text)
    }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw HTTPServerError(.malformedAddress, address: text)
    }
    self.host = host == "localhost" ? "127.0.0.1" : host
    self.port = port
    guard Self.isLoopback(self.host) else { throw HTTPServerError(.notLoopback, address: text) }
  }

  var isIPv6: Bool { host.contains(":") }
  var text: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  private static func isLoopback(_ host: String) -> Bool {
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
    return host == "::1"
  }
}

/// Why the server cannot start.
public struct HTTPServerError: Error, CustomStringConvertible, Sendable, Equatable {
  public enum Code: Sendable, Equatable {
    case malformedAddress, notLoopback, addressInUse
    case cannotListen(errno: Int32)
    case cannotStart
  }

  public let code: Code
  public let address: String

  init(_ code: Code, address: String) {
    self.code = code
    self.address = address
  }

  public var description: String {
    switch code {
    case .malformedAddress:
      "admin.listen=\(address) is no address; write it as 127.0.0.1:8080 or [::1]:8080, port 0 for any free one"
    case .notLoopback:
      "admin.listen=\(address): the control plane has no passwords yet, so it listens only on this machine; "
        + "use 127.0.0.1, localhost or [::1], and a tunnel or a proxy with authentication from elsewhere"
    case .addressInUse:
      "admin.listen=\(address): another process listens there; "
        + "--set admin.listen=127.0.0.1:0 takes any free port, or name another port"
    case .cannotListen(let errno):
      "admin.listen=\(address): cannot listen: \(String(cString: strerror(errno)))"
    case .cannotStart:
      "admin.listen=\(address): the HTTP server did not start; is the limit of open files or threads too low (ulimit -n, ulimit -u)?"
    }
  }
}
