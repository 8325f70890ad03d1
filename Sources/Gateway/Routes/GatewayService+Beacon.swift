import HTTPServing
import StreamingRecommender
import Telemetry

// Events that web pages send by themselves.
extension GatewayService {
  static let beaconBody = RouteBody(
    ["text/plain", "application/x-www-form-urlencoded", "application/json"].map { RouteBody.Form($0, .string()) },
    "JSON, whatever the media type: `{\"key\": ..., \"signature\": ..., \"events\": [...]}`.", sizeMax: BeaconMessage.bytesMax)

  var beaconRoute: GatewayRoute {
    GatewayRoute(
      "POST", "/v1/beacon", id: "postBeacon", tag: "Events", summary: "Takes events from web pages.",
      details: """
        For `navigator.sendBeacon`. The key is one of the gateway's file, and the page's origin one of the key's. Ids of users that do not \
        begin with `\(BeaconMessage.anonymousPrefix)` need a signature of the shop. Events of robots are counted and not written.
        """,
      requirement: .nothing, body: Self.beaconBody, responses: [RouteResponse(204, "The broker has the events.")],
      problems: [.events, .forbidden, .tooManyRequests, .notConfigured, .unavailable], cors: CORSPolicy.none, handler: postBeacon)
  }

  func postBeacon(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    guard let beacon = configuration.beacon, let beaconLimiter else {
      throw Problem(.notConfigured, "this gateway takes no events from web pages", fix: "set gateway.beacon_file")
    }
    let sink = try sink(events, "events", "gateway.writes")
    try beaconLimiter.admit(Caller(address: request.caller.address))
    let message = try BeaconMessage(try Self.members(of: request.body))
    let pages = try Self.pages(message.key, request.headers["origin"], beacon.keys.current)
    let now = WallClock.milliseconds()
    let batch = EventBatch(message.events, of: message.bytes, decoder, nowMilliseconds: now)
    guard batch.faults.isEmpty else {
      metrics.beaconEvents(message.events.count, "rejected")
      throw Self.refusal(batch, isPartial: true)
    }
    do { try message.checkUsers(of: batch, secret: beacon.secret, now: now) } catch {
      metrics.beaconEvents(message.events.count, "rejected")
      throw error
    }
    let done = HTTPResponse.empty(204, headers: pages.headers(request))
    guard !BotAgent.isBot(request.headers["user-agent"]) else {
      metrics.beaconEvents(message.events.count, "bot")
      return .now(done)
    }
    guard !batch.records.isEmpty else { return .now(done) }
    let metrics = metrics
    return .pushed { complete in
      sink.send(batch.records) { outcome in
        metrics.beaconEvents(batch.records.count, outcome == .delivered ? "accepted" : "failed")
        complete(Self.response(outcome, "events", done))
      }
    }
  }

  /// The pages of the key, if the page that sends is one of them.
  private static func pages(_ key: String, _ origin: String?, _ keys: BeaconKeys?) throws(Problem) -> CORSPolicy {
    guard let keys else {
      throw Problem(
        .unavailable, "the keys cannot be read, so nobody is let in", fix: "see the server's log", headers: [.init("Retry-After", "5")])
    }
    guard let pages = keys.pages(key) else {
      throw Problem(.forbidden, "there is no key \(key.prefix(64))", fix: "use a key of gateway.beacon_file")
    }
    guard let origin, pages.allows(origin) else {
      throw Problem(
        .forbidden, "pages of \(origin?.prefix(200) ?? "no origin") may not use the key \(key)",
        fix: "add the origin to the key in gateway.beacon_file")
    }
    return pages
  }
}
