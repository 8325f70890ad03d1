import Foundation

/// The datagram socket on which a service manager listens: a path, or `@` and the name of an abstract socket.
struct NotifySocket {
  private let path: String

  /// `nil` if the address has another form, or is too long for a socket's address.
  init?(path: String) {
    guard path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count > 1, path.utf8.count < Self.pathBytes else { return nil }
    self.path = path
  }

  /// Sends the lines as one message; returns whether it could be sent. It never waits.
  @discardableResult
  func send(_ lines: [String]) -> Bool {
    let descriptor = socket(AF_UNIX, Self.type, 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let message = Array(lines.joined(separator: "\n").utf8)
    return withAddress { address, length in
      sendto(descriptor, message, message.count, Self.flags, address, length) == message.count
    }
  }

  private func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(path.utf8)
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    // An abstract name ends with the address, a path with a zero byte.
    let end = name[0] == 0 ? name.count : name.count + 1
    let length = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path)! + end)
    return withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) } }
  }

  private static let pathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
  #if os(Linux)
    private static let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    private static let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
  #else
    private static let type = SOCK_DGRAM
    private static let flags = MSG_DONTWAIT
  #endif
}
