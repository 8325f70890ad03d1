import Dispatch
import Foundation

/// Handles SIGINT and SIGTERM on a queue; a second SIGINT ends the process immediately.
final class Signals {
  private var sources: [any DispatchSourceSignal] = []
  private let stop = DispatchSemaphore(value: 0)
  private let queue = DispatchQueue(label: "freshet.signals")

  init(
    onSnapshot: @escaping @Sendable () -> Void, onRetrain: @escaping @Sendable () -> Void,
    onHangUp: (@Sendable () -> Void)? = nil
  ) {
    let stop = self.stop
    let counter = Counter()
    for number in [SIGINT, SIGTERM] {
      on(number) {
        // Only SIGINT ends at once when repeated: a user sends it, whereas programs may send SIGTERM more than once.
        if number == SIGINT, counter.next() > 1 { _exit(1) }
        stop.signal()
      }
    }
    on(SIGUSR1, onSnapshot)
    on(SIGUSR2, onRetrain)
    if let onHangUp { on(SIGHUP, onHangUp) }
  }

  /// A lost terminal or a reload that comes too early must not end a service that is still starting.
  static func ignoreHangUp() { signal(SIGHUP, SIG_IGN) }

  /// Accessed only on the signal queue.
  private final class Counter: @unchecked Sendable {
    private var count = 0
    func next() -> Int {
      count += 1
      return count
    }
  }

  private func on(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    source.setEventHandler(handler: DispatchWorkItem(block: body))
    source.resume()
    sources.append(source)
  }

  /// Waits at most `seconds` for SIGINT or SIGTERM; returns whether one was received.
  func waitForStop(seconds: Double) -> Bool { stop.wait(timeout: .now() + seconds) == .success }
}
