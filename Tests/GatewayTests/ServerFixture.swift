import Foundation
import HTTPServing
import HTTPTestKit
import ItemMetadata
import Pipeline
import StreamingRecommender
import Synchronization
import Telemetry

@testable import Gateway
@testable import RedisPublishing

/// Keeps what it is sent, and answers as the test says.
final class MemorySink: RecordSink {
  private let state = Mutex<(records: [OutgoingRecord], outcome: RecordDelivery)>(([], .delivered))
  /// Called with what was delivered, before the completion.
  let onDelivery: @Sendable ([OutgoingRecord]) -> Void

  init(onDelivery: @escaping @Sendable ([OutgoingRecord]) -> Void = { _ in }) { self.onDelivery = onDelivery }

  var records: [OutgoingRecord] { state.withLock { $0.records } }
  func answer(_ outcome: RecordDelivery) { state.withLock { $0.outcome = outcome } }

  func send(_ records: [OutgoingRecord], completion: @escaping @Sendable (RecordDelivery) -> Void) {
    let outcome = state.withLock { state in
      if state.outcome == .delivered { state.records += records }
      return state.outcome
    }
    DispatchQueue.global().async { [self] in
      if outcome == .delivered { onDelivery(records) }
      completion(outcome)
    }
  }
}

/// Mirrors documents in Redis, as the engine does.
final class TestMirror: @unchecked Sendable {
  private let redis: RedisConnection
  private let encoder: RedisCommandEncoder
  private let lock = NSLock()
  private(set) var version: Int64 = 0

  init(_ fixture: RedisFixture) throws {
    redis = try fixture.connection()
    encoder = RedisCommandEncoder(keys: fixture.keys, instance: "test", ttl: .seconds(3600))
  }

  func apply(_ records: [OutgoingRecord]) {
    lock.withLock {
      for record in records {
        version += 1
        let encoded = encoder.encode(.itemDocument(Identifier(record.key), document: record.value, version: version))
        try? redis.send(encoded.bytes)
        for _ in 0..<encoded.replies { _ = try? redis.nextReply() }
      }
    }
  }

  func set(_ documents: [ItemDocument]) {
    apply(documents.map { OutgoingRecord(key: Array($0.itemID.utf8), value: $0.bytes) })
  }
}

/// A running gateway with a real Redis and sinks in memory.
final class ServerFixture {
  let redis: RedisFixture
  var engine: EngineFixture
  let mirror: TestMirror
  let events = MemorySink()
  let items: MemorySink
  let registry = MetricRegistry()
  private(set) var server: GatewayServer!

  init(
    seed: UInt64 = 31, publishes: Bool = true, _ change: (inout GatewayConfiguration) -> Void = { _ in },
    engine engineAnswer: @escaping @Sendable (EngineQuestion) throws(Problem) -> HTTPResponse = ServerFixture.engineAnswer
  ) throws {
    redis = try RedisFixture()
    engine = EngineFixture(seed: seed)
    let mirror = try TestMirror(redis)
    self.mirror = mirror
    items = MemorySink { mirror.apply($0) }
    mirror.set(try Self.documents(of: engine))
    if publishes { try redis.publish(&engine) }
    var configuration = GatewayConfiguration(
      server: GatewayConfiguration.serverDefaults(listen: "127.0.0.1:0"), redis: redis.redis, input: engine.configuration.input,
      countDefault: 10)
    configuration.server.connectionsMax = 100
    configuration.server.connectionsReserved = 4
    change(&configuration)
    server = try GatewayServer(
      configuration, events: events, items: items,
      engine: { [engineAnswer] question throws(Problem) in try engineAnswer(question) }, registry: registry)
    if publishes { _ = try eventually { try client().get("/readyz")?.status == 200 } }
  }

  /// Repeats the question.
  static let engineAnswer: @Sendable (EngineQuestion) throws(Problem) -> HTTPResponse = { question throws(Problem) in
    guard question.parameters[0].value != "nobody" else { throw Problem(.notFound, "there is no user nobody", fix: "name another one") }
    return .json(
      .object([.init("path", .string(question.path))] + question.parameters.map { .init($0.name, .string($0.value)) }))
  }

  deinit { server?.stop() }

  /// Items i0, i3, i6 ... are in the category "three", even ones in "even"; prices rise.
  static func documents(of engine: EngineFixture) throws -> [ItemDocument] {
    try (0..<engine.engine.state.catalogue.items.capacity).map { number in
      let id = engine.engine.state.catalogue.items.string(Int32(number))
      let index = Int(id.dropFirst()) ?? 0
      return try ItemDocument(
        itemID: id, title: "Item \(index)", categories: (index % 3 == 0 ? ["three"] : []) + (index % 2 == 0 ? ["even"] : []),
        properties: [.init("price", .number(Double(index) + 0.5))])
    }
  }

  func client() throws -> RawClient { try RawClient(port: server.port) }

  func get(_ path: String, headers: String = "") throws -> (status: Int, json: JSON, headers: [String: String]) {
    let client = try client()
    client.send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\r\n")
    return Self.read(client)
  }

  func send(_ method: String, _ path: String, _ body: String = "", headers: String = "Content-Type: application/json\r\n") throws -> (
    status: Int, json: JSON, headers: [String: String]
  ) {
    let client = try client()
    client.send("\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    return Self.read(client)
  }

  private static func read(_ client: RawClient) -> (status: Int, json: JSON, headers: [String: String]) {
    guard let response = client.receive() else { return (0, JSON(nil), [:]) }
    return (response.status, JSON(try? JSONSerialization.jsonObject(with: Data(response.bytes))), response.headers)
  }

  func waitForCatalogue(_ condition: () throws -> Bool) throws -> Bool { try eventually { try condition() } }
}

/// Reads answers without casts in every line.
struct JSON {
  let value: Any?
  init(_ value: Any?) { self.value = value }
  subscript(_ name: String) -> JSON { JSON((value as? [String: Any])?[name]) }
  subscript(_ index: Int) -> JSON { JSON((value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil }) }
  var list: [JSON] { (value as? [Any])?.map { JSON($0) } ?? [] }
  var text: String? { value as? String }
  var number: Double? { (value as? NSNumber)?.doubleValue }
  var int: Int? { (value as? NSNumber)?.intValue }
  var bool: Bool? { (value as? NSNumber)?.boolValue }
  var ids: [String] { self["items"].list.compactMap { $0["item"].text } }
}

enum HTTPClient {
  static func get(_ port: UInt16, _ path: String) throws -> RawClient.Response? { try RawClient(port: port).get(path) }
  static func post(_ port: UInt16, _ path: String, _ body: String) throws -> RawClient.Response? {
    try RawClient(port: port).post(path, body: body)
  }
}
