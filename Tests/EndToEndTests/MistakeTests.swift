import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Testing

extension EndToEnd {
  /// What a user does wrong, and what is not there: a sentence that names the fix, and the right exit status.
  @Suite(.serialized) struct MistakeTests {
    private static let nowhere = "127.0.0.1:1"

    @Test func withoutKafkaServeWaitsAndSaysSoAndProduceGivesUp() throws {
      let engine = try Engine(["--bootstrap-servers", Self.nowhere, "--redis", "redis://\(Self.nowhere)"])
      try engine.start()
      let producer = try Program([Place.binary, "produce", Place.shippedEvents, "--bootstrap-servers", Self.nowhere])
      try eventually("the sentence") { try get(engine.admin, "/readyz").body.contains("kafka.bootstrap_servers") }
      let ready = try get(engine.admin, "/readyz")
      #expect(ready.status == 503)
      #expect(ready.body.contains("redis.url"), "\(ready.body)")
      #expect(try get(engine.admin, "/livez").status == 200)
      #expect(try producer.wait(within: 15) == 1)
      #expect(producer.standardError.contains("kafka.bootstrap_servers"), "\(producer.standardError)")
      #expect(engine.messages.contains("kafka.bootstrap_servers"))
      #expect(engine.program?.status == nil)
      #expect(try engine.stop() == 0)
    }

    @Test(.disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
    func serveGoesOnWithoutRedisAndPublishesWhenOneAppears() throws {
      let scene = try Scene("late-redis")
      scene.redis.server.stop()
      try scene.engine.start()
      try scene.produceShipped(3000)
      try eventually("3000 events applied") { try scene.engine.status().applied == 3000 }
      let ready = try get(scene.engine.admin, "/readyz")
      #expect(ready.status == 503 && ready.body.contains("redis.url"), "\(ready.body)")
      let recommend = try freshet(["recommend", "17850", "--data-dir", scene.engine.directory])
      #expect(recommend.status == 1)
      #expect(recommend.messages.contains("redis.url"), "\(recommend.messages)")
      try scene.redis.server.start()
      try scene.engine.settle(applied: 3000)
      #expect(try get(scene.engine.admin, "/readyz").status == 200)
      let known = try freshet(["recommend", "17850", "--json", "--data-dir", scene.engine.directory])
      #expect(known.status == 0 && known.json["source"] as? String != "popular", "\(known.messages)")

      let unknown = try freshet(["recommend", "nobody", "-n", "3", "--json", "--data-dir", scene.engine.directory])
      #expect(unknown.status == 0)
      #expect(unknown.json["source"] as? String == "popular")
      #expect((unknown.json["items"] as? [Any])?.count == 3)
      #expect(unknown.messages.contains("no list for nobody"))

      let second = try freshet(["serve", "--data-dir", scene.engine.directory, "--admin", "127.0.0.1:0"] + scene.address)
      #expect(second.status == 1)
      #expect(second.messages.contains("--data-dir"), "\(second.messages)")
      #expect(try scene.engine.status().applied == 3000)
      #expect(try scene.engine.stop() == 0)
    }

    /// So it is when a command fails after it made its engine. The wait decides how far librdkafka has come.
    @Test(
      .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"), arguments: [0, 300, 1000])
    func aSourceThatIsDroppedWhileItJoinsItsGroupEndsInOrder(milliseconds: UInt32) throws {
      let scene = try Scene("dropped")
      var configuration = RecommenderConfiguration()
      configuration.kafka = scene.kafka
      configuration.kafka.groupID = scene.name
      configuration.kafka.groupInstanceID = "none"
      configuration.input.topics = [scene.name]
      var source: KafkaRecordSource? = try KafkaRecordSource(configuration: configuration)
      source?.start(at: PartitionOffsets())
      usleep(milliseconds * 1000)
      source = nil
      // Not reached otherwise: the process aborts.
      #expect(source == nil)
    }

    @Test(.disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
    func anAdminAddressThatIsTakenEndsServeWithASentence() throws {
      let scene = try Scene("taken")
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(listener) }
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_addr.s_addr = inet_addr("127.0.0.1")
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &name) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
        }
      }
      #expect(isBound && listen(listener, 1) == 0)
      let admin = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
      let taken = try freshet(
        ["serve", "--data-dir", try Bench.directory("other"), "--admin", admin, "--set", "kafka.group_id=\(scene.name)"] + scene.address)
      #expect(taken.status == 1)
      #expect(taken.messages.contains("admin.listen") || taken.messages.contains("--admin"), "\(taken.messages)")
    }

    @Test(.disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
    func aMissingTopicIsNamedWithTheCommandThatMakesItAndCreatingTwiceIsHarmless() throws {
      let topic = Bench.fresh("missing")
      let address = ["--bootstrap-servers", try Bench.kafka(), "--topic", topic]
      let produce = try freshet(["produce", Place.shippedEvents] + address)
      #expect(produce.status == 1)
      #expect(produce.messages.contains("freshet topics create"), "\(produce.messages)")
      let engine = try Engine(address + ["--redis", "redis://\(Self.nowhere)"], ["kafka.group_id=\(topic)"])
      try engine.start()
      try eventually("the sentence") { try get(engine.admin, "/readyz").body.contains("freshet topics create") }
      let first = try freshet(["topics", "create", "--partitions", "3", "--json"] + address)
      #expect(first.status == 0 && (first.json[topic] as? String)?.hasPrefix("created, 3") == true, "\(first.output)\(first.messages)")
      let second = try freshet(["topics", "create", "--partitions", "8", "--json"] + address)
      #expect(second.status == 0 && (second.json[topic + ".dlq"] as? String)?.hasPrefix("exists, 3") == true, "\(second.output)")
      try eventually("partitions", within: 40) {
        (try engine.status().object["kafka"] as? [String: Any])?["partitions_assigned"] as? Int == 3
      }
      #expect(try engine.stop() == 0)
    }

    @Test(arguments: [
      (["serve", "--set", "model.factor=8"], Int32(78), "model.factors"), (["status", "--set", "model.factors=many"], 78, "model.factors"),
      (["serve", "--redis", "redis://user:hunter2@h:1"], 78, "redis.password_file"),
      (["config", "check", "--config", "/no/such/file.json"], 78, "/no/such/file.json"),
      (["produce", "f", "--rat", "5"], 64, "--rate"), (["recomend", "u"], 64, "recommend"), (["produce"], 64, "FILE"),
      (["produce", "/no/such/file.tsv", "--bootstrap-servers", "127.0.0.1:1"], 1, "no such file"),
      (["produce", "/tmp", "--bootstrap-servers", "127.0.0.1:1"], 1, "directory"),
      (["train", "--train", "/no/such/file"], 1, "no such file"),
      (["evaluate", "holdout", "--data", "f", "--split", "kfold"], 64, "--split time or strong"),
      (["tune", "--data", "f", "--grid", "/no/such/grid.json"], 1, "/no/such/grid.json"),
      (["evaluate", "holdout", "--data", "f", "--folds", "5"], 64, "--split strong"),
      (["evaluate", "holdout", "--data", "f", "--set", "model.trend.weight=5"], 64, "evaluate prequential"),
      (["evaluate", "prequential", "--data", "/tmp"], 1, "directory"), (["demo", "--data", "/no/such/file"], 1, "no such file"),
      (["recommend", "u", "--redis", "redis://127.0.0.1:1"], 1, "redis.url"), (["status", "--admin", "127.0.0.1:1"], 1, "freshet serve"),
      (["topics", "create", "--bootstrap-servers", "127.0.0.1:1"], 1, "kafka.bootstrap_servers"),
    ])
    func aMistakeIsAnsweredWithItsFix(arguments: [String], status: Int32, expected: String) throws {
      let directory = try Bench.directory("empty")
      let outcome = try freshet(arguments + ["--data-dir", directory], within: 20)
      #expect(outcome.status == status)
      #expect(outcome.messages.contains(expected), "\(outcome.messages)")
      #expect(!outcome.messages.contains("hunter2"))
      #expect(outcome.output == "")
      #expect(!outcome.messages.contains("Fatal error"))
    }

    @Test(arguments: [
      (["status", "--set", "model.factor=8"], Int32(78), "unknown key model.factor (flag); did you mean model.factors?"),
      (["produce"], 64, "produce needs FILE"), (["status", "--admin", "127.0.0.1:1"], 1, "no engine answers on 127.0.0.1:1"),
      (["recommend", "u", "--redis", "redis://127.0.0.1:1"], 1, "redis.url"), (["statsu"], 64, "did you mean status?"),
    ])
    func withJSONAMistakeIsOneObjectOnStandardError(arguments: [String], status: Int32, expected: String) throws {
      let outcome = try freshet(arguments + ["--json", "--data-dir", try Bench.directory("empty")], within: 20)
      #expect(outcome.status == status && outcome.output == "")
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.messages.utf8)) as? [String: Any], "\(outcome.messages)")
      #expect((object["error"] as? String)?.contains(expected) == true, "\(outcome.messages)")
      #expect(object["status"] as? Int == Int(status))
      #expect((object["problems"] as? [String])?.count == 1)
    }

    /// The default address may be that of somebody else's engine.
    @Test(arguments: [["status"], ["models"], ["retrain"], ["snapshot"], ["recommend", "u"], ["popular"], ["produce", "f"]])
    func aNamedDirectoryWithoutAnEngineIsAnErrorAndNoDefaultIsAsked(command: [String]) throws {
      let directory = try Bench.directory("nobody here")
      let outcome = try freshet(command + ["--data-dir", directory], within: 20)
      #expect(outcome.status == 1)
      #expect(
        outcome.messages == "freshet: no engine runs with the data directory \(directory): "
          + "start it with `freshet serve --data-dir '\(directory)'`, or name another one\n")
    }

    @Test func checkingWithoutAFileSaysThatNoneWasFound() throws {
      let outcome = try freshet(["config", "check"])
      #expect(outcome.status == 0)
      #expect(
        outcome.output == "the configuration is valid: no file was found at freshet.json or /etc/freshet/freshet.json, "
          + "so only the environment and the options were checked\n")
      let file = try Bench.write("some.json", #"{"topn.n": 5}"#)
      #expect(try freshet(["config", "check", "--config", file]).output.contains("valid: \(file), the environment"))
      let json = try freshet(["config", "check", "--config", file, "--json"])
      #expect(json.json["ok"] as? Bool == true && json.json["file"] as? String == file)
    }

    @Test(.disabled(if: getuid() == 0, "root reads every file"))
    func anUnreadableFileIsNamed() throws {
      let file = try Bench.write("secret.tsv", "u\ti\n")
      chmod(file, 0)
      let outcome = try freshet(["train", "--train", file])
      #expect(outcome.status == 1)
      #expect(outcome.messages.contains("permissions"))
    }

    @Test(.disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
    func badLinesAndABrokenArchiveAreReportedAndTheGoodEventsBeforeThemArrive() throws {
      let scene = try Scene("files")
      var lines = (0..<50).map { "u\($0)\ti\($0)\t1\t170000000\($0)" }
      lines.insert("only-one-column", at: 10)
      lines.insert("u1\t\t5", at: 20)
      let file = try Bench.write("some.tsv", lines.joined(separator: "\n"))
      let some = try freshet(["produce", file, "--json"] + scene.address)
      #expect(some.status == 0)
      #expect(some.json["events"] as? Int == 50 && some.json["bad_lines"] as? Int == 2, "\(some.output)")
      #expect(some.messages.contains("line 11") && some.messages.contains("line 21"), "\(some.messages)")

      let whole = try Data(contentsOf: URL(fileURLWithPath: Place.shippedEvents))
      let broken = try Bench.directory("data") + "/broken.tsv.gz"
      try whole.prefix(60_000).write(to: URL(fileURLWithPath: broken))
      let cut = try freshet(["produce", broken, "--json"] + scene.address)
      #expect(cut.status == 1)
      #expect(cut.messages.contains("gzip") && cut.messages.contains("again"), "\(cut.messages)")
      // What was read before the damage has gone, and the message says how much that is.
      let arrived = try Bench.recordCount(scene.name) - 50
      #expect(arrived > 5_000)
      #expect(cut.messages.contains("\(arrived) events"), "\(arrived) arrived; said: \(cut.messages)")

      let text = try Bench.write("text.tsv", String(repeating: "no interactions here\n", count: 100))
      let refused = try freshet(["produce", text] + scene.address)
      #expect(refused.status == 1)
      #expect(refused.messages.contains("--format"), "\(refused.messages)")
    }
  }
}
