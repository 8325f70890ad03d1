#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The address of the other end of a connection, without the port.
public struct ClientAddress: Sendable, Hashable, CustomStringConvertible {
  private let high: UInt64
  private let low: UInt64
  private let isIPv6: Bool

  private init(high: UInt64, low: UInt64, isIPv6: Bool) {
    self.high = high
    self.low = low
    self.isIPv6 = isIPv6
  }

  private init(_ four: in_addr) { self.init(high: 0, low: UInt64(UInt32(bigEndian: four.s_addr)), isIPv6: false) }

  private init(_ six: in6_addr) {
    let (high, low) = withUnsafeBytes(of: six) {
      (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)), UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
    // `::ffff:1.2.3.4` is an IPv4 client of a socket for both.
    let isMapped = high == 0 && low >> 32 == 0xffff
    self.init(high: isMapped ? 0 : high, low: isMapped ? low & 0xffff_ffff : low, isIPv6: !isMapped)
  }

  /// An address in digits.
  public init?(_ text: some StringProtocol) {
    var four = in_addr()
    var six = in6_addr()
    let text = String(text)
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(four)
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      self.init(six)
    } else {
      return nil
    }
  }

  init?(_ address: UnsafePointer<sockaddr>?) {
    guard let address else { return nil }
    switch Int32(address.pointee.sa_family) {
    case AF_INET: self.init(UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr)
    case AF_INET6: self.init(UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self).sin6_addr)
    default: return nil
    }
  }

  /// What one client can have many addresses of: the first half of an IPv6 address, all of an IPv4 address.
  var network: ClientAddress { isIPv6 ? ClientAddress(high: high, low: 0, isIPv6: true) : self }

  public var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    if isIPv6 {
      var bytes = (high.bigEndian, low.bigEndian)
      inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count))
    } else {
      var four = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
      inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension ClientAddress {
  /// The address of the client behind trusted proxies: the last one in `X-Forwarded-For` that is no such proxy.
  ///
  /// What stands before it was written by somebody who is not trusted.
  static func behindProxies(peer: ClientAddress, forwardedFor header: String?, trusted: Set<ClientAddress>) -> ClientAddress {
    guard trusted.contains(peer), let header else { return peer }
    var client = peer
    for piece in header.split(separator: ",").reversed() {
      guard let address = ClientAddress(piece.drop { $0 == " " }.prefix { $0 != " " }) else { return client }
      client = address
      if !trusted.contains(address) { return address }
    }
    return client
  }
}
