import Foundation
import RecommenderTestKit
import RegistryTestKit
import StreamingRecommender
import Telemetry
import Testing
import WireFormats

@testable import SchemaRegistry

private let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path
private let fixture: MessageFixture = {
  guard let fixture = try? MessageFixture(packageRoot: packageRoot) else { preconditionFailure("messages.json cannot be read") }
  return fixture
}()
private let now: Int64 = 1_795_219_200_000

private func client(_ urls: String..., change: (inout RecommenderConfiguration.SchemaRegistry) -> Void = { _ in }) -> RegistryClient {
  var settings = RecommenderConfiguration.SchemaRegistry()
  settings.urls = urls
  settings.timeout = .seconds(2)
  change(&settings)
  return RegistryClient(settings)
}

private func fault(_ client: RegistryClient, _ schema: SchemaName = .id(1)) -> SchemaFault? {
  do throws(SchemaFault) {
    _ = try client.fetch(schema)
    return nil
  } catch { return error }
}

private func secretFile(_ text: String, mode: Int = 0o600) throws -> String {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("secret-\(UUID().uuidString)").path
  try write(text, to: path)
  try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  return path
}

private func write(_ text: String, to path: String) throws { try Data((text + "\n").utf8).write(to: URL(fileURLWithPath: path)) }

/// A client against a registry over HTTP.
@Suite struct RegistryTests {
  @Test func schemasComeWithTheirReferencesInOrder() throws {
    let server = try RegistryServer(fixture)
    let registry = client(server.url + "/")
    let order = try registry.fetch(.id(11))
    #expect(order.kind == .protobuf && order.references.map(\.name) == ["shop/common.proto"])
    #expect(order.references[0].text.contains("message Meta"))
    #expect(try registry.fetch(.guid(0x1122_3344_5566_4788, 0x99AA_0000_0000_0005)).references.map(\.name) == ["shop.Product"])
    // The text of a JSON schema is not needed.
    #expect(try registry.fetch(.id(13)) == SchemaText(kind: .json, text: ""))
    #expect(registry.requests == ["ok": 5])
    #expect(server.requests[1] == "/subjects/shop/common.proto/versions/1")
  }

  @Test(arguments: fixture.records) func aRecordIsReadWithSchemasOverHTTP(message: MessageFixture.Message) throws {
    let server = try RegistryServer(fixture)
    let decoder = InteractionDecoder(try message.input(), payloads: try SchemaCache(source: client(server.url)))
    let record = message.record(timestampMilliseconds: now)
    var decoded = decoder.decode(record, fallbackMilliseconds: now)
    for _ in 0..<5000 {
      guard case .waiting = decoded else { break }
      usleep(1000)
      decoded = decoder.decode(record, fallbackMilliseconds: now)
    }
    if message.expect.first?.hasPrefix("rejected ") == true {
      guard case .failure(let failure) = decoded else {
        Issue.record("\(decoded)")
        return
      }
      #expect("rejected \(failure.reason.rawValue)" == message.expect[0])
    } else {
      #expect(decoded.events.count == message.expect.count { !$0.hasPrefix("ignored") && !$0.hasPrefix("forget") })
    }
  }

  @Test func aSchemaThatIsNotThereIsRefusedAndNotWaitedFor() throws {
    let server = try RegistryServer(fixture)
    let registry = client(server.url)
    guard case .refused(let why)? = fault(registry, .id(4711)) else {
      Issue.record("not refused")
      return
    }
    #expect(why.contains("does not know schema 4711"))
    guard case .refused? = fault(registry, .guid(1, 2)) else {
      Issue.record("a GUID is waited for")
      return
    }
    #expect(registry.requests == ["unknown": 2])
    // Registries that know no GUIDs.
    server.set(.answers(status: 404, body: #"{"error_code":404,"message":"HTTP 404 Not Found"}"#))
    guard case .refused? = fault(registry, .guid(1, 2)), case .unavailable? = fault(registry, .id(1)) else {
      Issue.record("a missing path of ids is a fault of the address, one of GUIDs is not")
      return
    }
  }

  @Test(arguments: [
    (500, "x", "500"), (503, #"{"error_code":50301,"message":"leader away"}"#, "leader away"), (401, "", "schema_registry.username"),
    (403, "", "grant"), (200, "<html>", "is this the address"), (200, #"{"schema":1}"#, "is this the address"),
    (404, "<html>", "path of the address"),
    (302, "", "redirection"), (429, "", "429"),
  ])
  func aFaultOfTheRegistryIsWaitedOut(status: Int, body: String, word: String) throws {
    let server = try RegistryServer(fixture)
    server.set(.answers(status: status, body: body))
    guard case .unavailable(let why)? = fault(client(server.url)) else {
      Issue.record("not waited for")
      return
    }
    #expect(why.contains(word) && why.contains(server.url), "\(why)")
  }

  @Test func aRegistryThatIsSilentOrGoneIsAFaultInTime() throws {
    let server = try RegistryServer(fixture)
    server.set(.silent(.seconds(3)))
    let began = ContinuousClock.now
    guard case .unavailable? = fault(client(server.url) { $0.timeout = .milliseconds(200) }) else {
      Issue.record("not waited for")
      return
    }
    #expect(ContinuousClock.now - began < .seconds(2))
    server.stop()
    guard case .unavailable? = fault(client("http://127.0.0.1:1")), case .unavailable? = fault(client("http://no-such-host.invalid")) else {
      Issue.record("not waited for")
      return
    }
  }

  @Test func anAnswerThatIsTooLargeIsNotKept() throws {
    let server = try RegistryServer(fixture)
    server.set(.answers(status: 200, body: String(repeating: "x", count: RegistryClient.answerBytesMax + 1)))
    guard case .refused(let why)? = fault(client(server.url)) else {
      Issue.record("not refused")
      return
    }
    #expect(why.contains("\(RegistryClient.answerBytesMax) bytes"))
  }

  @Test func theNextAddressIsAskedWhenOneFailsAndKept() throws {
    let (first, second) = (try RegistryServer(fixture), try RegistryServer(fixture))
    first.set(.answers(status: 503, body: ""))
    let registry = client(first.url, second.url)
    #expect(fault(registry) == nil && fault(registry, .id(2)) == nil)
    #expect(first.requests.count == 1 && second.requests.count == 2)
    second.set(.answers(status: 500, body: ""))
    guard case .unavailable(let why)? = fault(registry, .id(3)) else {
      Issue.record("not waited for")
      return
    }
    #expect(why.contains(first.url) && why.contains(second.url))
  }

  // MARK: Credentials

  @Test func aPasswordIsReadAgainAtEveryRequestAndNeverShown() throws {
    let server = try RegistryServer(fixture)
    server.demand("Basic " + Data("key:s3cret".utf8).base64EncodedString())
    let path = try secretFile("wrong-s3cret")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let registry = client(server.url) { ($0.username, $0.passwordFile) = ("key", path) }
    guard case .unavailable(let why)? = fault(registry) else {
      Issue.record("not waited for")
      return
    }
    #expect(why.contains("401") && !why.contains("s3cret"))
    try write("s3cret", to: path)
    #expect(fault(registry) == nil)
    #expect(registry.requests == ["failed": 1, "ok": 1])
  }

  @Test func aTokenIsSentAndAFileThatOthersReadIsRefused() throws {
    let server = try RegistryServer(fixture)
    server.demand("Bearer t0ken")
    let path = try secretFile("t0ken")
    let open = try secretFile("t0ken", mode: 0o644)
    defer { for file in [path, open] { try? FileManager.default.removeItem(atPath: file) } }
    #expect(fault(client(server.url) { $0.tokenFile = path }) == nil)
    #expect(client(server.url) { $0.tokenFile = path }.fileProblem == nil)
    let refused = client(server.url) { $0.tokenFile = open }
    #expect(refused.fileProblem?.contains("0600") == true)
    guard case .unavailable(let why)? = fault(refused) else {
      Issue.record("not waited for")
      return
    }
    #expect(why.contains("schema_registry.token_file") && !why.contains("t0ken"))
    #expect(client(server.url) { $0.caFile = "/does/not/exist.pem" }.fileProblem?.contains("schema_registry.ca_file") == true)
  }

  @Test func theCheckTellsEachAddress() throws {
    let (well, ill) = (try RegistryServer(fixture), try RegistryServer(fixture))
    ill.set(.answers(status: 403, body: ""))
    let answers = client(well.url, ill.url, "http://127.0.0.1:1").check()
    #expect(answers[0].problem == nil && answers[1].problem?.contains("403") == true && answers[2].problem?.isEmpty == false)
  }

  // MARK: Down and up

  @Test func aRegistryThatComesBackIsFoundWithoutARestart() throws {
    var server = try RegistryServer(fixture)
    let port = server.port
    server.stop()
    var timing = SchemaCache.Timing()
    timing.firstRetry = .milliseconds(10)
    timing.longestRetry = .milliseconds(50)
    let cache = try SchemaCache(source: client("http://127.0.0.1:\(port)"), timing: timing)
    let message = fixture.message("avro: event-v1.avsc")
    let decoder = InteractionDecoder(.init(), payloads: cache)
    let record = message.record(timestampMilliseconds: now)
    let deadline = ContinuousClock.now + .seconds(10)
    while cache.problem(with: .id(1)) == nil, ContinuousClock.now < deadline {
      guard case .waiting = decoder.decode(record, fallbackMilliseconds: now) else {
        Issue.record("not waited for")
        return
      }
      usleep(1000)
    }
    #expect(cache.problem(with: .id(1))?.contains("127.0.0.1:\(port)") == true)
    server = try RegistryServer(fixture, port: port)
    while case .waiting = decoder.decode(record, fallbackMilliseconds: now), ContinuousClock.now < deadline { usleep(1000) }
    #expect(decoder.decode(record, fallbackMilliseconds: now).events.count == 1)
    server.stop()
  }
}
