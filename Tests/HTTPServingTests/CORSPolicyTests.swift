import HTTPServing
import HTTPTestKit
import Testing

@Suite struct CORSPolicyTests {
  private func makeServer(_ cors: CORSPolicy, access: AccessControl = .everyone, ofRoute: CORSPolicy? = nil) throws -> TestServer {
    var policy = RouterPolicy(access: access)
    policy.cors = cors
    return try TestServer(policy: policy) { router in
      router.add("GET", "/list") { _ in .now(.text("list")) }
      var options = RouteOptions()
      options.cors = ofRoute
      router.add("POST", "/events", options: options) { _ in .now(.empty()) }
    }
  }

  private static let preflight = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"]
  private static let shop = "https://shop.example"

  @Test func aListedOriginMayAskAndRead() throws {
    let client = try makeServer(CORSPolicy(origins: [Self.shop, "http://localhost:3000"])).client()
    let asked = client.request("OPTIONS", "/events", ["Origin: \(Self.shop)"] + Self.preflight)
    #expect(asked?.status == 204 && asked?.headers["access-control-allow-origin"] == Self.shop)
    #expect(asked?.headers["access-control-allow-methods"] == "POST, OPTIONS" && asked?.headers["access-control-max-age"] == "600")
    #expect(asked?.headers["access-control-allow-headers"]?.contains("Authorization") == true && asked?.headers["vary"] == "Origin")
    let got = client.request("GET", "/list", ["Origin: HTTP://LOCALHOST:3000"])
    #expect(got?.status == 200 && got?.headers["access-control-allow-origin"] == "HTTP://LOCALHOST:3000")
    #expect(got?.headers["access-control-allow-credentials"] == nil)
    // A page must be able to read what went wrong.
    #expect(client.request("GET", "/nowhere", ["Origin: \(Self.shop)"])?.headers["access-control-allow-origin"] == Self.shop)
  }

  @Test(arguments: ["https://evil.example", "null", "http://shop.example", "https://shop.example.evil", "https://shop.example:8443"])
  func anotherOriginGetsNothing(origin: String) throws {
    let client = try makeServer(CORSPolicy(origins: [Self.shop])).client()
    for response in [
      client.request("OPTIONS", "/events", ["Origin: \(origin)"] + Self.preflight), client.request("GET", "/list", ["Origin: \(origin)"]),
    ] {
      #expect(response?.headers.keys.contains { $0.hasPrefix("access-control") } == false && response?.headers["vary"] == "Origin")
    }
  }

  @Test func withoutOriginsNothingIsAdded() throws {
    let client = try makeServer(.none).client()
    let response = client.request("OPTIONS", "/events", ["Origin: \(Self.shop)"] + Self.preflight)
    #expect(response?.status == 204 && response?.headers["allow"] == "POST, OPTIONS")
    #expect(response?.headers.keys.contains { $0.hasPrefix("access-control") || $0 == "vary" } == false)
  }

  @Test func allOriginsNeverComeWithCredentials() throws {
    let response = try makeServer(CORSPolicy(origins: ["*"])).client().request("GET", "/list", ["Origin: \(Self.shop)"])
    #expect(response?.headers["access-control-allow-origin"] == "*" && response?.headers["access-control-allow-credentials"] == nil)
    #expect(throws: CORSPolicy.Fault.self) { try CORSPolicy(origins: ["*"], allowsCredentials: true) }
    #expect(throws: CORSPolicy.Fault.self) { try CORSPolicy(origins: ["*", Self.shop]) }
    let named = try makeServer(CORSPolicy(origins: [Self.shop], allowsCredentials: true)).client()
      .request("GET", "/list", ["Origin: \(Self.shop)"])
    #expect(named?.headers["access-control-allow-credentials"] == "true")
  }

  @Test(arguments: ["shop.example", "https://", "https://shop.example/", "https://a b", "ftp://shop.example", "", "https://*.example"])
  func whatIsNoOriginIsRefusedWithAnExample(origin: String) {
    let fault = #expect(throws: CORSPolicy.Fault.self) { try CORSPolicy(origins: [origin]) }
    #expect(fault?.description.contains("https://shop.example") == true)
  }

  @Test func aRouteMayHaveItsOwnOrigins() throws {
    let client = try makeServer(.none, ofRoute: CORSPolicy(origins: [Self.shop])).client()
    #expect(
      client.request("OPTIONS", "/events", ["Origin: \(Self.shop)"] + Self.preflight)?.headers["access-control-allow-origin"] == Self.shop)
    #expect(client.request("GET", "/list", ["Origin: \(Self.shop)"])?.headers["access-control-allow-origin"] == nil)
  }

  @Test func aListedOriginMayChangeThingsOnThisMachineAndOthersMayNot() throws {
    let client = try makeServer(CORSPolicy(origins: [Self.shop]), access: .thisMachine).client()
    #expect(client.request("POST", "/events", ["Origin: \(Self.shop)"], body: "")?.status == 204)
    #expect(client.request("POST", "/events", ["Origin: https://evil.example"], body: "")?.status == 403)
    // To let all pages read is not to let them change things.
    let open = try makeServer(CORSPolicy(origins: ["*"]), access: .thisMachine).client()
    #expect(open.request("GET", "/list", ["Origin: \(Self.shop)"])?.headers["access-control-allow-origin"] == "*")
    #expect(open.request("POST", "/events", ["Origin: \(Self.shop)"], body: "")?.status == 403)
  }
}
