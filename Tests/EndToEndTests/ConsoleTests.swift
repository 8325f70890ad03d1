import Foundation
import Testing

@testable import freshet

@Suite struct MemoryLimitTests {
  @Test func theMachineAndTheContainerAreRead() {
    #expect(MemoryLimit.total(meminfo: "MemTotal:       16316412 kB\nMemFree:  1 kB\n") == 16_316_412 * 1024)
    #expect(MemoryLimit.total(meminfo: "MemFree: 1 kB\n") == nil)
    #expect(MemoryLimit.limit(cgroup: "536870912\n") == 536_870_912)
    #expect(MemoryLimit.limit(cgroup: "max\n") == nil)
  }
}

extension EndToEnd {
  /// The console of an engine with real servers.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ConsoleTests {
    private func object(_ engine: Engine, _ path: String) throws -> [String: Any] {
      let answer = try get(engine.admin, path)
      guard answer.status == 200, let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any] else {
        throw Failure("\(path): \(answer)")
      }
      return object
    }

    private func lines(_ engine: Engine) throws -> [String: [String: Any]] {
      let lines = try #require(try object(engine, "/v1/console")["lines"] as? [[String: Any]])
      return Dictionary(lines.map { ($0["id"] as? String ?? "", $0) }) { first, _ in first }
    }

    private func level(_ engine: Engine, _ line: String) throws -> String { try lines(engine)[line]?["level"] as? String ?? "" }
    private func text(_ engine: Engine, _ line: String) throws -> String { try lines(engine)[line]?["text"] as? String ?? "" }

    @Test func theConsoleTellsTheStoryOfAnEngine() throws {
      let scene = try Scene("console")
      let engine = scene.engine
      try engine.start()
      #expect(try get(engine.admin, "/").body.contains("<title>Freshet</title>"))
      try eventually("a start without events") { try text(engine, "arrives").hasPrefix("Nothing has arrived") }

      try scene.produceShipped(3000)
      try engine.settle(applied: 3000)
      try eventually("everything is well") { try level(engine, "works") == "ok" && level(engine, "model") == "ok" }
      let all = try lines(engine)
      #expect(all.count == 12 && all.values.allSatisfy { $0["level"] as? String != "bad" }, "\(all)")
      // A first model of a part of the events may have been followed by one of all.
      let model = try #require(all["model"]?["text"] as? String)
      #expect(model.hasPrefix("Epoch ") && model.contains(", trained "), "\(all)")
      try eventually("the memory of Redis") { try text(engine, "redis").hasPrefix("It uses") }
      try eventually("what a crash costs") { try text(engine, "crash").contains("a restart reads nothing again") }

      try lookUp(scene)
      try refusals(scene)
      try changes(scene)
      #expect(try engine.stop() == 0)
    }

    private func lookUp(_ scene: Scene) throws {
      let user = try #require(try String(contentsOfFile: Bench.head(Place.shippedEvents, 2), encoding: .utf8).split(separator: "\n").last)
        .split(separator: "\t")
      let found = try object(scene.engine, "/v1/console/user?id=\(user[0])")
      let history = try #require(found["history"] as? [[String: Any]])
      #expect(found["known"] as? Bool == true && !history.isEmpty && history.count <= 50, "\(found)")
      #expect(history.contains { $0["item"] as? String == String(user[1]) } || history.count == 50)
      let times = history.compactMap { $0["at_ms"] as? Int }
      #expect(times == times.sorted(by: >) && times.count == history.count)
      let list = try #require(found["list"] as? [String: Any])
      #expect(found["fallback"] as? Bool == false && (list["items"] as? [Any])?.isEmpty == false)
      let first = try #require((list["items"] as? [[String: Any]])?.first?["item"] as? String)
      let why = try object(scene.engine, "/v1/console/why?user=\(user[0])&item=\(first)")
      #expect((why["text"] as? [String])?.first?.contains("has the score") == true && (why["parts"] as? [Any])?.isEmpty == false, "\(why)")
      let unknown = try object(scene.engine, "/v1/console/user?id=a%2Fb%3Cc%3E")
      #expect(unknown["user"] as? String == "a/b<c>" && unknown["known"] as? Bool == false && unknown["fallback"] as? Bool == true)
      let item = try object(scene.engine, "/v1/console/item?id=\(history[0]["item"] as? String ?? "")")
      #expect(item["known"] as? Bool == true, "\(item)")
      #expect(try get(scene.engine.admin, "/v1/console/user").status == 400)
    }

    private func refusals(_ scene: Scene) throws {
      try scene.produce((0..<100).map { _ in ("u", Array(#"{"item_id":"i"}"#.utf8)) })
      try eventually("refused records") { try level(scene.engine, "refused") == "warning" }
      let text = try text(scene.engine, "refused")
      #expect(text.hasPrefix("100 of 3,100 records") && text.contains("Newest example: \(scene.name)["), "\(text)")
    }

    /// A reader with the newest number gets what changed since, and no more.
    private func changes(_ scene: Scene) throws {
      let sequence = try #require(try object(scene.engine, "/v1/console")["seq"] as? Int)
      scene.engine.program?.signal(SIGUSR1)
      try eventually("the request of a snapshot") {
        try text(scene.engine, "changed").hasPrefix("A snapshot was requested by signal")
      }
      let delta = try object(scene.engine, "/v1/console?since=\(sequence)")
      let rows = try #require((delta["series"] as? [String: Any])?["rows"] as? [[Any]])
      #expect(delta["full"] == nil && (1...30).contains(rows.count) && (delta["lines"] as? [Any])?.count ?? 12 < 12)
      let activity = try #require(delta["activity"] as? [[String: Any]])
      #expect(activity.contains { $0["text"] as? String == "The engine is ready" && $0["who"] as? String == "by itself" })
    }

    @Test func aConsoleWithoutRedisSaysSoAndStillKnowsTheHistory() throws {
      let scene = try Scene("console-away")
      try scene.engine.start()
      try scene.produce([("u", Array(#"{"user_id":"u","item_id":"i"}"#.utf8))])
      try scene.engine.settle(applied: 1)
      let connection = try scene.redis.connection()
      // Every other client has to log in from now on, and none of them can.
      _ = try connection.command(["CONFIG", "SET", "requirepass", "CANARY-password"])
      _ = try connection.command(["CLIENT", "KILL", "TYPE", "normal"])
      defer { _ = try? connection.command(["CONFIG", "SET", "requirepass", ""]) }
      try eventually("a red line") { try level(scene.engine, "works") == "bad" }
      let works = try #require(try lines(scene.engine)["works"])
      #expect((works["fix"] as? String)?.isEmpty == false, "\(works)")
      let found = try object(scene.engine, "/v1/console/user?id=u")
      #expect(found["problem"] is String && (found["history"] as? [Any])?.count == 1, "\(found)")
    }
  }
}
