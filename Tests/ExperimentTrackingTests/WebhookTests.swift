import Digests
import Foundation
import HTTPServing
import Telemetry
import Testing

@testable import ExperimentTracking

private func webhook(_ url: String, secret: String = "") throws -> Webhook {
  var webhook = try Webhook(url: url, secret: Array(secret.utf8))
  webhook.policy.firstDelay = .milliseconds(1)
  return webhook
}

private let message: JSONValue = ["event": "model.promoted", "epoch": 7, "text": "é\n"]

/// Messages to an address over HTTP.
@Suite struct WebhookTests {
  // RFC 4231, test cases 1, 2 and 6.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0B, count: 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (Array("Jefe".utf8), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (
      [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
  ])
  func signaturesAreThoseOfTheStandard(key: [UInt8], text: String, signature: String) {
    #expect(HMACSHA256.code(Array(text.utf8), key: key).hex == signature)
  }

  @Test func aMessageArrivesSignedAndWithAnId() throws {
    let server = try ScriptedServer { _, _ in .empty(204) }
    let delivery = try webhook(server.url + "/hook/a%20b?key=v", secret: "k3y").deliver(message, id: "abc-1")
    #expect(delivery == WebhookDelivery(id: "abc-1", attempts: 1, status: 204, error: nil) && delivery.isDelivered)
    let seen = server.requests[0]
    #expect(seen.method == "POST" && seen.rawPath == "/hook/a%20b" && seen.queryValues("key") == ["v"])
    #expect(seen.headers["content-type"] == "application/json" && seen.headers["x-freshet-delivery"] == "abc-1")
    #expect(seen.body == message.bytes)
    #expect(seen.headers["x-freshet-signature"] == "sha256=" + HMACSHA256.code(seen.body, key: Array("k3y".utf8)).hex)
  }

  @Test func withoutASecretThereIsNoSignature() throws {
    let server = try ScriptedServer { _, _ in .text(String(repeating: "x", count: 1 << 17)) }
    // What the receiver says does not matter, however much it is.
    #expect(try webhook(server.url + "/hook").deliver(message).isDelivered)
    #expect(server.requests[0].headers["x-freshet-signature"] == nil)
    #expect(server.requests[0].headers["x-freshet-delivery"]?.count == 36)
  }

  @Test(arguments: [500, 503, 429, 408]) func aMessageIsRepeatedUnderTheSameId(status: Int) throws {
    let server = try ScriptedServer { _, state in
      guard case .integer(let count) = state["count"] ?? 0, count < 2 else { return .empty(200) }
      state["count"] = .integer(count + 1)
      return .empty(status)
    }
    let delivery = try webhook(server.url + "/hook").deliver(message)
    #expect(delivery.isDelivered && delivery.attempts == 3)
    #expect(Set(server.requests.map { $0.headers["x-freshet-delivery"] }).count == 1)
  }

  @Test(arguments: [(302, "redirection"), (400, "400"), (401, "signature"), (404, "path"), (410, "path")])
  func aRefusalIsFinal(status: Int, words: String) throws {
    let server = try ScriptedServer { _, _ in .empty(status, headers: [.init("Location", "/other")]) }
    let delivery = try webhook(server.url + "/s3cretpath?t=s3cretquery").deliver(message)
    #expect(!delivery.isDelivered && delivery.attempts == 1 && delivery.status == status && server.requests.count == 1)
    #expect(delivery.error?.contains(words) == true && delivery.error?.contains(server.url) == true)
    #expect(delivery.error?.contains("s3cret") == false)
  }

  @Test func aReceiverThatIsAwayOrAlwaysFailsIsGivenUp() throws {
    let away = try webhook("http://u:hunter2secret@127.0.0.1:1/s3cretpath").deliver(message)
    #expect(away.attempts == 4 && away.status == nil && away.error?.contains("http://127.0.0.1:1 does not answer") == true)
    #expect(away.error?.contains("s3cret") == false)
    let server = try ScriptedServer { _, _ in .empty(500) }
    let failing = try webhook(server.url + "/hook").deliver(message)
    #expect(failing.attempts == 4 && failing.status == 500 && server.requests.count == 4)
  }

  @Test func anAddressThatCannotBeUsedIsRefusedWithoutRepeatingIt() {
    do throws(TrackingError) {
      _ = try Webhook(url: "ftp://host/hunter2")
      Issue.record("not refused")
    } catch { #expect(error.code == .invalidSettings && !error.description.contains("hunter2")) }
  }
}
