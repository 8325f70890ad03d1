#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

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
