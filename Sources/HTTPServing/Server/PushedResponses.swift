import Synchronization
import Telemetry

/// The suspended requests whose responses somebody else gives.
///
/// Each is answered exactly once, by whoever is first: the one who has the response, the deadline, or the end of the server. Delivery is
/// under the lock, so that none is under way when `close` returns.
final class PushedResponses: Sendable {
  typealias Deliver = @Sendable (HTTPResponse) -> Void

  private struct Entry: Sendable {
    let push: PushedResponse
    let deliver: Deliver
    let deadline: UInt64
  }

  private struct State: Sendable {
    var entries: [UInt64: Entry] = [:]
    var next: UInt64 = 0
    var isClosed = false
  }

  /// The right to answer one request. If nobody holds it any more, nobody will answer.
  private final class Promise: Sendable {
    let number: UInt64
    let responses: PushedResponses

    init(_ number: UInt64, _ responses: PushedResponses) {
      self.number = number
      self.responses = responses
    }

    deinit { responses.complete(number, with: nil) }
  }

  private let countMax: Int
  private let nanosecondsMax: UInt64
  private let state = Mutex(State())

  init(countMax: Int, secondsMax: Int) {
    self.countMax = countMax
    nanosecondsMax = UInt64(secondsMax) * 1_000_000_000
  }

  var count: Int { state.withLock { $0.entries.count } }

  /// Starts a request whose connection is suspended; `deliver` is called once, now or later.
  func start(_ push: PushedResponse, now: UInt64 = MonotonicClock.nanoseconds(), deliver: @escaping Deliver) {
    let number = state.withLock { state -> UInt64? in
      guard !state.isClosed, state.entries.count < countMax else { return nil }
      state.next += 1
      state.entries[state.next] = Entry(push: push, deliver: deliver, deadline: now + nanosecondsMax)
      return state.next
    }
    guard let number else { return deliver(push.conclude(push.instead())) }
    let promise = Promise(number, self)
    push.start { promise.responses.complete(promise.number, with: $0) }
  }

  /// - Parameter response: `nil` for the one instead.
  private func complete(_ number: UInt64, with response: HTTPResponse?) {
    // The entry is released after the lock, because that may release further promises.
    _ = state.withLock { state -> Entry? in
      guard let entry = state.entries.removeValue(forKey: number) else { return nil }
      entry.deliver(entry.push.conclude(response ?? entry.push.instead()))
      return entry
    }
  }

  /// Answers the requests that have waited for too long.
  func endOverdue(now: UInt64 = MonotonicClock.nanoseconds()) {
    for number in state.withLock({ state in state.entries.filter { now >= $0.value.deadline }.map(\.key) }) {
      complete(number, with: nil)
    }
  }

  /// Answers all and accepts no more.
  func close() {
    let numbers = state.withLock { state in
      state.isClosed = true
      return Array(state.entries.keys)
    }
    for number in numbers { complete(number, with: nil) }
  }
}
