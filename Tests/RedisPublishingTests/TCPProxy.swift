import Foundation
import Synchronization

/// Stands between a client and a server on the loopback interface, and can hold back what a client sent, even after it left.
///
/// Sendable: what changes is behind locks; descriptors are closed by the threads that read them.
final class TCPProxy: Sendable {
  private final class Link: Sendable {
    struct State {
      var isStalled = false
      var hasEnded = false
      var held: [UInt8] = []
    }
    let client: Int32
    let server: Int32
    let state = Mutex(State())

    init(client: Int32, server: Int32) {
      self.client = client
      self.server = server
    }
  }

  let port: Int
  private let serverPort: Int
  private let listener: Int32
  private let links = Mutex<[Link]>([])
  private let isRefusing = Mutex(false)
  /// Called with what a client sent before it is passed on.
  private let onRequest: (@Sendable (String) -> Void)?

  init(to serverPort: Int, onRequest: (@Sendable (String) -> Void)? = nil) throws {
    self.serverPort = serverPort
    self.onRequest = onRequest
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    precondition(isListening, "no loopback port for the proxy")
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread { [self] in accept() }.start()
  }

  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  /// Holds back whatever clients send over the connections that are open now.
  func stall() {
    for link in links.withLock({ $0 }) { link.state.withLock { $0.isStalled = true } }
  }

  /// Passes on what was held back, in the order in which it came.
  func release() {
    for link in links.withLock({ $0 }) {
      link.state.withLock { state in
        guard state.isStalled else { return }
        state.isStalled = false
        Self.write(state.held, to: link.server)
        state.held = []
        if state.hasEnded { shutdown(link.server, Int32(SHUT_WR)) }
      }
    }
  }

  /// Closes every new connection at once, until told otherwise.
  func refuse(_ refuses: Bool) { isRefusing.withLock { $0 = refuses } }

  /// The number of bytes held back.
  var held: Int { links.withLock { $0 }.reduce(0) { sum, link in sum + link.state.withLock { $0.held.count } } }

  private func accept() {
    while true {
      let client = Foundation.accept(listener, nil, nil)
      guard client >= 0 else {
        close(listener)
        return
      }
      guard !isRefusing.withLock({ $0 }) else {
        close(client)
        continue
      }
      let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = Self.loopback(port: serverPort)
      let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
      }
      guard isConnected else {
        close(client)
        close(server)
        continue
      }
      let link = Link(client: client, server: server)
      links.withLock { $0.append(link) }
      Thread { [self] in passRequests(link) }.start()
      Thread { Self.passReplies(link) }.start()
    }
  }

  private func passRequests(_ link: Link) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(link.client, &buffer, buffer.count)
      guard count > 0 else { break }
      onRequest?(String(decoding: buffer[..<count], as: UTF8.self))
      link.state.withLock { state in
        if state.isStalled { state.held += buffer[..<count] } else { Self.write(Array(buffer[..<count]), to: link.server) }
      }
    }
    link.state.withLock { state in
      state.hasEnded = true
      if !state.isStalled { shutdown(link.server, Int32(SHUT_WR)) }
    }
  }

  private static func passReplies(_ link: Link) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(link.server, &buffer, buffer.count)
      guard count > 0 else { break }
      write(Array(buffer[..<count]), to: link.client)
    }
    shutdown(link.client, Int32(SHUT_RDWR))
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      sent += count
    }
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = UInt16(port).bigEndian
    return address
  }
}
