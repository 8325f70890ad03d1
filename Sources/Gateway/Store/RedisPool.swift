import RedisPublishing
import StreamingRecommender
import Synchronization

/// Connections to Redis, one for each thread that needs one at the same time.
public final class RedisPool: Sendable {
  /// `@unchecked Sendable` is sound because one thread has it between `take` and `give`.
  private final class Lent: @unchecked Sendable {
    let connection: RedisConnection
    init(_ connection: RedisConnection) { self.connection = connection }
  }

  private struct State {
    var idle: [Lent] = []
    var circuit = Circuit()
  }

  private let configuration: RecommenderConfiguration.Redis
  private let idleMax: Int
  private let state = Mutex(State())
  /// Told when the circuit opens, with the reason, and when it closes, with `nil`.
  private let onChange: @Sendable (String?) -> Void

  public init(
    _ configuration: RecommenderConfiguration.Redis, idleMax: Int, onChange: @escaping @Sendable (String?) -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.idleMax = idleMax
    self.onChange = onChange
  }

  /// Why Redis cannot be asked now.
  public var problem: String? { state.withLock { $0.circuit.problem } }

  /// Lends a connection. Throws at once while Redis is known to be away.
  ///
  /// A connection that the server closed in the meantime is replaced once; a request that was not answered in time is not repeated.
  public func withConnection<Result>(_ body: (RedisConnection) throws -> Result) throws -> Result {
    if let problem { throw RedisError(.io, problem) }
    if let lent = state.withLock({ $0.idle.popLast() }) {
      do { return try use(lent, body) } catch let error as RedisError where error.kind == .io { discardIdle() }
    }
    return try useNew(body)
  }

  /// As `withConnection`, whether or not Redis is known to be away: its outcome decides that.
  public func probing<Result>(_ body: (RedisConnection) throws -> Result) throws -> Result {
    if problem != nil { discardIdle() }
    if let lent = state.withLock({ $0.idle.popLast() }) {
      do { return try use(lent, body) } catch let error as RedisError where error.kind == .io { discardIdle() }
    }
    return try useNew(body)
  }

  public func close() { discardIdle() }

  private func useNew<Result>(_ body: (RedisConnection) throws -> Result) throws -> Result {
    let opened: Lent
    do {
      opened = Lent(
        try RedisConnection.open(configuration, clientName: "freshet-gateway", replyBytesMax: RedisConnection.replyBytesMaxOfReader))
    } catch {
      fail(error)
      throw error
    }
    do { return try use(opened, body) } catch let error as RedisError where error.policy == .dropConnection {
      fail(error)
      throw error
    }
  }

  /// Gives the connection back if its replies are still in step with its commands.
  private func use<Result>(_ lent: Lent, _ body: (RedisConnection) throws -> Result) throws -> Result {
    do {
      let result = try body(lent.connection)
      giveBack(lent)
      return result
    } catch let error as RedisError {
      switch error.policy {
      case .dropConnection: if error.kind != .io { fail(error) }
      case .backOff, .reroute, .configuration: giveBack(lent)
      }
      throw error
    }
  }

  private func giveBack(_ lent: Lent) {
    let closed = state.withLock { state in
      if state.idle.count < idleMax { state.idle.append(lent) }
      return state.circuit.answered()
    }
    if closed { onChange(nil) }
  }

  private func fail(_ error: any Error) {
    let reason = "\(error)"
    if state.withLock({ $0.circuit.failed(reason) }) { onChange(reason) }
    discardIdle()
  }

  private func discardIdle() {
    let old = state.withLock { state in
      defer { state.idle = [] }
      return state.idle
    }
    _ = old  // closed outside of the lock
  }
}
