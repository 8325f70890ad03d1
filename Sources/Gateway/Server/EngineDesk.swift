import Dispatch
import HTTPServing
import Synchronization

/// Passes questions on to the engine. No thread of the server waits for it, so that an engine that hangs holds up no lists.
final class EngineDesk: Sendable {
  /// Asks and waits; the answer is passed on as it is.
  typealias Ask = @Sendable (EngineQuestion) throws(Problem) -> HTTPResponse

  /// Questions that wait for the engine at the same time.
  static let waitingMax = 8

  private let ask: Ask
  private let waiting = Atomic<Int>(0)
  private let queue = DispatchQueue(label: "gateway.engine", attributes: .concurrent)

  init(_ ask: @escaping Ask) { self.ask = ask }

  func answer(_ question: EngineQuestion) throws(Problem) -> HTTPAnswer {
    guard waiting.add(1, ordering: .relaxed).oldValue < Self.waitingMax else {
      waiting.subtract(1, ordering: .relaxed)
      throw Problem(
        .unavailable, "\(Self.waitingMax) questions wait for the engine already", fix: "try again in a second",
        headers: [.init("Retry-After", "1")])
    }
    return .pushed { [self] complete in
      queue.async { [self] in
        let response: HTTPResponse
        do throws(Problem) { response = try ask(question) } catch { response = error.response }
        waiting.subtract(1, ordering: .relaxed)
        complete(response)
      }
    }
  }
}
