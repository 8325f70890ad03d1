import Synchronization

/// What the callbacks of one server share.
final class ServerContext: Sendable {
  let configuration: HTTPServerConfiguration
  let router: Router
  let pendingResponses: PendingResponses
  let connections: ConnectionTable
  private let inFlight = Atomic<Int>(0)

  init(_ configuration: HTTPServerConfiguration, _ router: Router) {
    self.configuration = configuration
    self.router = router
    pendingResponses = PendingResponses(countMax: configuration.waitingMax)
    connections = ConnectionTable(
      limit: max(1, configuration.connectionsMax - configuration.connectionsReserved), headSecondsMax: configuration.headSecondsMax,
      bodySecondsMax: configuration.bodySecondsMax)
  }

  var requestsInFlight: Int { inFlight.load(ordering: .acquiring) }
  func requestBegins() { inFlight.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  func requestEnds() { inFlight.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
}
