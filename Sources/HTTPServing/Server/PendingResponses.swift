import Dispatch
import Synchronization

/// Polls for the responses of suspended requests, so that no server thread waits for them.
final class PendingResponses: Sendable {
  struct Entry: Sendable {
    let later: LaterResponse
    let deliver: @Sendable (HTTPResponse) -> Void
  }

  private struct State {
    var entries: [Entry] = []
    var isPolling = false
    var isClosed = false
  }

  static let intervalMilliseconds = 50
  private let countMax: Int
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "http.waiting")

  init(countMax: Int) { self.countMax = countMax }

  /// Polls for this response until there is one, and delivers it; false if too many requests wait already.
  func add(_ entry: Entry) -> Bool {
    state.withLock { state in
      guard !state.isClosed, state.entries.count < countMax else { return false }
      state.entries.append(entry)
      if !state.isPolling {
        state.isPolling = true
        schedulePoll()
      }
      return true
    }
  }

  /// Delivers the replacement responses of all waiting requests and accepts no more.
  func close() {
    state.withLock { state in
      state.isClosed = true
      for entry in state.entries { entry.deliver(entry.later.instead()) }
      state.entries = []
    }
  }

  private func schedulePoll() {
    queue.asyncAfter(deadline: .now() + .milliseconds(Self.intervalMilliseconds)) { [weak self] in self?.poll() }
  }

  /// Delivers under the lock, so that no delivery is under way when `close` returns.
  private func poll() {
    state.withLock { state in
      state.entries.removeAll { entry in
        guard let response = entry.later.poll() else { return false }
        entry.deliver(response)
        return true
      }
      state.isPolling = !state.entries.isEmpty
      if state.isPolling { schedulePoll() }
    }
  }
}
