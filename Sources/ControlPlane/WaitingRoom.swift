import Dispatch
import Synchronization

/// Holds the requests that wait for something, so that the server's threads do not.
final class WaitingRoom: Sendable {
  struct Guest: Sendable {
    let later: LaterResponse
    let deliver: @Sendable (HTTPResponse) -> Void
  }

  private struct State {
    var guests: [Guest] = []
    var isTicking = false
    var isClosed = false
  }

  static let intervalMilliseconds = 50
  private let guestsMax: Int
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "control-plane.waiting")

  init(guestsMax: Int) { self.guestsMax = guestsMax }

  var guests: Int { state.withLock { $0.guests.count } }

  /// Takes the guest in, whose response comes through `deliver`; false if there is no place.
  func admit(_ guest: Guest) -> Bool {
    state.withLock { state in
      guard !state.isClosed, state.guests.count < guestsMax else { return false }
      state.guests.append(guest)
      if !state.isTicking {
        state.isTicking = true
        scheduleTick()
      }
      return true
    }
  }

  /// Sends everybody home and lets nobody in any more.
  func close() {
    state.withLock { state in
      state.isClosed = true
      for guest in state.guests { guest.deliver(guest.later.instead()) }
      state.guests = []
    }
  }

  private func scheduleTick() {
    queue.asyncAfter(deadline: .now() + .milliseconds(Self.intervalMilliseconds)) { [weak self] in self?.tick() }
  }

  /// Delivers under the lock: whoever closes the room afterwards knows that no delivery is under way.
  private func tick() {
    state.withLock { state in
      state.guests.removeAll { guest in
        guard let response = guest.later.poll() else { return false }
        guest.deliver(response)
        return true
      }
      state.isTicking = !state.guests.isEmpty
      if state.isTicking { scheduleTick() }
    }
  }
}
