import Foundation
import Telemetry

/// Sends HTTP requests when they are due, whether or not earlier ones are answered, and measures from then to the complete answer.
///
/// A client that waits for an answer before it sends the next request would hide every delay but the first (coordinated omission).
final class HTTPLoad {
  struct Figures {
    /// From when requests were due to their complete answers.
    var times: FreshnessFigures
    /// Answers with another status than 2xx, connections that ended, and requests without an answer.
    var errors = 0
    /// The status line of the first error.
    var firstError: String?
  }

  private struct Connection {
    var descriptor: Int32
    /// When the request that it carries was due; `nil` for none.
    var due: UInt64?
    var received: [UInt8] = []
  }

  private static let napNanoseconds: UInt64 = 100_000
  private let port: UInt16
  private var connections: [Connection] = []
  private var idle: [Int] = []

  /// Connects at once.
  init(port: UInt16, connections count: Int = 64) throws {
    self.port = port
    for index in 0..<count {
      connections.append(Connection(descriptor: try Self.connect(port)))
      idle.append(index)
    }
  }

  deinit { for connection in connections { close(connection.descriptor) } }

  private static func connect(_ port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) }
    }
    guard descriptor >= 0, result == 0 else { throw CommandFailure("cannot connect to port \(port): \(String(cString: strerror(errno)))") }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  /// Sends `request(0)`, `request(1)` ... at `rate` a second. The first `warmUp` seconds are left out.
  func run(rate: Double, seconds: Double, warmUp: Double = 1, request: (Int) -> [UInt8]) throws -> Figures {
    let start = MonotonicClock.nanoseconds() + 10_000_000
    let interval = 1e9 / rate
    let count = Int((seconds + warmUp) * rate)
    let first = start + UInt64(warmUp * 1e9)
    var errors = 0
    var firstError: String?
    var waits: [UInt64] = []
    waits.reserveCapacity(count)
    var next = 0
    let deadline = start + UInt64((seconds + warmUp + 10) * 1e9)
    while next < count || idle.count < connections.count {
      let now = MonotonicClock.nanoseconds()
      guard now < deadline else { break }
      while next < count, let index = idle.last, start + UInt64(Double(next) * interval) <= now {
        idle.removeLast()
        connections[index].due = start + UInt64(Double(next) * interval)
        try send(request(next), index)
        next += 1
      }
      let due = next < count ? start + UInt64(Double(next) * interval) : now + 1_000_000
      for index in wait(until: idle.isEmpty ? now + 1_000_000 : due, now) {
        guard let status = receive(index) else { continue }
        let (answered, sent) = (MonotonicClock.nanoseconds(), connections[index].due ?? 0)
        connections[index].due = nil
        idle.append(index)
        guard sent >= first else { continue }
        waits.append(answered - min(answered, sent))
        if !status.hasPrefix("HTTP/1.1 2") {
          errors += 1
          firstError = firstError ?? status
        }
      }
    }
    errors += Int(seconds * rate) - min(Int(seconds * rate), waits.count)
    return Figures(times: FreshnessFigures(nanoseconds: waits, lost: 0, seconds: seconds), errors: errors, firstError: firstError)
  }

  private func send(_ bytes: [UInt8], _ index: Int) throws {
    var sent = 0
    while sent < bytes.count {
      let result = bytes.withUnsafeBytes {
        Glibc.send(connections[index].descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard result > 0 else { throw CommandFailure("the server closed a connection: \(String(cString: strerror(errno)))") }
      sent += result
    }
  }

  /// The connections with an answer.
  private func wait(until due: UInt64, _ now: UInt64) -> [Int] {
    var waiting: [Int] = []
    var polled: [pollfd] = []
    for (index, connection) in connections.enumerated() where connection.due != nil {
      waiting.append(index)
      polled.append(pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0))
    }
    // A poll waits whole milliseconds, which is too coarse.
    if poll(&polled, nfds_t(polled.count), 0) == 0 {
      usleep(UInt32(min(due - min(due, now), Self.napNanoseconds) / 1000))
      guard poll(&polled, nfds_t(polled.count), 0) > 0 else { return [] }
    }
    return zip(waiting, polled).filter { $1.revents != 0 }.map(\.0)
  }

  /// The status line once the answer is complete.
  private func receive(_ index: Int) -> String? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(connections[index].descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    if count < 0, errno == EAGAIN { return nil }
    guard count > 0 else {
      close(connections[index].descriptor)
      connections[index].received = []
      connections[index].descriptor = (try? Self.connect(port)) ?? -1
      return "the connection was closed"
    }
    connections[index].received += buffer[0..<count]
    let text = connections[index].received
    guard let end = Self.endOfHead(text) else { return nil }
    let head = String(decoding: text[0..<end], as: UTF8.self)
    let lines = head.split(separator: "\r\n")
    let length = lines.first { $0.lowercased().hasPrefix("content-length:") }.flatMap {
      Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces))
    }
    guard text.count >= end + (length ?? 0) else { return nil }
    connections[index].received = []
    return String(lines.first ?? "")
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for at in 3..<bytes.count where bytes[at] == 10 && bytes[at - 1] == 13 && bytes[at - 2] == 10 && bytes[at - 3] == 13 { return at + 1 }
    return nil
  }
}
