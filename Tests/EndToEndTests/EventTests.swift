import Foundation
import KafkaIngest
import RecommenderTestKit
import RedisPublishing
import StreamingRecommender
import Testing

extension EndToEnd {
  /// Records that are no events, and users who leave.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct EventTests {
    struct Poison: Decodable {
      var name: String
      var encodedKey: String?
      var encodedValue: String?
      var expect: String

      enum CodingKeys: String, CodingKey {
        case name, expect
        case encodedKey = "key_b64"
        case encodedValue = "value_b64"
      }

      var key: [UInt8]? { encodedKey.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) } }
      var value: [UInt8]? { encodedValue.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) } }
      /// It breaks the limit on the size as well, and that is looked at first.
      var reasons: Set<String> {
        let reason = String(expect.dropFirst("dlq:".count))
        return ["id_1e6", "deep_nesting"].contains(name) ? [reason, "too_large"] : [reason]
      }
    }

    @Test(.disabled(if: Place.absence([(Place.poison, "poison-events.jsonl (FRESHET_TESTDATA)")]) != nil, "no poison-events.jsonl"))
    func everyPoisonRecordGoesWhereItBelongsAndNoGoodOneIsLost() throws {
      let poison = try Data(contentsOf: URL(fileURLWithPath: Place.poison)).split(separator: 0x0A)
        .map { try JSONDecoder().decode(Poison.self, from: $0) }
      // Several of the records are one event in other forms, which would count once.
      let configuration = #"{"input": {"weights": {"view": 1, "interaction": 1}, "dedupe_window": 0}}"#
      let scene = try Scene("poison", partitions: 4, configuration: configuration)
      try scene.engine.start()

      var sent: [String: Poison] = [:]
      let places = Places()
      let producer = try KafkaEventProducer(kafka: scene.kafka, pace: .paced) { places.add($0.index, $0.partition, $0.offset) }
      let step = 2000 / poison.count
      for good in 0..<2000 {
        if good % step == 0, good / step < poison.count {
          let one = poison[good / step]
          try producer.produce(
            topic: scene.name, key: one.key, value: one.value, partition: Int32(good % 4), index: UInt64(good / step + 1))
        }
        try producer.produce(
          topic: scene.name, key: Array("g\(good % 200)".utf8), value: Self.event("g\(good % 200)", "i\(good % 37)-\(good / 200)"),
          partition: Int32(good % 4))
      }
      #expect(producer.flush(timeout: .seconds(30)) && producer.failed == 0, "\(String(describing: producer.firstFailure))")
      for (index, one) in poison.enumerated() { sent[places.all[UInt64(index + 1)] ?? "?"] = one }
      #expect(sent.count == poison.count)

      let counted = poison.filter { ["apply", "apply-clamped", "delete-user"].contains($0.expect) || $0.name == "dup_event_b" }.count
      let status = try scene.engine.settle(applied: 2000 + counted)
      #expect(status.applied == 2000 + counted)
      for user in 0..<200 { #expect(try scene.redis.list(scene.name, "g\(user)") != nil) }
      #expect(try get(scene.engine.admin, "/readyz").status == 200)

      let expected = sent.filter { $0.value.expect.hasPrefix("dlq:") }
      let letters = try scene.readAll(scene.name + ".dlq", count: expected.count)
      #expect(letters.records.count == expected.count)
      var seen: Set<String> = []
      for (partition, letter) in letters.flatMap({ part in part.records.map { (part.source.partition, $0) } }) {
        func header(_ name: String) -> String {
          letter.headers.first { $0.name == "__freshet.errors." + name }.map { String(decoding: $0.value, as: UTF8.self) } ?? "none"
        }
        let place = "\(header("partition")):\(header("offset"))"
        #expect(seen.insert(place).inserted, "\(place) twice")
        let one = try #require(expected[place], "no poison was sent to \(place)")
        #expect(one.reasons.contains(header("reason")), "\(one.name): \(header("reason"))")
        #expect(letter.key == one.key && letter.value == one.value, "\(one.name)")
        #expect("\(partition)" == header("partition"))
        #expect(header("topic") == scene.name)
      }
      #expect(try scene.engine.stop() == 0)
    }

    @Test func aTombstoneRemovesTheUserAndALaterEventMakesAFreshList() throws {
      let scene = try Scene("tombstone")
      try scene.engine.start()
      try scene.produceShipped(2000)
      let before = try scene.engine.settle(applied: 2000)
      let user = "17850"
      #expect(try scene.redis.list(scene.name, user) != nil)

      try scene.produce([(user, nil)])
      let after = try scene.engine.settle(applied: 2001)
      #expect(after.users == before.users - 1)
      #expect(after.interactions < before.interactions)
      let keys = try scene.redis.connection().command(["KEYS", "*{u:\(user)}*"])
      #expect(keys == .array([]))
      let unknown = try freshet(["recommend", user, "--json", "--data-dir", scene.engine.directory])
      #expect(unknown.json["source"] as? String == "popular")

      let bought = "22423"
      try scene.produce([(user, Self.event(user, bought))])
      let fresh = try scene.engine.settle(applied: 2002)
      #expect(fresh.users == before.users)
      #expect(fresh.interactions == after.interactions + 1)
      let list = try #require(try scene.redis.list(scene.name, user))
      #expect(list.source == "foldin")
      #expect(!list.items.contains { $0.item == bought })
      #expect(try scene.engine.stop() == 0)
    }

    /// Keys as other serializers write them, and one that names nobody.
    @Test func aTombstoneForgetsItsUserInWhateverFormItsKeyIs() throws {
      let scene = try Scene("tombstone-keys", partitions: 1)
      try scene.engine.start()
      let users = ["kt1", "kt2", "kt3", "kt4"]
      try scene.produce(users.map { ($0, Self.event($0, "i1")) })
      #expect(try scene.engine.settle(applied: 4).users == 4)
      let keys = [#""kt1""#, #"{"user_id":"kt2"}"#, #"{"schema":{"type":"string","optional":false},"payload":"kt3"}"#, "kt4"]
      try scene.produce((keys + [#"{"user_id":"nobody"}"#]).map { ($0, nil) })
      #expect(try scene.engine.settle(applied: 9).users == 0)
      for user in users { #expect(try scene.redis.connection().command(["KEYS", "*{u:\(user)}*"]) == .array([]), "\(user)") }
      #expect(scene.engine.messages.contains("a tombstone names nobody known"))
      #expect(scene.engine.messages.contains("a JSON object with the fields user_id"))
      #expect(try scene.engine.metric("freshet_tombstones_unknown_total") == 1)
      #expect(try scene.engine.stop() == 0)
    }

    /// Three records of another system, one of them with two events, are four interactions.
    @Test func aRecordWithSeveralEventsIsAppliedAsOneUnit() throws {
      let scene = try Scene("several", partitions: 1, configuration: #"{"input": {"preset": "personalize"}}"#)
      try scene.engine.start()
      let records = [
        #"{"userId":"101","eventList":[{"eventId":"e-1","eventType":"rating","sentAt":1566745166,"properties":"{\"itemId\":\"m1\",\"eventValue\":4.5}"},{"eventType":"rating","sentAt":1566745170,"itemId":"m2"}]}"#,
        #"{"userId":"102","eventList":[{"eventType":"click","sentAt":1566745180,"itemId":"m1"}]}"#,
        #"{"userId":"103","eventList":[{"eventType":"click","sentAt":1566745190,"properties":{"itemId":"m3","eventValue":"4.5"}}]}"#,
        #"{"userId":"104","eventList":[{"eventType":"click","itemId":"m1"},{"eventType":"click","itemId":[]}]}"#,
      ]
      try scene.produce(records.map { ("k", Array($0.utf8)) })
      let status = try scene.engine.settle(applied: 4)
      #expect(status.applied == 4 && status.users == 3 && status.interactions == 4)
      let letters = try scene.readAll(scene.name + ".dlq", count: 1)
      #expect(letters.records.map(\.value) == [Array(records[3].utf8)])
      #expect(try scene.engine.stop() == 0)
    }

    /// The order of events that leaves a ghost when deletions are kept in memory only.
    @Test func aUserForgottenWhileRedisWasAwayIsGoneFromItAfterAKill() throws {
      let scene = try Scene("ghost", settings: ["redis.timeout=300ms"])
      try scene.engine.start()
      try scene.produceShipped(2000)
      try scene.engine.settle(applied: 2000)
      let user = "17850"
      #expect(try scene.redis.list(scene.name, user) != nil)
      scene.redis.server.suspend()
      defer { scene.redis.server.resume() }
      try eventually("Redis away") { try scene.engine.status().redis["up"] as? Bool == false }
      try scene.produce([(user, nil)])
      try eventually("the tombstone applied") { try scene.engine.status().applied == 2001 }
      let snapshot = try freshet(["snapshot", "--data-dir", scene.engine.directory])
      #expect(snapshot.status == 0, "\(snapshot.messages)")
      scene.engine.kill()
      scene.redis.server.resume()
      try scene.engine.start()
      try scene.engine.settle(applied: 2001)
      usleep(500_000)
      #expect(try scene.redis.list(scene.name, user) == nil)
      #expect(try scene.engine.stop() == 0)
    }

    static func event(_ user: String, _ item: String) -> [UInt8] {
      Array(#"{"user_id":"\#(user)","item_id":"\#(item)","timestamp":1700000000000}"#.utf8)
    }
  }
}

/// Topic, engine, Redis under one fresh name.
final class Scene {
  let name: String
  let redis: Redis
  let engine: Engine
  let address: [String]
  let kafka: RecommenderConfiguration.Kafka

  init(_ name: String, partitions: Int = 2, settings: [String] = [], configuration: String? = nil) throws {
    self.name = Bench.fresh(name)
    redis = try Redis()
    let servers = try Bench.kafka()
    address = ["--bootstrap-servers", servers, "--topic", self.name, "--redis", redis.url, "--namespace", self.name]
    let file = try configuration.map { ["--config", try Bench.write("freshet.json", $0)] } ?? []
    engine = try Engine(
      address + file,
      ["kafka.group_id=\(self.name)", "instance.id=\(self.name)", "snapshot.interval=1s", "model.factors=16"] + settings)
    var kafka = RecommenderConfiguration.Kafka()
    kafka.bootstrapServers = servers
    kafka.producer = ["message.max.bytes": "2000000"]
    self.kafka = kafka
    let made = try freshet(["topics", "create", "--partitions", "\(partitions)"] + address)
    guard made.status == 0 else { throw Failure(made.messages) }
  }

  /// `nil` is a tombstone.
  func produce(_ events: [(user: String, value: [UInt8]?)]) throws {
    let producer = try KafkaEventProducer(kafka: kafka, pace: .paced)
    for event in events { try producer.produce(topic: name, key: Array(event.user.utf8), value: event.value) }
    guard producer.flush(timeout: .seconds(20)), producer.failed == 0 else { throw Failure("\(producer.failed) records failed") }
  }

  func produceShipped(_ count: Int) throws {
    let outcome = try freshet(["produce", try Bench.head(Place.shippedEvents, count), "--max"] + address)
    guard outcome.status == 0 else { throw Failure(outcome.messages) }
  }

  func readAll(_ topic: String, count: Int) throws -> [RecordBatch] {
    var configuration = RecommenderConfiguration()
    configuration.kafka = kafka
    configuration.kafka.groupID = "reader-\(topic)"
    configuration.kafka.groupInstanceID = "none"
    configuration.input.topics = [topic]
    let source = try KafkaRecordSource(configuration: configuration, membership: .direct)
    defer { source.close() }
    source.start(at: PartitionOffsets())
    var parts: [RecordBatch] = []
    let deadline = ContinuousClock.now + .seconds(20)
    // A second longer than needed: one too many would come then.
    var end = deadline
    while ContinuousClock.now < min(deadline, end) {
      parts += source.poll(max: 1000, timeout: .milliseconds(50)).parts
      if parts.records.count >= count, end == deadline { end = ContinuousClock.now + .seconds(1) }
    }
    return parts
  }
}

/// Where the records with a number went. Only used by the thread that owns the producer.
private final class Places: @unchecked Sendable {
  private(set) var all: [UInt64: String] = [:]
  func add(_ index: UInt64, _ partition: Int32, _ offset: Int64) { if index > 0 { all[index] = "\(partition):\(offset)" } }
}
