import Synchronization

/// What the callbacks of one server share.
final class ServerContext: Sendable {
  let configuration: HTTPServerConfiguration
  let router: Router
  let pendingResponses: PendingResponses
  let pushedResponses: PushedResponses
  let connections: ConnectionTable
  let compressor: GzipCompressor
  let tls: TLSCredentialStore?
  private let inFlight = Atomic<Int>(0)
  private let bodyBytes = Atomic<Int>(0)

  init(_ configuration: HTTPServerConfiguration, _ router: Router, tls: TLSCredentials?) {
    self.configuration = configuration
    self.router = router
    self.tls = tls.map(TLSCredentialStore.init)
    pendingResponses = PendingResponses(countMax: configuration.waitingMax)
    pushedResponses = PushedResponses(countMax: configuration.pushedMax, secondsMax: configuration.pushedSecondsMax)
    compressor = GzipCompressor(idleMax: configuration.threads)
    connections = ConnectionTable(
      limit: max(1, configuration.connectionsMax - configuration.connectionsReserved), headSecondsMax: configuration.headSecondsMax,
      bodySecondsMax: configuration.bodySecondsMax)
  }

  var requestsInFlight: Int { inFlight.load(ordering: .acquiring) }
  func requestBegins() { inFlight.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  func requestEnds() { inFlight.wrappingSubtract(1, ordering: .acquiringAndReleasing) }

  /// Counts bytes of bodies that are in memory; false, and not counted, if they would be too many.
  func holdsBody(_ count: Int) -> Bool {
    let total = bodyBytes.add(count, ordering: .relaxed).newValue
    guard total > configuration.bodiesBytesMax else { return true }
    releasesBody(count)
    return false
  }

  func releasesBody(_ count: Int) {
    if count > 0 { bodyBytes.subtract(count, ordering: .relaxed) }
  }
}
