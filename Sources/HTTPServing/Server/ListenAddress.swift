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

/// Why the server cannot start.
public struct HTTPServerError: Error, CustomStringConvertible, Sendable, Equatable {
  public enum Code: Sendable, Equatable {
    case malformedAddress, notAnAddress, notLoopback, addressInUse
    case cannotListen(errno: Int32)
    case cannotStart
    case tls(String)
    case fileLimit(has: Int, needs: Int)
  }

  public let code: Code
  /// The configuration key of the address.
  public let key: String
  public let address: String

  init(_ code: Code, key: String, address: String) {
    self.code = code
    self.key = key
    self.address = address
  }

  public var description: String {
    let place = "\(key)=\(address)"
    return
      switch code
    {
    case .malformedAddress: "\(place) is no address; write it as 127.0.0.1:8080 or [::1]:8080, port 0 for any free one"
    case .notAnAddress: "\(place): write the address of an interface in digits, or 0.0.0.0 or [::] for all of them"
    case .notLoopback:
      "\(place): other machines could reach it; set \(section).token_file or a TLS certificate, or use 127.0.0.1 "
        + "and let probes.listen serve the probes"
    case .addressInUse:
      "\(place): another process listens there; --set \(key)=127.0.0.1:0 takes any free port, or name another port"
    case .cannotListen(let errno): "\(place): cannot listen: \(String(cString: strerror(errno)))"
    case .cannotStart:
      "\(place): the HTTP server did not start; is the limit of open files or threads too low (ulimit -n, ulimit -u)?"
    case .tls(let fault): "\(place): \(fault)"
    case .fileLimit(let has, let needs):
      "\(place): this process may open \(has) files, and its connections need \(needs): raise the limit (LimitNOFILE= in the unit, ulimit -n), "
        + "or allow fewer connections"
    }
  }

  /// The part of the configuration that the address belongs to.
  private var section: Substring { key.prefix { $0 != "." } }
}
