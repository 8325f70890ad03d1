import Foundation
import Synchronization

/// An HTTP server that answers each request as a test says, and keeps the requests as they came.
final class ScriptedServer: Sendable {
  struct Request: Sendable {
    var method = ""
    /// Path and query as they were sent.
    var target = ""
    /// By name in lower case.
    var headers: [String: String] = [:]
    var body: [UInt8] = []
  }

  enum Answer: Sendable {
    case status(Int, headers: [String: String] = [:], body: [UInt8] = [])
    /// Announces more than it sends, then closes the connection.
    case broken(Int, headers: [String: String] = [:], announced: Int, body: [UInt8])
    /// Closes the connection without an answer, after the request has been read.
    case nothing
    /// Says nothing until the test ends.
    case silence
  }

  let port: Int
  private let listener: Int32
  private let answer: @Sendable (Int, Request) -> Answer
  private let seen = Mutex<[Request]>([])
  private let isOver = Mutex(false)

  var requests: [Request] { seen.withLock { $0 } }

  /// - Parameter answer: gets the number of the request, from 0.
  init(_ answer: @escaping @Sendable (Int, Request) -> Answer) {
    self.answer = answer
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        precondition(bind(listener, address, length) == 0 && listen(listener, 16) == 0)
        getsockname(listener, address, &length)
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else {
          close(listener)
          return
        }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  /// The thread closes the listener itself: closed here, its number could name another test's socket when the thread uses it.
  func stop() {
    isOver.withLock { $0 = true }
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    while let request = Self.read(connection) {
      let number = seen.withLock { seen in
        seen.append(request)
        return seen.count - 1
      }
      switch answer(number, request) {
      case .status(let status, let headers, let body):
        Self.write(connection, Self.head(status, headers, body.count) + (request.method == "HEAD" ? [] : body))
      case .broken(let status, let headers, let announced, let body):
        Self.write(connection, Self.head(status, headers, announced) + body)
        return
      case .nothing: return
      case .silence:
        while !isOver.withLock({ $0 }) { usleep(10_000) }
        return
      }
    }
  }

  private static func head(_ status: Int, _ headers: [String: String], _ length: Int) -> [UInt8] {
    let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
    let hasLength = headers.keys.contains { $0.lowercased() == "content-length" }
    return Array("HTTP/1.1 \(status) Something\r\n\(lines)\(hasLength ? "" : "Content-Length: \(length)\r\n")\r\n".utf8)
  }

  private static func write(_ connection: Int32, _ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { send(connection, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { return }
      sent += count
    }
  }

  private static func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    func more() -> Bool {
      let count = recv(connection, &buffer, buffer.count, 0)
      if count > 0 { bytes += buffer[..<count] }
      return count > 0
    }
    let blank = Array("\r\n\r\n".utf8)
    func end() -> Int? { bytes.indices.first { bytes[$0] == 13 && bytes[$0...].starts(with: blank) } }
    while end() == nil { if !more() { return nil } }
    let lines = String(decoding: bytes[..<(end() ?? 0)], as: UTF8.self).split(separator: "\r\n")
    let words = lines[0].split(separator: " ")
    var request = Request(method: String(words[0]), target: String(words[1]))
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      request.headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    bytes.removeFirst((end() ?? 0) + 4)
    if request.headers["expect"] != nil { write(connection, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
    let length = Int(request.headers["content-length"] ?? "0") ?? 0
    while bytes.count < length { if !more() { return nil } }
    request.body = bytes
    return request
  }
}
