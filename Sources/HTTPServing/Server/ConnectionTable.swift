import Synchronization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The open connections of a server and how long each has been receiving a request.
///
/// libmicrohttpd only has a timeout of inactivity, which a client that sends one byte at a time never reaches. This table ends
/// connections by a deadline for the whole head and the whole body, and, when most connections are taken, the one that has been
/// receiving for longest, so that health probes always find one.
final class ConnectionTable: Sendable {
  enum Phase: Equatable, Sendable {
    case receivingHead
    case receivingBody
    /// The request is complete. Its response may take as long as `?wait=` allows.
    case answering
  }

  private struct Connection: Sendable {
    var phase = Phase.receivingHead
    var since: UInt64
    /// Shut down already; the server's thread is about to close it.
    var isEnding = false
  }

  private let limit: Int
  private let headNanoseconds: UInt64
  private let bodyNanoseconds: UInt64
  private struct State: Sendable {
    var connections: [Int32: Connection] = [:]
    var ending = 0
  }

  private let state = Mutex(State())
  /// Ends both directions of a socket; the server then closes it.
  private let end: @Sendable (Int32) -> Void

  /// - Parameter limit: connections beyond this make room by ending the one that has been receiving for longest.
  init(
    limit: Int, headSecondsMax: Int, bodySecondsMax: Int,
    end: @escaping @Sendable (Int32) -> Void = { _ = shutdown($0, Int32(SHUT_RDWR)) }
  ) {
    self.limit = limit
    headNanoseconds = UInt64(headSecondsMax) * 1_000_000_000
    bodyNanoseconds = UInt64(bodySecondsMax) * 1_000_000_000
    self.end = end
  }

  func opened(_ socket: Int32, now: UInt64 = MonotonicClock.nanoseconds()) {
    state.withLock { state in
      state.connections[socket] = Connection(since: now)
      guard state.connections.count - state.ending > limit else { return }
      let candidates = state.connections.filter { $0.key != socket && !$0.value.isEnding && $0.value.phase != .answering }
      if let oldest = candidates.min(by: { $0.value.since < $1.value.since }) { end(oldest.key, &state) }
    }
  }

  func entered(_ phase: Phase, _ socket: Int32, now: UInt64 = MonotonicClock.nanoseconds()) {
    state.withLock { state in
      state.connections[socket]?.phase = phase
      state.connections[socket]?.since = now
    }
  }

  /// Called before the descriptor is closed, so that no later connection with its number is ended in its place.
  func closed(_ socket: Int32) {
    state.withLock { state in
      if state.connections.removeValue(forKey: socket)?.isEnding == true { state.ending -= 1 }
    }
  }

  /// Ends the connections whose head or body is overdue.
  func endOverdue(now: UInt64 = MonotonicClock.nanoseconds()) {
    state.withLock { state in
      for (socket, connection) in state.connections where !connection.isEnding && isOverdue(connection, now) { end(socket, &state) }
    }
  }

  private func isOverdue(_ connection: Connection, _ now: UInt64) -> Bool {
    switch connection.phase {
    case .receivingHead: now > connection.since + headNanoseconds
    case .receivingBody: now > connection.since + bodyNanoseconds
    case .answering: false
    }
  }

  private func end(_ socket: Int32, _ state: inout State) {
    state.connections[socket]?.isEnding = true
    state.ending += 1
    end(socket)
  }
}
