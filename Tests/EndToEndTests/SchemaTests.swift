import Foundation
import KafkaIngest
import RecommenderTestKit
import RegistryTestKit
import StreamingRecommender
import Testing

extension EndToEnd {
  /// Records in Avro and Protobuf, as Confluent's client wrote them, with a registry over HTTP.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct SchemaTests {
    private static let fixture = Result { try MessageFixture(packageRoot: Place.packageRoot) }
    private let now: Int64 = 1_795_219_200_000

    /// The Avro event of the fixture for another user of two digits and item of one.
    private func avroEvent(_ user: Int, item: Int) throws -> [UInt8] {
      var value = try #require(try Self.fixture.get().message("avro: event-v1.avsc").record(timestampMilliseconds: now).value)
      value.replaceSubrange(6..<8, with: "\(user)".utf8)
      value.replaceSubrange(10..<12, with: "i\(item)".utf8)
      return value
    }

    private func value(_ name: String) throws -> [UInt8] {
      try #require(try Self.fixture.get().message(name).record(timestampMilliseconds: now).value)
    }

    private func produce(_ scene: Scene, _ value: [UInt8], user: String, partition: Int32, headers: [RecordHeader] = []) throws {
      let producer = try KafkaEventProducer(kafka: scene.kafka, pace: .paced)
      try producer.produce(topic: scene.name, key: Array(user.utf8), value: value, headers: headers, partition: partition)
      #expect(producer.flush(timeout: .seconds(20)) && producer.failed == 0)
    }

    @Test func anOutageOfTheRegistryHoldsAPartitionAndLosesNothing() throws {
      // A port where nothing listens yet.
      let first = try RegistryServer(try Self.fixture.get())
      let port = first.port
      first.stop()
      let scene = try Scene("schemas", settings: ["schema_registry.url=http://127.0.0.1:\(port)", "retrain.first_pairs=20"])
      try scene.engine.start()
      for user in 10..<20 {
        for item in [user % 5, (user + 1) % 5] {
          try produce(scene, try avroEvent(user, item: item), user: "\(user)", partition: 0)
        }
      }
      try produce(scene, try value("protobuf: event-v1.proto"), user: "u1", partition: 0)
      try produce(scene, try value("avro: unknown id"), user: "u2", partition: 0)
      try produce(scene, try value("json: JSON Schema"), user: "u1", partition: 1)

      // The other partition goes on, and the condition says why this one does not.
      try eventually("the JSON event is applied") { try scene.engine.status().applied == 1 }
      var ready: (status: Int, body: String) = (0, "")
      try eventually("the condition") {
        ready = try get(scene.engine.admin, "/readyz?verbose")
        return ready.body.contains("waits at offset 0 for schema 1")
      }
      #expect(ready.status == 503 && ready.body.contains("127.0.0.1:\(port)"))
      #expect(try scene.engine.metric("freshet_schema_registry_requests_total{result=\"failed\"}") ?? 0 > 0)
      #expect(try scene.engine.metric("freshet_dlq_messages_total") ?? 0 == 0)

      // What waits is read again after a crash.
      scene.engine.kill()
      try scene.engine.start()
      try eventually("the condition again") {
        try get(scene.engine.admin, "/readyz?verbose").body.contains("waits at offset 0 for schema 1")
      }
      let registry = try RegistryServer(try Self.fixture.get(), port: port)
      defer { registry.stop() }
      try scene.engine.settle(applied: 22)
      #expect(try scene.engine.status().users == 11)
      for user in ["10", "19", "u1"] {
        try eventually("a list of \(user)") { try scene.redis.list(scene.name, user)?.items.isEmpty == false }
      }
      try eventually("ready") { try get(scene.engine.admin, "/readyz").status == 200 }
      let letters = try scene.readAll(scene.name + ".dlq", count: 1)
      let headers = letters.flatMap(\.records).flatMap(\.headers).filter { $0.name.hasSuffix("reason") || $0.name.hasSuffix("message") }
        .map { String(decoding: $0.value, as: UTF8.self) }
      #expect(headers.contains("unknown_schema") && headers.contains { $0.contains("does not know schema 9999") }, "\(headers)")
      #expect(letters.flatMap(\.records).map(\.value) == [try value("avro: unknown id")])
      #expect(try scene.engine.stop() == 0)
    }

    @Test func changeCaptureInAvroGoesThroughThePreset() throws {
      let registry = try RegistryServer(try Self.fixture.get())
      defer { registry.stop() }
      let scene = try Scene(
        "debezium-avro", partitions: 1, settings: ["schema_registry.url=\(registry.url)", "input.preset=debezium"])
      try scene.engine.start()
      let producer = try KafkaEventProducer(kafka: scene.kafka, pace: .paced)
      for name in ["debezium: created", "debezium: deleted", "debezium: tombstone", "debezium: created"] {
        let record = try Self.fixture.get().message(name).record(timestampMilliseconds: now)
        try producer.produce(topic: scene.name, key: record.key, value: record.value)
      }
      #expect(producer.flush(timeout: .seconds(20)))
      try scene.engine.settle(applied: 2)
      #expect(try scene.engine.metric("freshet_dlq_messages_total") ?? 0 == 0)
      #expect(try scene.engine.stop() == 0)
    }

    @Test func validateAndDoctorReadSuchTopicsAndNameAFaultOfTheRegistry() throws {
      let registry = try RegistryServer(try Self.fixture.get())
      defer { registry.stop() }
      let scene = try Scene("schema-tools", partitions: 1)
      for user in 10..<20 { try produce(scene, try avroEvent(user, item: 1), user: "\(user)", partition: 0) }
      try produce(scene, try value("protobuf: event-v1.proto"), user: "u1", partition: 0)
      let servers = scene.address.prefix(4) + ["--set", "schema_registry.url=\(registry.url)"]
      let report = try freshet(["validate", "--json"] + servers)
      #expect(report.status == 0, "\(report.messages)\(report.output)")
      #expect(report.json["interactions"] as? Int == 11 && report.json["rejected"] as? Int == 0, "\(report.output)")
      #expect((report.json["fields"] as? [String: Int])?["user_id"] == 11)

      let doctor = ["doctor", "--json", "--data-dir", try Bench.directory("doctor"), "--redis", scene.redis.url] + servers
      func messages(_ outcome: Outcome) -> [String] {
        (outcome.json["findings"] as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
      }
      let well = try freshet(doctor)
      #expect(well.status == 0, "\(well.output)")
      #expect(messages(well).contains { $0.hasPrefix("the schema registry answers at http://127.0.0.1:") })
      #expect(messages(well).contains("the newest 11 records are valid events with the user as key"))

      registry.demand("Basic nobody knows it")
      registry.set(.answers(status: 401, body: ""))
      let ill = try freshet(doctor)
      #expect(ill.status == 1 && messages(ill).contains { $0.contains("cannot be used: it asks for credentials") }, "\(ill.output)")
      #expect(messages(ill).contains { $0.contains("11 of the newest 11 records need a schema") }, "\(ill.output)")
      let refused = try freshet(["validate", "--json"] + servers)
      #expect(refused.status != 0 && refused.messages.contains("schema 1 is needed"), "\(refused.messages)")
    }
  }
}
