import Foundation
import HTTPServing
import HTTPTestKit
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

/// Probes and metrics on a server of their own.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct ProbeTests {
  private static func tokens() throws -> (file: AccessTokenFile, token: String) {
    let made = try AccessToken.make(name: "shop", role: .read)
    return (try AccessTokenFile(key: "gateway.token_file", path: "/dev/null", log: .disabled) { _ in made.line }, made.token)
  }

  @Test func probesNeedNoTokenAndNothingElseIsThere() throws {
    let (file, token) = try Self.tokens()
    let fixture = try ServerFixture(publishes: false) { configuration in
      configuration.policy.access = .tokens(file)
      configuration.probes = .probes(listen: "127.0.0.1:0")
    }
    let port = try #require(fixture.server.probesPort)
    func probe(_ path: String) throws -> Int? { try RawClient(port: port).get(path)?.status }
    #expect(try probe("/livez") == 200)
    // Nothing is published yet.
    #expect(try probe("/readyz") == 503 && probe("/startupz") == 503)
    try fixture.redis.publish(&fixture.engine)
    #expect(try eventually { try probe("/readyz") == 200 })
    #expect(try probe("/startupz") == 200)
    let metrics = try #require(try RawClient(port: port).get("/metrics"))
    #expect(metrics.status == 200 && metrics.body.contains("freshet_gateway_ready 1"))
    for path in ["/v1/recommend/u1", "/v1/popular", "/v1/openapi.json", "/v1/rules"] { #expect(try probe(path) == 404, "\(path)") }

    // The main server asks for a token as before, except for whether it lives.
    #expect(try fixture.get("/livez").status == 200)
    for path in ["/readyz", "/startupz", "/metrics", "/v1/popular"] {
      #expect(try fixture.get(path).status == 401, "\(path)")
      #expect(try fixture.get(path, headers: "Authorization: Bearer \(token)\r\n").status == 200, "\(path)")
    }
  }

  @Test func aHostOfAnotherNameMayProbe() throws {
    let fixture = try ServerFixture(publishes: false) { $0.probes = .probes(listen: "127.0.0.1:0") }
    let client = try RawClient(port: try #require(fixture.server.probesPort))
    client.send("GET /livez HTTP/1.1\r\nHost: freshet-gateway-0.shop.svc:9465\r\n\r\n")
    #expect(client.receive()?.status == 200)
  }

  @Test func anAddressInUseNamesTheKey() throws {
    let fixture = try ServerFixture(publishes: false)
    let error = #expect(throws: HTTPServerError.self) {
      _ = try ServerFixture(publishes: false) { $0.probes = .probes(listen: "127.0.0.1:\(fixture.server.port)") }
    }
    #expect(error?.description.contains("probes.listen=127.0.0.1") == true, "\(String(describing: error))")
  }

  /// A user who has used every item has a row and no list.
  @Test(arguments: [true, false]) func whoHasUsedEveryItemGetsWhatTheEngineIsSetTo(showsPopular: Bool) throws {
    let fixture = try ServerFixture { $0.showsPopularWhenEmpty = showsPopular }
    let user = try #require(fixture.engine.user("u5"))
    var all = fixture.engine.recommendations(user, epoch: fixture.engine.engine.model!.epoch)
    all.list.items = []
    all.row?.seen = (0..<Int32(fixture.engine.engine.state.catalogue.items.capacity)).map { $0 }
    try fixture.redis.publish([.user(all)])
    for path in ["/v1/recommend/u5", "/v1/recommend/u5?explain=true"] {
      let answer = try fixture.get(path).json
      #expect(answer.ids.isEmpty != showsPopular && answer["source"].text == (showsPopular ? "popular" : "none"), "\(path)")
    }
    #expect(try fixture.get("/v1/recommend/nobody").json.ids.count == 10)
    #expect(try fixture.get("/v1/recommend/u6").json.ids.count == 10)
  }
}
