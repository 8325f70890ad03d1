import Foundation
import KafkaIngest
import Pipeline
import Testing

@testable import freshet

/// Sentences about values that were read elsewhere.
@Suite struct DiagnosisValueTests {
  @Test func aDiskWithoutRoomForTwoSnapshotsIsAnError() {
    #expect(Diagnosis.disk(freeBytes: 99_000_000, snapshotBytes: 0).level == .error)
    #expect(Diagnosis.disk(freeBytes: 101_000_000, snapshotBytes: 1000).level == .ok)
    #expect(Diagnosis.disk(freeBytes: 900_000_000, snapshotBytes: 500_000_000).message.contains("need 1000 MB"))
  }

  @Test func compactionIsAnErrorAndShortRetentionAWarning() {
    #expect(Diagnosis.topicSettings("t", ["cleanup.policy": "compact,delete"]).map(\.level) == [.error])
    #expect(Diagnosis.topicSettings("t", ["cleanup.policy": "delete", "retention.ms": "3600000"]).map(\.level) == [.warning])
    #expect(Diagnosis.topicSettings("t", ["cleanup.policy": "delete", "retention.ms": "-1"]).isEmpty)
  }

  @Test func onlyAShareOfOnePercentIsWorthASentence() {
    var sample = Diagnosis.Sample(records: 1000, withoutKey: 9)
    #expect(Diagnosis.sample(sample).map(\.level) == [.ok])
    sample.withoutKey = 10
    sample.rejected = ["bad_json": 5, "missing_user_id": 400]
    let findings = Diagnosis.sample(sample)
    #expect(findings.map(\.level) == [.warning, .error] && findings[1].message.contains("most of them as missing_user_id"))
    #expect(Diagnosis.sample(Diagnosis.Sample()).map(\.level) == [.note])
  }

  /// A condition that is no check would leave `/readyz` at 200.
  @Test func everyConditionIsACheckOfReadiness() {
    #expect(Set(EngineBackend.checks) == Set(Condition.Name.allCases) && EngineBackend.checks.count == Condition.Name.allCases.count)
  }

  @Test(arguments: [
    ("noeviction", DoctorFinding.Level.ok), ("volatile-lfu", .ok), ("volatile-ttl", .ok), ("allkeys-lru", .error),
    ("allkeys-random", .error),
  ])
  func aPolicyThatEvictsKeysWithoutExpiryIsAnError(policy: String, level: DoctorFinding.Level) {
    #expect(Diagnosis.eviction(policy).level == level)
  }

  @Test func differingOffsetsSayWhichCount() {
    let committed = [Diagnosis.TopicOffset(partition: "t[0]", offset: 5), .init(partition: "t[1]", offset: 7)]
    #expect(Diagnosis.offsets(committed, snapshot: ["t[0]": 5, "t[1]": 7]) == nil)
    #expect(Diagnosis.offsets(committed, snapshot: ["t[0]": 5, "t[1]": 9])?.message.contains("offset 7 of t[1]") == true)
    #expect(Diagnosis.offsets(committed, snapshot: [:]) == nil)
    #expect(Diagnosis.clock(differenceMilliseconds: -61_000).message.contains("61 s"))
  }

  @Test func aNameThatDoesNotResolveIsToldFromAnAddressThatRefuses() {
    #expect(Reachability.check(host: "9c95dafd9323.invalid", port: 9092) == .unresolved)
    guard case .refused = Reachability.check(host: "127.0.0.1", port: 1) else {
      Issue.record("127.0.0.1:1 does not refuse")
      return
    }
  }
}

extension EndToEnd {
  /// The cause is named within seconds, by the engine and by the doctor.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct DiagnosisTests {
    private func findings(_ outcome: Outcome, _ level: String) -> [String] {
      (outcome.json["findings"] as? [[String: Any]] ?? []).filter { $0["level"] as? String == level }
        .compactMap { $0["message"] as? String }
    }

    @Test func theDoctorFindsNothingWhereAllIsWellInWhateverFormTheBrokersAreNamed() throws {
      let scene = try Scene("healthy")
      try scene.produceShipped(300)
      try scene.engine.start()
      try scene.engine.settle(applied: 300)
      let well = try freshet(["doctor", "--json", "--data-dir", scene.engine.directory, "--set", "instance.id=\(scene.name)"])
      #expect(well.status == 0 && findings(well, "error").isEmpty && findings(well, "warning").isEmpty, "\(well.output)\(well.messages)")
      #expect(findings(well, "ok").contains { $0.hasPrefix("the newest ") && $0.contains("are valid events") })
      #expect(try scene.engine.stop() == 0)

      let servers = try Bench.kafka()
      let list = try Bench.write("list.json", #"{"kafka": {"bootstrap_servers": ["\#(servers)", " PLAINTEXT://\#(servers)"]}}"#)
      let rest = ["--data-dir", try Bench.directory("none"), "--topic", scene.name, "--redis", scene.redis.url]
      for form in [["--config", list]]
        + ["PLAINTEXT://\(servers)", "\(servers), \(servers)", "\(servers) "].map({ ["--bootstrap-servers", $0] })
      {
        let outcome = try freshet(["doctor"] + form + rest)
        #expect(outcome.status == 0 && outcome.output.contains("a broker answers"), "\(form) \(outcome.output)\(outcome.messages)")
      }
      let scheme = try freshet(["doctor", "--bootstrap-servers", "SSL://\(servers)"] + rest)
      #expect(scheme.status == 78 && scheme.messages.contains("leave out SSL://"), "\(scheme.messages)")
    }

    @Test func theDoctorNamesWhatLosesDataOrCannotWork() throws {
      let scene = try Scene("ill")
      let kafka = try Bench.kafka()
      try shell(
        "'\(Place.kafkaHome)/bin/kafka-configs.sh' --bootstrap-server \(kafka) --alter --entity-type topics --entity-name \(scene.name) "
          + "--add-config cleanup.policy=compact")
      let value = Array(#"{"user_id":"u","item_id":"i"}"#.utf8)
      try scene.produce((0..<20).map { ("other-\($0)", value) } + (0..<20).map { ("u\($0)", Array("no json".utf8)) })
      try scene.redis.connection().command(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
      let ill = try freshet(["doctor", "--json", "--data-dir", try Bench.directory("none")] + scene.address)
      #expect(ill.status == 1)
      let errors = findings(ill, "error")
      #expect(errors.contains { $0.contains("is compacted") } && errors.contains { $0.contains("rejected, most of them as bad_json") })
      #expect(errors.contains { $0.contains("allkeys-lru") }, "\(ill.output)")
      #expect(findings(ill, "warning").contains { $0.contains("key that is not the user") }, "\(ill.output)")
      let table = try freshet(["doctor", "--data-dir", try Bench.directory("none")] + scene.address)
      #expect(table.status == 1 && errors.allSatisfy { table.output.contains($0) }, "\(table.output)")
    }

    /// A broker that can be reached but tells clients a name that cannot.
    @Test func anAdvertisedNameThatDoesNotResolveIsNamedWithinSeconds() throws {
      let directory = try Bench.directory("advertised")
      let broker = "'\(Place.kafkaHome)/bin/broker'"
      let output = try shell("\(broker) start '\(directory)'")
      defer { _ = try? shell("\(broker) kill '\(directory)'") }
      let servers = try #require(output.firstMatch(of: /bootstrap_servers=(\S+)/)?.output.1)
      let address = ["--bootstrap-servers", String(servers)]
      #expect(try freshet(["topics", "create", "--partitions", "2"] + address).status == 0)
      try shell("\(broker) stop '\(directory)'")
      try shell("sed -i 's#^advertised.listeners=.*#advertised.listeners=PLAINTEXT://9c95dafd9323:9092#' '\(directory)/server.properties'")
      try shell("\(broker) start '\(directory)'")

      let redis = try Redis()
      let engine = try Engine(address + ["--redis", redis.url])
      try engine.start()
      try eventually("the name in the probe", within: 15) { try get(engine.admin, "/readyz").body.contains("9c95dafd9323:9092") }
      #expect(try get(engine.admin, "/readyz").body.contains("advertised.listeners"))
      #expect(engine.messages.contains("advertised.listeners of the broker"), "\(engine.messages)")
      let doctor = try freshet(["doctor", "--json", "--data-dir", engine.directory])
      #expect(doctor.status == 1 && findings(doctor, "error").contains { $0.contains("9c95dafd9323:9092") }, "\(doctor.output)")
      engine.kill()
    }

    /// A producer dies in a transaction: what lies behind its first record cannot be read for minutes.
    @Test func anOpenTransactionIsNamedAndHoldsBackNobodyElse() throws {
      let scene = try Scene("open", partitions: 2)
      let kafka = try Bench.kafka()
      let payload = try Bench.write("payload.jsonl", #"{"user_id":"u0","item_id":"open-item"}"# + "\n")
      _ = try? shell(
        """
        timeout -s KILL 9 '\(Place.kafkaHome)/bin/kafka-producer-perf-test.sh' --topic \(scene.name) --num-records 100000 --throughput 5 \
        --payload-file '\(payload)' --transactional-id \(scene.name) --transaction-duration-ms 600000 --producer-props \
        bootstrap.servers=\(kafka) transaction.timeout.ms=600000 partitioner.ignore.keys=true batch.size=16384 >/dev/null 2>&1
        """)
      let before = try Bench.recordCount(scene.name)
      #expect(before > 0)
      try scene.engine.start()
      let users = (0..<40).map { "user-\($0)" }
      try scene.produce(users.map { ($0, Array(#"{"user_id":"\#($0)","item_id":"i"}"#.utf8)) })
      try eventually("the transaction in the status", within: 30) {
        try freshet(["status", "--data-dir", scene.engine.directory]).output.contains("an open transaction holds back the rest")
      }
      let text = try freshet(["status", "--data-dir", scene.engine.directory]).output
      #expect(text.contains(/WARNING +partitions: open-[0-9]+\[[01]\] is read up to offset [0-9]+ of [0-9]+/), "\(text)")
      // Users of the other partition are applied, and nobody waits for those of this one.
      try eventually("events of others", within: 20) { try scene.engine.status().applied > 0 }
      try eventually("ready", within: 20) { try get(scene.engine.admin, "/readyz").status == 200 }
      let doctor = try freshet(["doctor", "--json", "--data-dir", scene.engine.directory])
      #expect(findings(doctor, "warning").contains { $0.contains("open transaction") }, "\(doctor.output)")
      #expect(try scene.engine.stop() == 0)
    }
  }
}
