import Foundation
import KafkaIngest
import RecommenderTestKit
import RedisPublishing
import StreamingRecommender
import Synchronization
import Testing

extension EndToEnd {
  /// Real Kafka, real Redis, an engine that dies.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct CrashTests {
    private static let settings = [
      "snapshot.interval=1s", "retrain.every_events=8000", "model.factors=16", "publish.max_rate=5000", "retrain.max_quality_drop=1",
    ]
    private static let partitions = 4

    /// MovieLens where it is there, else what is shipped.
    private static func events() throws -> (file: String, count: Int) {
      let hasMovieLens = FileManager.default.fileExists(atPath: Place.movieLens)
      if !hasMovieLens {
        FileHandle.standardError.write(Data("EndToEndTests: no \(Place.movieLens), the shipped events are used\n".utf8))
      }
      let file = try Bench.head(hasMovieLens ? Place.movieLens : Place.shippedEvents, 60_000)
      return (file, 60_000)
    }

    /// Everything that one run needs, under names of its own.
    private struct Run {
      let name: String
      let engine: Engine
      let address: [String]

      init(_ name: String, _ kafka: String, _ redis: Redis, _ settings: [String] = CrashTests.settings) throws {
        self.name = Bench.fresh(name)
        address = ["--bootstrap-servers", kafka, "--topic", self.name, "--redis", redis.url, "--namespace", self.name]
        engine = try Engine(address, settings + ["kafka.group_id=\(self.name)", "instance.id=\(self.name)"])
        let made = try freshet(["topics", "create", "--partitions", "\(CrashTests.partitions)"] + address)
        guard made.status == 0 else { throw Failure(made.messages) }
      }
    }

    @Test func killedAgainAndAgainTheStateIsThatOfAnUndisturbedRunAndNoListStepsBack() throws {
      let seed = UInt64(Place.environment["FRESHET_SEED"] ?? "") ?? UInt64.random(in: 0..<1_000_000)
      print("kill -9 loop: FRESHET_SEED=\(seed)")
      var generator = SeededGenerator(seed: seed)
      let (file, count) = try Self.events()
      let kafka = try Bench.kafka()
      let redis = try Redis()

      let calm = try Run("calm", kafka, redis)
      try calm.engine.start()
      let produced = try freshet(["produce", file, "--max", "--json"] + calm.address)
      #expect(produced.status == 0, "\(produced.messages)")
      #expect(produced.json["events"] as? Int == count)
      try calm.engine.settle(applied: count)
      let expected = try calm.engine.printedStatus()
      #expect(try calm.engine.stop() == 0)

      let wild = try Run("wild", kafka, redis)
      let users = try Self.users(file)
      let watcher = Watcher(redis, wild.name, Array(users.prefix(20)) + users.suffix(20))
      try wild.engine.start()
      let producer = try Program([Place.binary, "produce", file, "--rate", "6000"] + wild.address)
      var kills: [String] = []
      for _ in 0..<5 {
        let pause = Double.random(in: 0.2...2.2, using: &generator)
        usleep(UInt32(pause * 1e6))
        kills.append("\(Self.brief(try? wild.engine.status())) after \(Int(pause * 1000)) ms")
        wild.engine.kill()
        try wild.engine.start()
      }
      try eventually("a retrain's publish to kill", every: 3) { try wild.engine.status().rollout != nil }
      kills.append("\(Self.brief(try? wild.engine.status())), in a rollout")
      wild.engine.kill()
      try wild.engine.start()
      #expect(try producer.wait(within: 60) == 0, "\(producer.standardError)")
      try wild.engine.settle(applied: count)
      // Once more with nothing left to read.
      wild.engine.kill()
      try wild.engine.start()
      try wild.engine.settle(applied: count)
      print("killed at: \(kills.joined(separator: "; "))")

      let ended = try wild.engine.printedStatus()
      #expect(ended.interactions == expected.interactions)
      #expect(ended.applied == expected.applied)
      #expect(ended.applied == count)
      #expect(ended.users == users.count)
      #expect(try ended.stateHash == expected.stateHash)
      #expect(watcher.stop() == [])
      #expect(watcher.looks > 100)
      let lists = try Self.epochs(redis, wild.name, users)
      #expect(ended.epoch > 0 && lists.count == users.count)
      #expect(lists.filter { $0.value != ended.epoch } == [:], "epoch \(ended.epoch)")
      #expect(try wild.engine.stop() == 0)
    }

    @Test func aStoppedEngineEndsInTimeUnderLoadAndReplaysNothing() throws {
      let redis = try Redis()
      let run = try Run("term", try Bench.kafka(), redis)
      let file = try Bench.head(Place.shippedEvents, 60_000)
      try run.engine.start()
      let producer = try Program([Place.binary, "produce", file, "--rate", "8000"] + run.address)
      try eventually("load") { try run.engine.status().applied > 12_000 }
      let began = ContinuousClock.now
      #expect(try run.engine.stop() == 0, "\(run.engine.messages.suffix(500))")
      #expect(ContinuousClock.now - began < .seconds(25))
      #expect(!FileManager.default.fileExists(atPath: run.engine.directory + "/endpoints.json"))
      producer.end()
      let end = try Bench.recordCount(run.name)
      try run.engine.start()
      let status = try run.engine.settle(applied: end)
      #expect(status.applied == end)
      #expect(try run.engine.stop() == 0)
      try run.engine.start()
      try run.engine.settle(applied: end)
      #expect(try #require(try run.engine.metric("freshet_replayed_records_total")) == 0)
      #expect(try run.engine.status().stateHash == status.stateHash)
      #expect(try run.engine.stop() == 0)
    }

    @Test func aRedisThatComesBackEmptyGetsEveryListAgain() throws {
      let redis = try Redis()
      let run = try Run("empty", try Bench.kafka(), redis)
      let file = try Bench.head(Place.shippedEvents, 20_000)
      try run.engine.start()
      #expect(try freshet(["produce", file, "--max"] + run.address).status == 0)
      try run.engine.settle(applied: 20_000)
      let more = try Program([Place.binary, "produce", file, "--rate", "5000"] + run.address)
      usleep(1_000_000)
      redis.server.kill()
      usleep(1_500_000)
      #expect(try get(run.engine.admin, "/readyz").body.contains("redis"))
      try redis.server.start()
      #expect(try more.wait(within: 60) == 0)
      let status = try run.engine.settle(applied: 40_000)
      #expect(status.applied == 40_000)
      let users = try Self.users(file)
      let lists = try Self.epochs(redis, run.name, users)
      #expect(status.epoch > 0 && !users.isEmpty && lists.count == users.count)
      #expect(lists.filter { $0.value != status.epoch } == [:], "epoch \(status.epoch)")
      let model = try redis.connection().command(["HGET", "freshet:\(run.name):model", "epoch"]).text
      #expect(model == "\(status.epoch)")
      let popular = try freshet(["popular", "--json", "--data-dir", run.engine.directory])
      #expect(popular.status == 0 && (popular.json["items"] as? [Any])?.isEmpty == false)
      #expect(try run.engine.stop() == 0)
    }

    // MARK: Helpers

    private static func brief(_ status: Status?) -> String {
      guard let status else { return "no status" }
      return "\(status.applied) events, epoch \(status.epoch)\(status.rollout.map { ", rollout \($0)" } ?? "")"
    }

    private static func users(_ file: String) throws -> [String] {
      Array(Set(try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { String($0.prefix { $0 != "\t" }) })).sorted()
    }

    /// The epoch of every user's list; -2 where there is none, which is the epoch of no status.
    private static func epochs(_ redis: Redis, _ namespace: String, _ users: [String]) throws -> [String: Int] {
      let connection = try redis.connection()
      return try users.reduce(into: [:]) { epochs, user in
        let bytes = try connection.command(["GET", "freshet:\(namespace):{u:\(user)}:top"]).bytes
        epochs[user] = try bytes.map { try StoredList($0).epoch } ?? -2
      }
    }
  }
}

/// Reads some users' lists over and over, and notes what a reader must never see.
private final class Watcher: Sendable {
  private struct Seen {
    var violations: [String] = []
    var looks = 0
    var isStopping = false
  }
  private let seen = Mutex(Seen())
  private let ended = DispatchSemaphore(value: 0)

  var looks: Int { seen.withLock { $0.looks } }

  init(_ redis: Redis, _ namespace: String, _ users: [String]) {
    let address = redis.server.address
    let keys = users.map { "freshet:\(namespace):{u:\($0)}:top" }
    Thread.detachNewThread { [self] in
      do { try watch(try RedisConnection(address, timeout: .seconds(10), replyBytesMax: 1 << 20), keys, namespace) } catch {
        note("\(error)")
      }
      ended.signal()
    }
  }

  private func note(_ text: String) { seen.withLock { if $0.violations.count < 10 { $0.violations.append(text) } } }

  private func watch(_ connection: RedisConnection, _ keys: [String], _ namespace: String) throws {
    var last: [String: (epoch: Int, offset: Int)] = [:]
    var lastModel = 0
    while !seen.withLock({ $0.isStopping }) {
      guard case .array(let values) = try connection.command(["MGET"] + keys) else { return note("MGET gives no array") }
      for (key, value) in zip(keys, values) {
        guard let bytes = value.bytes else {
          if last[key] != nil { note("\(key) is gone") }
          continue
        }
        guard let list = try? StoredList(bytes) else {
          note("\(key): \(String(decoding: bytes.prefix(100), as: UTF8.self))")
          continue
        }
        if let before = last[key], (list.epoch, list.offset) < (before.epoch, before.offset) {
          note("\(key) went from \(before) to (epoch: \(list.epoch), offset: \(list.offset))")
        }
        last[key] = (list.epoch, list.offset)
      }
      let model = Int(try connection.command(["HGET", "freshet:\(namespace):model", "epoch"]).text ?? "") ?? 0
      if model < lastModel { note("the model pointer went from \(lastModel) to \(model)") }
      lastModel = max(model, lastModel)
      seen.withLock { $0.looks += 1 }
      usleep(2000)
    }
  }

  /// Ends the watch; what it saw that it should not have seen.
  func stop() -> [String] {
    seen.withLock { $0.isStopping = true }
    ended.wait()
    return seen.withLock { $0.violations }
  }
}
