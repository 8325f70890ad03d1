import Foundation
import Synchronization

/// A server that keeps connections open, and can end them instead of an answer, after it has read the request.
final class ForgetfulServer: Sendable {
  private struct State: Sendable {
    var requestCount = 0
    var forgotten = 0
  }

  private final class Shared: Sendable { let state = Mutex(State()) }
  private let shared = Shared()
  private let listener: Int32
  let url: String

  struct Failure: Error {}

  init() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer -> UInt16? in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, address, &length) == 0
      } ? UInt16(bigEndian: pointer.pointee.sin_port) : nil
    }
    guard let port else { throw Failure() }
    self.listener = listener
    url = "http://127.0.0.1:\(port)/"
    let shared = shared
    Thread.detachNewThread {
      while case let client = accept(listener, nil, nil), client >= 0 {
        Thread.detachNewThread { Self.serve(client, shared) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Ends connections instead of the next answers.
  func forget(_ count: Int) { shared.state.withLock { $0.forgotten = count } }
  var requestCount: Int { shared.state.withLock { $0.requestCount } }

  /// Takes what one call reads for one request: they are a few bytes.
  private static func serve(_ client: Int32, _ shared: Shared) {
    defer { close(client) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    var text: [UInt8] = []
    while case let count = read(client, &buffer, buffer.count), count > 0 {
      text += buffer[..<count]
      // Until the body of one byte is there.
      guard String(decoding: text.dropLast(), as: UTF8.self).hasSuffix("\r\n\r\n") else { continue }
      text = []
      let isForgotten = shared.state.withLock { state in
        state.requestCount += 1
        state.forgotten -= 1
        return state.forgotten >= 0
      }
      if isForgotten { return }
      let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
      _ = write(client, answer, answer.count)
    }
  }
}
