#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Opens the server's socket itself, because the library does not say why it could not.
enum ListeningSocket {
  /// A listening socket that does not block, and the port it got.
  static func open(_ address: ListenAddress, key: String) throws(HTTPServerError) -> (descriptor: Int32, port: UInt16) {
    #if canImport(Glibc)
      let descriptor = socket(address.isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let descriptor = socket(address.isIPv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { throw failure(address, key) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    // Lets a restart take the port while old connections time out; two listeners still exclude each other.
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard bind(descriptor, address) == 0, listen(descriptor, 128) == 0 else {
      let error = failure(address, key)
      close(descriptor)
      throw error
    }
    return (descriptor, port(of: descriptor, isIPv6: address.isIPv6))
  }

  private static func failure(_ address: ListenAddress, _ key: String) -> HTTPServerError {
    let number = errno
    return HTTPServerError(number == EADDRINUSE ? .addressInUse : .cannotListen(errno: number), key: key, address: address.text)
  }

  private static func bind(_ descriptor: Int32, _ address: ListenAddress) -> Int32 {
    if address.isIPv6 {
      var six = sockaddr_in6()
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = address.port.bigEndian
      inet_pton(AF_INET6, address.host, &six.sin6_addr)
      return withSocketAddress(&six) { systemBind(descriptor, $0, $1) }
    }
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = address.port.bigEndian
    inet_pton(AF_INET, address.host, &four.sin_addr)
    return withSocketAddress(&four) { systemBind(descriptor, $0, $1) }
  }

  private static func port(of descriptor: Int32, isIPv6: Bool) -> UInt16 {
    if isIPv6 {
      var six = sockaddr_in6()
      _ = withSocketAddress(&six) { systemName(descriptor, $0, $1) }
      return UInt16(bigEndian: six.sin6_port)
    }
    var four = sockaddr_in()
    _ = withSocketAddress(&four) { systemName(descriptor, $0, $1) }
    return UInt16(bigEndian: four.sin_port)
  }

  private static func withSocketAddress<Address>(
    _ address: inout Address, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    let size = socklen_t(MemoryLayout<Address>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }

  private static func systemName(_ descriptor: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ size: socklen_t) -> Int32 {
    var size = size
    return getsockname(descriptor, address, &size)
  }
}

private func systemBind(_ descriptor: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ size: socklen_t) -> Int32 {
  bind(descriptor, address, size)
}
