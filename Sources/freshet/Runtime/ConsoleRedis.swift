import Dispatch
import Foundation
import OperatorConsole
import Pipeline
import RedisPublishing
import StreamingRecommender
import Synchronization
import Telemetry

/// Reads Redis for the console, over one connection and on a queue of its own: neither the loop nor the server's threads wait for it.
final class ConsoleRedis: Sendable {
  /// Belongs to the queue.
  private final class Connection: @unchecked Sendable { var reader: RedisReader? }

  private struct Memory {
    var answer: Result<ServerMemory, RedisError>?
    var askedNanoseconds: UInt64 = 0
    var isAsking = false
  }

  private let configuration: RecommenderConfiguration.Redis
  private let queue = DispatchQueue(label: "freshet.console.redis", qos: .utility)
  private let connection = Connection()
  private let memory = Mutex(Memory())
  private static let deniedInterval = Duration.seconds(600)

  init(_ configuration: RecommenderConfiguration.Redis) { self.configuration = configuration }

  // MARK: Memory of the server

  /// The newest answer of the server; `nil` before the first.
  var serverMemory: Result<ServerMemory, RedisError>? { memory.withLock { $0.answer } }

  /// Whether the server has answered that this user may not ask; it notes each such attempt.
  private var isDenied: Bool {
    if case .failure(let error) = serverMemory { error.kind == .noperm } else { false }
  }

  /// Asks the server unless that was done less than `interval` ago. Returns at once.
  func refresh(every interval: Duration) {
    let interval = isDenied ? max(interval, Self.deniedInterval) : interval
    let now = MonotonicClock.nanoseconds()
    let isDue = memory.withLock { memory in
      guard !memory.isAsking, memory.askedNanoseconds == 0 || now - memory.askedNanoseconds >= interval.nanoseconds else { return false }
      (memory.isAsking, memory.askedNanoseconds) = (true, now)
      return true
    }
    guard isDue else { return }
    queue.async { [self] in
      let answer = read { try $0.serverMemory() }
      memory.withLock { ($0.answer, $0.isAsking) = (answer, false) }
    }
  }

  // MARK: Look-ups

  /// Calls `body` on the queue, where it may wait and `read`.
  func onQueue(_ body: @escaping @Sendable (ConsoleRedis) -> Void) { queue.async { body(self) } }

  /// Only on the queue. A connection that failed is opened again at the next use.
  func read<Found>(_ work: (RedisReader) throws -> Found) -> Result<Found, RedisError> {
    do {
      let reader = try connection.reader ?? RedisReader(configuration)
      connection.reader = reader
      return .success(try work(reader))
    } catch let error as RedisError {
      if error.policy == .dropConnection { connection.reader = nil }
      return .failure(error)
    } catch {
      connection.reader = nil
      return .failure(RedisError(.other, "\(error)"))
    }
  }
}
