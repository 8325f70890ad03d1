import Synchronization

/// What the callbacks of one server share.
final class ServerContext: Sendable {
  let configuration: HTTPServerConfiguration
  let router: Router
  let waitingRoom: WaitingRoom
  private let inFlight = Atomic<Int>(0)

  init(_ configuration: HTTPServerConfiguration, _ router: Router) {
    self.configuration = configuration
    self.router = router
    waitingRoom = WaitingRoom(guestsMax: configuration.waitingMax)
  }

  var requestsInFlight: Int { inFlight.load(ordering: .acquiring) }
  func requestBegins() { inFlight.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  func requestEnds() { inFlight.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
}
