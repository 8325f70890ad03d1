import Foundation
import HTTPServing
import HTTPTestKit
import Synchronization
import Telemetry
import Testing

@testable import Gateway

/// Events from web pages.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct BeaconTests {
  private static let secret = Array("a secret of the shop".utf8)
  private static let browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
  static let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  private static func fixture(
    _ keys: String = "shop-web https://shop.example", secret: [UInt8]? = secret, rate: Double = 1_000
  ) throws -> ServerFixture {
    let file = try WatchedFile(key: "gateway.beacon_file", path: "/dev/null", noun: "keys", log: .disabled) { _ in
      try BeaconKeys(parsing: keys)
    }
    return try ServerFixture(publishes: false) {
      $0.beacon = BeaconConfiguration(keys: file, secret: secret, ratePerSecond: rate)
    }
  }

  private static func headers(
    origin: String? = "https://shop.example", agent: String? = browser, type: String = "text/plain;charset=UTF-8"
  ) -> String {
    "Content-Type: \(type)\r\n" + (origin.map { "Origin: \($0)\r\n" } ?? "") + (agent.map { "User-Agent: \($0)\r\n" } ?? "")
  }

  private static func body(_ user: String, key: String = "shop-web", signature: String? = nil, item: String = "i1") -> String {
    let signed = signature.map { #""signature":"\#($0)","# } ?? ""
    return #"{"key":"\#(key)",\#(signed)"events":[{"user_id":"\#(user)","item_id":"\#(item)","event_type":"interaction"}]}"#
  }

  private static func signature(_ user: String, days: Int64 = 0) -> String {
    BeaconSignature.text(Array(user.utf8), milliseconds: WallClock.milliseconds() + days * 86_400_000, secret: secret)
  }

  private static func values(_ fixture: ServerFixture) -> [String] {
    fixture.events.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
  }

  private static func count(_ fixture: ServerFixture, _ result: String) throws -> Int {
    let page = try #require(try fixture.client().get("/metrics")?.body)
    let line = page.split(separator: "\n").first { $0.hasPrefix("freshet_gateway_beacon_events_total{result=\"\(result)\"}") }
    return Int(line?.split(separator: " ").last ?? "") ?? -1
  }

  @Test func anonymousEventsAreWrittenWhateverTheMediaType() throws {
    let fixture = try Self.fixture()
    for type in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/json"] {
      let answer = try fixture.send("POST", "/v1/beacon", Self.body("anon-7"), headers: Self.headers(type: type))
      #expect(answer.status == 204, "\(type): \(answer)")
      #expect(answer.headers["access-control-allow-origin"] == "https://shop.example")
    }
    #expect(fixture.events.records.count == 3 && fixture.events.records.allSatisfy { $0.key == Array("anon-7".utf8) })
    #expect(Self.values(fixture)[0] == #"{"user_id":"anon-7","item_id":"i1","event_type":"interaction"}"#)
    #expect(try Self.count(fixture, "accepted") == 3)
  }

  @Test func keysAndOriginsBelongTogether() throws {
    let fixture = try Self.fixture("shop-web https://shop.example\nother-web https://other.example https://www.other.example:8443")
    func status(_ key: String, _ origin: String?) throws -> Int {
      try fixture.send("POST", "/v1/beacon", Self.body("anon-1", key: key), headers: Self.headers(origin: origin)).status
    }
    #expect(try status("shop-web", "https://shop.example") == 204 && status("other-web", "https://www.other.example:8443") == 204)
    #expect(try status("shop-web", "https://other.example") == 403 && status("other-web", "https://shop.example") == 403)
    #expect(try status("shop-web", nil) == 403 && status("shop-web", "null") == 403)
    #expect(try status("unknown", "https://shop.example") == 403)
    #expect(try status("shop-web", "https://shop.example.evil.example") == 403 && status("shop-web", "http://shop.example") == 403)
    #expect(fixture.events.records.count == 2)
  }

  @Test func usersNeedASignatureOfTheirDay() throws {
    let fixture = try Self.fixture()
    func answer(_ user: String, _ signature: String?) throws -> (status: Int, json: JSON, headers: [String: String]) {
      try fixture.send("POST", "/v1/beacon", Self.body(user, signature: signature), headers: Self.headers())
    }
    #expect(try answer("anna", Self.signature("anna")).status == 204)
    #expect(try answer("anna", Self.signature("anna").uppercased()).status == 204)
    #expect(try answer("anna", Self.signature("anna", days: -1)).status == 204)
    #expect(try answer("anna", nil).status == 403)
    #expect(try answer("anna", Self.signature("ben")).status == 403)
    #expect(try answer("anna", Self.signature("anna", days: -2)).status == 403)
    #expect(try answer("anna", "").status == 403)
    #expect(try answer("ananas", nil).json["fix"].text?.contains("HMAC") == true)
    #expect(fixture.events.records.count == 3)
    // Two users in one request; a merge.
    let two =
      #"{"key":"shop-web","signature":"\#(Self.signature("anna"))","events":[{"user_id":"anna","item_id":"i"},{"user_id":"ben","item_id":"i"}]}"#
    #expect(try fixture.send("POST", "/v1/beacon", two, headers: Self.headers()).status == 403)
    let merge = #"{"key":"shop-web","events":[{"user_id":"anon-1","op":"merge","into":"anna"}]}"#
    #expect(try fixture.send("POST", "/v1/beacon", merge, headers: Self.headers()).status == 403)
    #expect(fixture.events.records.count == 3)
    #expect(try Self.count(fixture, "rejected") == 8)

    let without = try Self.fixture(secret: nil)
    let refused = try without.send(
      "POST", "/v1/beacon", Self.body("anna", signature: Self.signature("anna")), headers: Self.headers())
    #expect(refused.status == 403 && refused.json["fix"].text?.contains("gateway.beacon_secret_file") == true)
  }

  /// The command that the documentation names makes the same signature.
  @Test func opensslMakesTheSameSignature() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", #"printf '%s\0%s' anna 2026-01-31 | openssl dgst -sha256 -hmac 'a secret of the shop'"#]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let own = BeaconSignature.text(Array("anna".utf8), milliseconds: 1_769_848_200_000, secret: Self.secret)
    #expect(text.split(separator: " ").last?.trimmingCharacters(in: .newlines) == own)
  }

  @Test func robotsAreCountedAndNotWritten() throws {
    let fixture = try Self.fixture()
    let robots: [String?] = ["Mozilla/5.0 (compatible; SomeBot/2.1)", "curl/8.5.0", "HeadlessChrome/130", nil]
    for agent in robots {
      #expect(try fixture.send("POST", "/v1/beacon", Self.body("anon-1"), headers: Self.headers(agent: agent)).status == 204)
    }
    #expect(fixture.events.records.isEmpty)
    #expect(try Self.count(fixture, "bot") == 4 && Self.count(fixture, "accepted") == 0)
    for agent in [
      Self.browser, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1",
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ] {
      #expect(!BotAgent.isBot(agent), "\(agent)")
    }
  }

  @Test(arguments: [
    "", "[]", "{", #"{"events":[]}"#, #"{"key":"shop-web"}"#, #"{"key":"shop-web","events":[]}"#, #"{"key":"shop-web","events":[1]}"#,
    #"{"key":7,"events":[{}]}"#, #"{"key":"shop-web","signature":7,"events":[{}]}"#, #"{"key":"shop-web","events":[{}],"more":1}"#,
    #"{"key":"shop-web","events":[{"user_id":"anon-1"}]}"#,
    #"{"key":"shop-web","events":[{"user_id":"anon-1","item_id":"i"},{"item_id":"i"}]}"#,
  ]) func wrongBodiesSayWhatIsWrong(body: String) throws {
    let fixture = try Self.fixture()
    let answer = try fixture.send("POST", "/v1/beacon", body, headers: Self.headers())
    #expect(answer.status == 400 && answer.json["fix"].text?.isEmpty == false, "\(body): \(answer)")
    #expect(fixture.events.records.isEmpty)
  }

  @Test func sizeAndRateAreLimited() throws {
    let fixture = try Self.fixture(rate: 2)
    let large = Self.body("anon-1", item: String(repeating: "x", count: 17_000))
    #expect(try fixture.send("POST", "/v1/beacon", large, headers: Self.headers()).status == 413)
    let statuses = try (0..<14).map { _ in try fixture.send("POST", "/v1/beacon", Self.body("anon-1"), headers: Self.headers()).status }
    #expect(statuses.prefix(10).allSatisfy { $0 == 204 } && statuses.contains(429), "\(statuses)")
    // Lists are not limited by that.
    #expect(try fixture.get("/livez").status == 200)
    fixture.events.answer(.refused("the broker is away"))
    Thread.sleep(forTimeInterval: 0.6)
    #expect(try fixture.send("POST", "/v1/beacon", Self.body("anon-1"), headers: Self.headers()).status == 503)
    let none = try ServerFixture(publishes: false)
    #expect(try none.send("POST", "/v1/beacon", Self.body("anon-1"), headers: Self.headers()).status == 501)
  }

  @Test(arguments: [
    ("", "there is no key"), ("# nothing", "there is no key"), ("shop-web", "line 1"), ("a b c", "line 1"), ("shop web", "line 1"),
    ("good https://a.example\n\nbad https://a.example/path", "line 3"), ("twice https://a.example\ntwice https://b.example", "line 2"),
  ]) func aFileOfKeysThatIsWrongNamesTheLine(text: String, message: String) {
    do throws(BeaconKeys.Fault) {
      _ = try BeaconKeys(parsing: text)
      Issue.record("\(text) was read")
    } catch { #expect(error.description.contains(message), "\(error)") }
  }

  // MARK: In a browser

  /// The script of the documentation.
  private static func script() throws -> String {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/gateway.md").standardized
    let text = try String(contentsOf: path, encoding: .utf8)
    let start = try #require(text.range(of: "```js\n")?.upperBound)
    let end = try #require(text.range(of: "\n```", range: start..<text.endIndex)?.lowerBound)
    return String(text[start..<end])
  }

  @Test(.disabled(if: chromium == nil, "SKIPPED: no Chromium here"))
  func theScriptOfTheDocumentationWorksInABrowser() throws {
    let html = Mutex("")
    var router = Router()
    router.add("GET", "/") { _ in .now(.text(html.withLock { $0 }, contentType: "text/html; charset=utf-8")) }
    let site = try HTTPServer(HTTPServerConfiguration(), router: router)
    defer { site.stop() }
    let origin = "http://127.0.0.1:\(site.port)"
    let fixture = try Self.fixture("shop-web \(origin)")
    let script = try Self.script()
      .replacing("https://events.shop.example", with: "http://127.0.0.1:\(fixture.server.port)").replacing(", {  }", with: "")
    func visit(_ head: String, until count: Int) throws {
      html.withLock { $0 = "<!doctype html><title>shop</title><script>\(head)\n\(script)\nfreshet('sku-2');</script>" }
      let folder = NSTemporaryDirectory() + "beacon-" + UUID().uuidString.prefix(8)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: try #require(Self.chromium))
      process.arguments = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0",
        "--user-agent=\(Self.browser)", "--user-data-dir=\(folder)", origin + "/",
      ]
      process.standardError = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      defer {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
      }
      let deadline = MonotonicClock.nanoseconds() + 40_000_000_000
      while fixture.events.records.count < count, MonotonicClock.nanoseconds() < deadline { Thread.sleep(forTimeInterval: 0.1) }
    }
    try visit("", until: 2)
    let values = Self.values(fixture)
    #expect(values.count == 2, "\(values)")
    #expect(fixture.events.records.allSatisfy { $0.key.starts(with: "anon-".utf8) })
    #expect(values.first?.contains(#""item_id":"sku-1""#) == true && values.first?.contains(#""recommendation_id":"AWmF...""#) == true)
    #expect(values.last?.contains(#""item_id":"sku-2""#) == true && values.last?.contains(#""event_type":"view""#) == true)
    try visit(#"window.freshetUser = {user: "anna", signature: "\#(Self.signature("anna"))"};"#, until: 4)
    #expect(fixture.events.records.dropFirst(2).map { String(decoding: $0.key, as: UTF8.self) } == ["anna", "anna"])
  }
}
