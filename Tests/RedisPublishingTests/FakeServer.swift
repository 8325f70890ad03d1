import Foundation

/// A server that answers whatever it receives with the same bytes: for replies that no Redis would send.
final class FakeServer: Sendable {
  let port: Int
  private let listener: Int32

  /// - Parameters:
  ///   - reply: sent once for each read.
  ///   - endless: sent again and again after that, until the peer closes.
  init(reply: [UInt8], endless: [UInt8] = [], pause: UInt32 = 0) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    precondition(isListening, "no loopback port for the fake server")
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
    let thread = Thread {
      while true {
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else {
          close(listener)
          return
        }
        Self.serve(peer, reply, endless, pause)
        close(peer)
      }
    }
    thread.start()
  }

  /// The thread closes the listener itself: closed here, its number could name another test's socket when the thread uses it.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  private static func serve(_ peer: Int32, _ reply: [UInt8], _ endless: [UInt8], _ pause: UInt32) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while read(peer, &buffer, buffer.count) > 0 {
      guard send(peer, reply, reply.count, Int32(MSG_NOSIGNAL)) == reply.count else { return }
      while !endless.isEmpty {
        guard send(peer, endless, endless.count, Int32(MSG_NOSIGNAL)) > 0 else { return }
        if pause > 0 { usleep(pause) }
      }
    }
  }
}
