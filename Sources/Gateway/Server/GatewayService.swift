import HTTPServing
import ItemMetadata
import RedisPublishing
import StreamingRecommender
import Telemetry

/// What the handlers of all routes share.
final class GatewayService: Sendable {
  let configuration: GatewayConfiguration
  let store: GatewayStore
  let metrics: GatewayMetrics
  let audit: AuditLog
  let log: Log
  let events: (any RecordSink)?
  let items: (any RecordSink)?
  /// `nil` where the gateway does not know the engine.
  let engine: EngineDesk?
  let decoder: InteractionDecoder
  let filters = FilterCache()
  let scratch = ScratchPool()
  let mirror: ItemMirror
  let signer: RecommendationSigner
  /// Of addresses that send beacons.
  let beaconLimiter: RateLimiter?

  init(
    _ configuration: GatewayConfiguration, store: GatewayStore, metrics: GatewayMetrics, audit: AuditLog, log: Log,
    events: (any RecordSink)?, items: (any RecordSink)?, engine: EngineDesk.Ask?
  ) {
    self.configuration = configuration
    self.store = store
    self.metrics = metrics
    self.audit = audit
    self.log = log
    self.events = events
    self.items = items
    self.engine = engine.map { EngineDesk($0) }
    decoder = InteractionDecoder(configuration.input)
    mirror = ItemMirror(store)
    beaconLimiter = configuration.beacon.map { RateLimiter(perSecond: $0.ratePerSecond, burst: max(1, 5 * $0.ratePerSecond)) }
    signer = RecommendationSigner(key: configuration.recommendationKey)
  }

  /// Reads from Redis; a failure is a problem that says how to go on.
  func reading<Value>(_ body: () throws -> Value) throws(Problem) -> Value {
    do { return try body() } catch let problem as Problem { throw problem } catch {
      throw Problem(
        .unavailable, "Redis does not answer: \(error)",
        fix: "try again in a second; popular items are served meanwhile (GET /v1/popular)", headers: [.init("Retry-After", "1")])
    }
  }

  /// - Parameter other: the store of another namespace.
  func withMaker<Value>(in other: GatewayStore? = nil, _ body: (ListMaker) -> Value) -> Value {
    let view = (other ?? store).view
    return scratch.withScratch { body(maker(view, $0)) }
  }

  func maker(_ view: ServingView, _ scratch: ScoringScratch) -> ListMaker {
    var maker = ListMaker(
      view: view, countDefault: configuration.countDefault, now: WallClock.milliseconds(), filters: filters, scratch: scratch)
    maker.armRules = store.view.experiments.armRules
    maker.showsPopularWhenEmpty = configuration.showsPopularWhenEmpty
    return maker
  }

  /// The object of a JSON body.
  static func members(of body: [UInt8]) throws(Problem) -> [JSONValue.Member] {
    let value: JSONValue
    do throws(JSONReader.Fault) { value = try JSONReader.value(body) } catch {
      throw Problem(.body, "the body is no JSON: \(error.message)", fix: "send one JSON object", position: error.position)
    }
    guard case .object(let members) = value else {
      throw Problem(.body, "the body is no JSON object", fix: "send one JSON object", position: 0)
    }
    return members
  }
}
