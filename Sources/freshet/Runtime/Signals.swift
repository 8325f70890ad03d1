import Dispatch
import Foundation

/// Signals as calls on a queue; a second INT ends the process at once.
final class Signals {
  private var sources: [any DispatchSourceSignal] = []
  private let stop = DispatchSemaphore(value: 0)
  private let queue = DispatchQueue(label: "freshet.signals")

  init(onSnapshot: @escaping @Sendable () -> Void, onRetrain: @escaping @Sendable () -> Void) {
    let stop = self.stop
    let counter = Counter()
    for number in [SIGINT, SIGTERM] {
      on(number) {
        // A second INT is a person who does not want to wait; TERM comes from programs.
        if number == SIGINT, counter.next() > 1 { _exit(1) }
        stop.signal()
      }
    }
    on(SIGUSR1, onSnapshot)
    on(SIGUSR2, onRetrain)
  }

  /// Touched on the queue of the signals only.
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

  /// Waits for INT or TERM, at most `seconds`; true when one came.
  func waitForStop(seconds: Double) -> Bool { stop.wait(timeout: .now() + seconds) == .success }
}
