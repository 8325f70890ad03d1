import Foundation
import Testing

@testable import freshet

extension EndToEnd {
  /// Two engines with the same consumer group and namespace: the later one must not mute the first.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct SecondEngineTests {
    private func second(_ scene: Scene, _ more: [String] = []) throws -> Engine {
      try Engine(scene.address + more, ["kafka.group_id=\(scene.name)", "instance.id=second", "model.factors=16"])
    }

    private func isReady(_ engine: Engine) throws -> Bool { try get(engine.admin, "/readyz").status == 200 }

    private func members(_ group: String) throws -> Int {
      let answer = try shell(
        "'\(Place.kafkaHome)/bin/kafka-consumer-groups.sh' --bootstrap-server \(try Bench.kafka()) --describe --members --group \(group)")
      return answer.split(separator: "\n").count { $0.hasPrefix(group) }
    }

    @Test func aSecondEngineGivesWayBeforeItJoinsAndTheFirstLosesNothing() throws {
      let scene = try Scene("second")
      try scene.engine.start()
      try eventually("ready", within: 30) { try isReady(scene.engine) }
      try scene.produceShipped(500)
      try scene.engine.settle(applied: 500)

      let stray = try freshet(
        ["serve", "--data-dir", try Bench.directory("stray"), "--admin", "127.0.0.1:0", "--set", "kafka.group_id=\(scene.name)"]
          + scene.address, within: 20)
      #expect(stray.status == ExitStatus.displaced.rawValue)
      #expect(stray.messages.contains("instance \(scene.name) on ") && stray.messages.contains("--takeover"), "\(stray.messages)")
      #expect(!stray.messages.contains("partitions assigned"))
      try eventually("the first engine's line") { scene.engine.messages.contains("was started for this namespace and gave way") }
      #expect(!scene.engine.messages.contains("partitions revoked"), "\(scene.engine.messages)")
      #expect(try isReady(scene.engine))

      let next = try second(scene, ["--takeover"])
      try next.start()
      #expect(try scene.engine.program?.wait(within: 20) == ExitStatus.displaced.rawValue)
      #expect(scene.engine.messages.contains("took over the namespace"), "\(scene.engine.messages)")
      #expect(next.messages.contains("takes the namespace over"))
      try eventually("the second engine is ready", within: 30) { try isReady(next) }
      #expect(try next.stop() == 0)
    }

    /// systemd must not start again what gives way to another engine, or it does so every two seconds.
    @Test func theDocumentedUnitDoesNotStartAgainWhatGaveWay() throws {
      let document = try String(contentsOfFile: Place.packageRoot + "/deploy/systemd/freshet.service", encoding: .utf8)
      let line = try #require(document.split(separator: "\n").first { $0.hasPrefix("RestartPreventExitStatus=") })
      let codes = line.split(separator: "=")[1].split(separator: " ").compactMap { Int32($0) }
      #expect(Set(codes) == Set([ExitStatus.usage, .displaced, .configuration].map(\.rawValue)))
    }

    @Test func anEngineThatIsStoppedLeavesTheGroupUnlessItComesBack() throws {
      let scene = try Scene("leaving")
      try scene.engine.start()
      try eventually("ready", within: 30) { try isReady(scene.engine) }
      #expect(try members(scene.name) == 1)
      #expect(try scene.engine.stop() == 0)
      #expect(scene.engine.messages.contains("has left the consumer group"))
      #expect(try members(scene.name) == 0)

      // Another member has the partitions at once, and not after the 90 s of a session.
      let staying = try Engine(
        scene.address, ["kafka.group_id=\(scene.name)", "instance.id=second", "kafka.static_membership=true"])
      try staying.start()
      try eventually("ready", within: 20) { try isReady(staying) }
      #expect(try staying.stop() == 0)
      #expect(staying.messages.contains("keeps its place"))
      #expect(try members(scene.name) == 1)
    }
  }
}
