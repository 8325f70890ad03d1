import Foundation
import KafkaIngest
import StreamingRecommender
import Telemetry
import Testing

@testable import freshet

@Suite struct ReadingStartTests {
  private let now: Int64 = 1_795_900_000_000

  @Test(arguments: [
    ("snapshot", ReadingStart.snapshot), ("earliest", .earliest), ("2026-11-20T06:00:00Z", .time(1_795_154_400_000)),
    ("2026-11-20T06:00:00.5+02:00", .time(1_795_147_200_500)), ("2026-11-20", .time(1_795_132_800_000)),
    ("1795154400", .time(1_795_154_400_000)), ("1795154400000", .time(1_795_154_400_000)),
  ])
  func theFormsAreRead(text: String, start: ReadingStart) throws { #expect(try ReadingStart(text, nowMilliseconds: now) == start) }

  @Test(arguments: ["", "yesterday", "03/04/2026", "latest", "2036-01-01", "-5"])
  func othersAreRefusedWithTheFormsThatAreAllowed(text: String) {
    let error = #expect(throws: UsageError.self) { try ReadingStart(text, nowMilliseconds: now) }
    #expect(error?.message.contains("allowed: earliest, snapshot, or a time") == true)
  }

  @Test(arguments: [
    ["serve", "--embedded", "--from", "2026-11-20"], ["serve", "--set-aside"], ["serve", "--from", "snapshot", "--set-aside"],
    ["serve", "--from", "03/04/2026"],
  ])
  func optionsThatDoNotGoTogetherAreRefusedBeforeAnythingStarts(arguments: [String]) throws {
    let directory = try Bench.directory("refused")
    let outcome = try freshet(arguments + ["--data-dir", directory + "/data"])
    #expect(outcome.status == ExitStatus.usage.rawValue && outcome.messages.contains("--from"), "\(outcome.messages)")
    #expect(!FileManager.default.fileExists(atPath: directory + "/data"))
  }
}

extension EndToEnd {
  /// `serve --from`, and an engine whose group was moved by someone else.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct StartTests {
    private func serve(_ scene: Scene, _ more: [String]) throws -> Engine {
      try Engine(
        scene.address + more,
        ["kafka.group_id=\(scene.name)", "instance.id=\(scene.name)", "snapshot.interval=1s", "model.factors=16"],
        directory: scene.engine.directory)
    }

    private func position(_ engine: Engine, _ partition: Int) throws -> [String: Any] {
      let positions = try engine.status().object["positions"] as? [[String: Any]] ?? []
      return try #require(positions.first { $0["partition"] as? Int == partition }, "\(positions)")
    }

    private func snapshots(_ engine: Engine) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: engine.directory + "/snapshots").sorted()
    }

    @Test func anEngineThatLostItsDirectoryStartsFromTheStore() throws {
      let scene = try Scene("from-store")
      let store = try Bench.directory("snapshot-store")
      let engine = try serve(scene, ["--set", "snapshot.store=\(store)"])
      try engine.start()
      try scene.produceShipped(3000)
      try engine.settle(applied: 3000)
      #expect(try freshet(["retrain", "--wait", "--data-dir", engine.directory]).status == 0)
      let before = try engine.settle(applied: 3000)
      #expect(try engine.stop() == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: store).contains { $0.hasSuffix(".frs") })
      try FileManager.default.removeItem(atPath: engine.directory)
      let next = try serve(scene, ["--set", "snapshot.store=\(store)"])
      try next.start()
      let after = try next.settle(applied: 3000)
      #expect(after.epoch == before.epoch)
      #expect(try after.stateHash == before.stateHash)
      #expect((after.object["start"] as? [String: Any])?["from"] as? String == "snapshot", "\(after.object)")
      #expect(try next.stop() == 0)
    }

    @Test func theLogIsReadAgainIntoANewStateAndNothingOfTheOldOneIsDeleted() throws {
      let scene = try Scene("from-earliest")
      try scene.engine.start()
      try scene.produceShipped(3000)
      let before = try scene.engine.settle(applied: 3000)
      #expect(before.epoch > 0)
      #expect(try scene.engine.stop() == 0)
      let files = try snapshots(scene.engine).filter { $0.hasSuffix(".frs") }
      let list = try #require(try scene.redis.list(scene.name, "17850"))

      let refused = try freshet(
        ["serve", "--from", "earliest", "--data-dir", scene.engine.directory, "--admin", "127.0.0.1:0"] + scene.address)
      #expect(refused.status == ExitStatus.configuration.rawValue && refused.messages.contains("--set-aside"), "\(refused.messages)")
      #expect(try snapshots(scene.engine).filter { $0.hasSuffix(".frs") } == files)

      let again = try serve(scene, ["--from", "earliest", "--set-aside"])
      try again.start()
      let after = try again.settle(applied: 3000)
      #expect(after.users == before.users && after.interactions == before.interactions)
      #expect(try after.stateHash == before.stateHash, "the same log gives the same state")
      #expect(after.epoch > before.epoch)
      #expect(try #require(try scene.redis.list(scene.name, "17850")).epoch > list.epoch)
      #expect((after.object["start"] as? [String: Any])?["from"] as? String == "earliest")
      #expect(try position(again, 0)["start_from"] as? String == "earliest")
      #expect(again.messages.contains("reading begins at the earliest records, as --from says"))
      let aside = try #require(try snapshots(again).first { $0.hasPrefix("set-aside-") })
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(again.directory)/snapshots/\(aside)").sorted() == files)
      #expect(try again.stop() == 0)

      // Without the option, the new state goes on.
      let next = try serve(scene, [])
      try next.start()
      let resumed = try next.settle(applied: 3000)
      #expect(try resumed.stateHash == after.stateHash && resumed.epoch == after.epoch)
      #expect(try position(next, 0)["start_from"] as? String == "snapshot")
      #expect(try next.stop() == 0)
    }

    @Test func aTimeBeginsAtTheRecordsSinceThen() throws {
      let scene = try Scene("from-time", partitions: 1)
      let start = WallClock.milliseconds() - 3_600_000
      let producer = try KafkaEventProducer(kafka: scene.kafka, pace: .paced)
      for second in 0..<20 as Range<Int64> {
        try producer.produce(
          topic: scene.name, key: Array("u\(second)".utf8), value: EventTests.event("u\(second)", "i1"),
          timestampMilliseconds: start + second * 1000)
      }
      #expect(producer.flush(timeout: .seconds(20)) && producer.failed == 0)
      let time = Timestamp.rfc3339(milliseconds: start + 14_500)
      let engine = try serve(scene, ["--from", time])
      try engine.start()
      let status = try engine.settle(applied: 5)
      #expect(status.users == 5 && status.applied == 5)
      let place = try position(engine, 0)
      #expect(place["start"] as? Int == 15 && place["start_from"] as? String == "time" && place["next"] as? Int == 20)
      // A kill before the first event is in a snapshot of its own would otherwise begin at offset 0.
      engine.kill()
      let next = try serve(scene, [])
      try next.start()
      #expect(try next.settle(applied: 5).users == 5)
      #expect(try next.stop() == 0)
    }

    @Test func aGroupThatWasMovedDoesNotCountAndThatIsSaid() throws {
      let scene = try Scene("moved", partitions: 1)
      try scene.engine.start()
      try scene.produce((0..<30).map { ("u\($0)", EventTests.event("u\($0)", "i1")) })
      let before = try scene.engine.settle(applied: 30)
      #expect(try scene.engine.stop() == 0)
      try shell(
        "'\(Place.kafkaHome)/bin/kafka-consumer-groups.sh' --bootstrap-server \(try Bench.kafka()) --group \(scene.name) "
          + "--topic \(scene.name) --reset-offsets --to-offset 5 --execute")
      try scene.engine.start()
      let after = try scene.engine.settle(applied: 30)
      #expect(try after.stateHash == before.stateHash)
      try eventually("the committed offset in the status") { try position(scene.engine, 0)["committed"] as? Int == 5 }
      let place = try position(scene.engine, 0)
      #expect(place["start"] as? Int == 30 && place["start_from"] as? String == "snapshot")
      #expect(scene.engine.messages.contains("the snapshot counts") && scene.engine.messages.contains("[0]=30 (committed 5)"))
      let text = try freshet(["status", "--data-dir", scene.engine.directory]).output
      #expect(text.contains("the group had committed 5, and 30 counted"), "\(text)")
      #expect(try scene.engine.stop() == 0)
    }
  }
}
