import HTTPTestKit
import Synchronization
import Testing

@testable import HTTPServing

@Suite struct RateLimiterTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func aBucketGivesItsBurstAndThenItsRate() {
    var buckets = TokenBuckets<String>(.init(perSecond: 10, burst: 3), keysMax: 10)
    #expect((0..<3).map { _ in buckets.admit("a", now: 0) } == [nil, nil, nil])
    #expect(buckets.admit("a", now: 0) == 100_000_000)
    #expect(buckets.admit("a", now: 40_000_000) == 60_000_000)
    #expect(buckets.admit("a", now: 100_000_000) == nil && buckets.admit("a", now: 100_000_000) != nil)
    #expect(buckets.admit("b", now: 0) == nil)
    // After a pause the burst is there again, and not more.
    #expect((0..<4).map { _ in buckets.admit("a", now: 60 * Self.second) == nil } == [true, true, true, false])
  }

  /// Whatever the arrivals, no more pass than the burst and the rate allow.
  @Test func theNumberOfRequestsIsBounded() {
    var buckets = TokenBuckets<Int>(.init(perSecond: 50, burst: 20), keysMax: 1)
    let passed = (0..<10_000).count { buckets.admit(1, now: UInt64($0) * Self.second / 1000) == nil }
    #expect(passed == 20 + 499 || passed == 20 + 500)
  }

  @Test func fullBucketsAreForgottenAndTheRestShareOne() {
    var buckets = TokenBuckets<Int>(.init(perSecond: 1, burst: 2), keysMax: 100)
    for key in 0..<100 { #expect(buckets.admit(key, now: 0) == nil) }
    // Those beyond the table: two of them pass, as if they were one caller.
    #expect((100..<105).count { buckets.admit($0, now: 0) == nil } == 2)
    #expect(buckets.count == 100)
    #expect(buckets.admit(0, now: 0) == nil && buckets.admit(0, now: 0) != nil)
    // Now the others are full again.
    #expect(buckets.admit(500, now: 1_500_000_000) == nil && buckets.count == 2)
    #expect(buckets.admit(0, now: 1_500_000_000) == nil)
  }

  private final class Clock: Sendable { let now = Atomic<UInt64>(second) }

  private func router(_ limiter: RateLimiter, _ access: AccessControl = .everyone) -> Router {
    var policy = RouterPolicy(access: access)
    policy.limiter = limiter
    var router = Router(policy: policy)
    router.add("GET", "/list") { _ in .now(.text("list")) }
    router.add("GET", "/livez", options: RouteOptions(requirement: .probe)) { _ in .now(.text("ok")) }
    return router
  }

  private func status(_ router: Router, _ path: String = "/list", from address: String = "10.0.0.1", token: String? = nil) throws -> Int {
    var request = HTTPRequest("GET", path)
    request.caller.address = ClientAddress(address)
    if let token { request.headers["authorization"] = "Bearer \(token)" }
    guard case .now(let response) = router.answer(request) else { throw CancellationError() }
    if response.status == 429 { #expect(response.header("Retry-After").flatMap { Int($0) }.map { $0 > 0 } == true) }
    return response.status
  }

  @Test func callersAreLimitedByAddressAndProbesNever() throws {
    let clock = Clock()
    let router = router(RateLimiter(perSecond: 0.5, burst: 1) { clock.now.load(ordering: .relaxed) })
    #expect(try status(router) == 200 && status(router) == 429)
    #expect(try status(router, from: "10.0.0.2") == 200 && status(router, "/livez") == 200 && status(router, "/livez") == 200)
    // One client has as many addresses as its network of IPv6.
    #expect(try status(router, from: "2001:db8::1") == 200 && status(router, from: "2001:db8::2") == 429)
    #expect(try status(router, from: "2001:db8:0:1::2") == 200)
    clock.now.add(2 * Self.second, ordering: .relaxed)
    #expect(try status(router) == 200)
  }

  @Test func tokensHaveALimitEachWhereverTheyComeFrom() throws {
    let (a, b) = (try AccessToken.make(name: "a", role: .read), try AccessToken.make(name: "b", role: .read))
    let file = try TemporaryFile("\(a.line)\n\(b.line)")
    let tokens = try AccessTokenFile(key: "k", path: file.path, log: .disabled) { try String(contentsOfFile: $0, encoding: .utf8) }
    let router = router(RateLimiter(perSecond: 0.001, burst: 1), .tokens(tokens))
    #expect(try status(router, token: a.token) == 200 && status(router, from: "10.0.0.9", token: a.token) == 429)
    #expect(try status(router, token: b.token) == 200)
    // Guessing is limited by address.
    #expect(try status(router, from: "10.0.0.7", token: "guess") == 401 && status(router, from: "10.0.0.7", token: "again") == 429)
  }

  @Test func theServerTellsTheLimiterTheAddress() throws {
    var policy = RouterPolicy()
    policy.limiter = RateLimiter(perSecond: 0.001, burst: 1)
    let server = try TestServer(
      policy: policy,
      {
        $0.trustedProxies = [ClientAddress("127.0.0.1")!]
      }
    ) {
      $0.add("GET", "/who") { .now(.text($0.caller.label)) }
    }
    let client = try server.client()
    #expect(client.request("GET", "/who", ["X-Forwarded-For: 6.6.6.6, 10.1.2.3"])?.body == "10.1.2.3")
    let refused = client.request("GET", "/who", ["X-Forwarded-For: 7.7.7.7, 10.1.2.3"])
    #expect(
      refused?.status == 429 && refused?.headers["retry-after"] != nil && refused?.body.contains(#""code":"too_many_requests""#) == true)
    #expect(client.request("GET", "/who", ["X-Forwarded-For: 10.1.2.4"])?.body == "10.1.2.4")
    #expect(client.get("/who")?.body == "127.0.0.1")
  }
}
