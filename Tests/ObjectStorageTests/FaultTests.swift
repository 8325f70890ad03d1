import Foundation
import Synchronization
import Testing

@testable import ObjectStorage

/// What the store does when a server or the network fails, with a server that fails as the test says.
@Suite struct FaultTests {
  private static let secret = "the-secret-that-nobody-may-see"
  private static let content = Array("0123456789".utf8)

  private static func store(
    _ server: ScriptedServer, pauses: PauseLog = PauseLog(), _ change: (inout S3Settings) -> Void = { _ in }
  ) throws -> S3Store {
    var settings = S3Settings()
    settings.endpoint = "http://127.0.0.1:\(server.port)"
    // On a machine that is very busy, even an answer of this process can take half a minute.
    settings.timeout = .seconds(600)
    change(&settings)
    return S3Store(
      try S3Address(bucket: "bucket", prefix: "", settings),
      credentials: { S3Credentials(accessKey: "AKID", secretKey: secret, sessionToken: "session-token") },
      pause: { pauses.add($0) })
  }

  final class PauseLog: Sendable {
    private let pauses = Mutex<[Duration]>([])
    func add(_ pause: Duration) { pauses.withLock { $0.append(pause) } }
    var all: [Duration] { pauses.withLock { $0 } }
  }

  private static func error(_ code: String, _ message: String = "no") -> [UInt8] {
    Array("<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>\(message)</Message></Error>".utf8)
  }

  private static func code(_ body: () throws -> Void) -> ObjectStoreError.Code? {
    do {
      try body()
      return nil
    } catch { return (error as? ObjectStoreError)?.code }
  }

  // MARK: Repeating

  @Test(arguments: [
    (500, "InternalError"), (502, ""), (503, "SlowDown"), (504, ""), (429, "TooManyRequests"), (400, "RequestTimeout"),
    (409, "ConditionalRequestConflict"),
  ]) func whatMayPassIsRepeatedWithTheWholeContent(status: Int, code: String) throws {
    let server = ScriptedServer { number, _ in number < 3 ? .status(status, body: Self.error(code)) : .status(200) }
    defer { server.stop() }
    let pauses = PauseLog()
    try Self.store(server, pauses: pauses).put(try ObjectKey("a"), .bytes(Self.content))
    #expect(server.requests.map(\.body) == [[UInt8]](repeating: Self.content, count: 4))
    #expect(
      pauses.all.count == 3 && zip(pauses.all, [100, 200, 400]).allSatisfy { $0 >= .milliseconds($1 / 2) && $0 <= .milliseconds($1) })
  }

  @Test func aBrokenConnectionIsRepeated() throws {
    let server = ScriptedServer { number, _ in number < 2 ? .nothing : .status(200) }
    defer { server.stop() }
    let file = TestedStore.folder + "/\(UUID().uuidString)"
    try Data(repeating: 5, count: 3 << 20).write(to: URL(filePath: file))
    defer { try? FileManager.default.removeItem(atPath: file) }
    try Self.store(server).put(try ObjectKey("a"), .file(path: file))
    #expect(server.requests.last?.body == [UInt8](repeating: 5, count: 3 << 20))
  }

  @Test func aRefusalIsNotRepeated() throws {
    let server = ScriptedServer { _, _ in .status(403, body: Self.error("AccessDenied")) }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { try store.put(try ObjectKey("a"), .bytes([1])) } == .denied)
    #expect(server.requests.count == 1)
  }

  @Test func itGivesUpAtLast() throws {
    let server = ScriptedServer { _, _ in .status(503) }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { try store.remove(try ObjectKey("a")) } == .unavailable)
    #expect(server.requests.count == RetryPolicy().attemptsMax)
  }

  @Test func aServerMayAskForALongerPause() throws {
    let server = ScriptedServer { number, _ in number == 0 ? .status(503, headers: ["Retry-After": "3"]) : .status(204) }
    defer { server.stop() }
    let pauses = PauseLog()
    try Self.store(server, pauses: pauses).remove(try ObjectKey("a"))
    #expect(pauses.all == [.seconds(3)])
  }

  @Test func nobodyListening() throws {
    let server = ScriptedServer { _, _ in .nothing }
    server.stop()
    let store = try Self.store(server)
    let error = #expect(throws: ObjectStoreError.self) { try store.remove(try ObjectKey("a")) }
    #expect(error?.code == .unavailable && error?.description.contains("127.0.0.1:\(server.port)") == true)
  }

  @Test func aServerThatFallsSilentIsGivenUp() throws {
    let server = ScriptedServer { _, _ in .silence }
    defer { server.stop() }
    let store = try Self.store(server) {
      $0.timeout = .seconds(1)
      $0.retries.attemptsMax = 2
    }
    let began = ContinuousClock.now
    #expect(Self.code { try store.remove(try ObjectKey("a")) } == .unavailable)
    #expect(server.requests.count == 2 && ContinuousClock.now - began < .seconds(20))
  }

  // MARK: Reading on

  @Test func aReadGoesOnBehindTheLastByte() throws {
    let server = ScriptedServer { number, _ in
      switch number {
      case 0: return .broken(200, headers: ["ETag": "\"v1\""], announced: 10, body: Array(Self.content[..<4]))
      case 1: return .status(503)
      default: return .status(206, body: Array(Self.content[4...]))
      }
    }
    defer { server.stop() }
    #expect(try Self.store(server).bytes(try ObjectKey("a"), limit: 100) == Self.content)
    let ranges = server.requests.filter { $0.method == "GET" }.map { $0.headers["range"] }
    #expect(ranges == [nil, "bytes=4-", "bytes=4-"])
    #expect(server.requests.last?.headers["if-match"] == "\"v1\"")
  }

  @Test func aReadOfARangeGoesOnInTheRange() throws {
    let server = ScriptedServer { number, _ in
      number == 0
        ? .broken(206, headers: ["ETag": "\"v1\""], announced: 5, body: Array(Self.content[2..<4]))
        : .status(206, body: Array(Self.content[4..<7]))
    }
    defer { server.stop() }
    #expect(try Self.store(server).bytes(try ObjectKey("a"), 2..<7, limit: 100) == Array(Self.content[2..<7]))
    #expect(server.requests.last?.headers["range"] == "bytes=4-6")
  }

  @Test func anObjectThatWasReplacedIsNotMixed() throws {
    let server = ScriptedServer { number, _ in
      number == 0
        ? .broken(200, headers: ["ETag": "\"v1\""], announced: 10, body: [1, 2]) : .status(412, body: Self.error("PreconditionFailed"))
    }
    defer { server.stop() }
    let store = try Self.store(server)
    let error = #expect(throws: ObjectStoreError.self) { try store.bytes(try ObjectKey("a"), limit: 100) }
    #expect(error?.code == .unavailable && error?.description.contains("was replaced") == true)
  }

  @Test func withoutATagAReadDoesNotGoOn() throws {
    let server = ScriptedServer { _, _ in .broken(200, announced: 10, body: [1, 2]) }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { _ = try store.bytes(try ObjectKey("a"), limit: 100) } == .unavailable)
    #expect(server.requests.count == 1)
  }

  @Test func aServerThatIgnoresTheRangeIsNotTrusted() throws {
    let server = ScriptedServer { _, _ in .status(200, body: Self.content) }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { _ = try store.bytes(try ObjectKey("a"), 5..<7, limit: 100) } == .refused)
  }

  // MARK: Lost answers

  /// The first attempt succeeds, its answer is lost, and the second finds the object there.
  @Test(arguments: [true, false]) func anOwnObjectIsNotTakenForAnothers(isOwn: Bool) throws {
    let token = Mutex("")
    let server = ScriptedServer { number, request in
      if request.method == "HEAD" {
        return .status(200, headers: ["x-amz-meta-freshet-write": isOwn ? token.withLock { $0 } : "somebody's"])
      }
      token.withLock { $0 = request.headers["x-amz-meta-freshet-write"] ?? "" }
      return number == 0 ? .nothing : .status(412, body: Self.error("PreconditionFailed"))
    }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { try store.put(try ObjectKey("a"), .bytes([1]), .ifAbsent) } == (isOwn ? nil : .alreadyExists))
  }

  /// Without a failed attempt before it, an object that is there is somebody else's.
  @Test func anObjectThatIsThereIsNotOverwritten() throws {
    let server = ScriptedServer { _, _ in .status(412, body: Self.error("PreconditionFailed")) }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { try store.put(try ObjectKey("a"), .bytes([1]), .ifAbsent) } == .alreadyExists)
    #expect(server.requests.count == 1)
  }

  @Test func aFailureBehindAnAnswerThatBeganWellIsRepeated() throws {
    let completions = Mutex(0)
    let server = ScriptedServer { _, request in
      if request.target.contains("uploads=") {
        return .status(200, body: Array("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>".utf8))
      }
      if request.method == "PUT" { return .status(200, headers: ["ETag": "\"1\""]) }
      let number = completions.withLock { count in
        count += 1
        return count
      }
      return .status(200, body: number == 1 ? Self.error("InternalError") : Array("<CompleteMultipartUploadResult/>".utf8))
    }
    defer { server.stop() }
    let upload = try Self.store(server).upload(try ObjectKey("a"))
    let part = [UInt8](repeating: 7, count: S3Store.partBytes + 1)
    try part.withUnsafeBytes { try upload.write($0) }
    try upload.complete()
    #expect(completions.withLock { $0 } == 2)
    #expect(server.requests.last?.body.starts(with: "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;1".utf8) == true)
  }

  // MARK: Messages

  @Test func secretsAreInNoMessage() throws {
    let server = ScriptedServer { _, _ in
      .status(400, body: Self.error("Odd", "you sent \(Self.secret) and session-token, see https://user:pass@host"))
    }
    defer { server.stop() }
    let store = try Self.store(server)
    let error = #expect(throws: ObjectStoreError.self) { try store.put(try ObjectKey("a"), .bytes([1])) }
    let credentials = S3Credentials(accessKey: "AKID", secretKey: Self.secret, sessionToken: "session-token")
    var dumped = ""
    dump(credentials, to: &dumped)
    for text in ["\(error.debugDescription)", "\(credentials)", String(reflecting: credentials), "\([credentials])", dumped] {
      #expect(!text.contains(Self.secret) && !text.contains("session-token"))
    }
    #expect(error?.description.contains("***") == true)
  }

  @Test(arguments: [
    (404, "NoSuchBucket", ObjectStoreError.Code.noStore, "freshet store create s3://bucket"),
    (404, "NoSuchKey", .notFound, "no such object"), (403, "SignatureDoesNotMatch", .denied, "secret key"),
    (403, "InvalidAccessKeyId", .denied, "access key"), (403, "RequestTimeTooSkewed", .denied, "clocks"),
    (403, "AccessDenied", .denied, "grant"), (400, "ExpiredToken", .denied, "session token"),
    (301, "PermanentRedirect", .invalid, "store.region"), (400, "EntityTooLarge", .refused, "400 EntityTooLarge"),
  ]) func aRefusalSaysHowToFixIt(status: Int, code: String, kind: ObjectStoreError.Code, words: String) throws {
    let server = ScriptedServer { _, _ in .status(status, body: Self.error(code)) }
    defer { server.stop() }
    let store = try Self.store(server)
    let error = #expect(throws: ObjectStoreError.self) { _ = try store.bytes(try ObjectKey("a"), limit: 10) }
    #expect(error?.code == kind && error?.description.contains(words) == true, "\(String(describing: error))")
  }

  @Test func theRegionOfTheBucketIsNamed() throws {
    let server = ScriptedServer { _, _ in .status(301, headers: ["x-amz-bucket-region": "eu-north-1"]) }
    defer { server.stop() }
    let store = try Self.store(server)
    let error = #expect(throws: ObjectStoreError.self) { _ = try store.bytes(try ObjectKey("a"), limit: 10) }
    #expect(error?.description.contains("set store.region to eu-north-1") == true)
  }

  @Test func anAnswerThatIsNoListIsAnError() throws {
    let server = ScriptedServer { _, _ in .status(200, body: Array("<html>hello</html>".utf8)) }
    defer { server.stop() }
    let store = try Self.store(server)
    #expect(Self.code { _ = try store.list("", after: nil, limit: 10) } == .refused)
  }
}
