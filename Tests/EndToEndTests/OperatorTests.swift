import Foundation
import Testing

extension EndToEnd {
  /// What an operator sees when something is wrong.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct OperatorTests {
    private func checks(_ engine: Engine) throws -> [String: [String: Any]] {
      let object = try JSONSerialization.jsonObject(with: Data(try get(engine.admin, "/readyz?verbose").body.utf8)) as? [String: Any]
      let checks = object?["checks"] as? [[String: Any]] ?? []
      return Dictionary(checks.map { ($0["name"] as? String ?? "", $0) }) { first, _ in first }
    }

    @Test func wrongEventsAndFailingSnapshotsStandInTheSameWordsInStatusReadinessAndLog() throws {
      let scene = try Scene("wrong", configuration: #"{"input": {"weights": {"view": 1}}}"#)
      try scene.engine.start()
      let good = Array(#"{"user_id":"u","item_id":"i","event_type":"view"}"#.utf8)
      let other = Array(#"{"user_id":"u","item_id":"i","event_type":"ad_click"}"#.utf8)
      var events: [(user: String, value: [UInt8]?)] = []
      for _ in 0..<30 { events.append(("u", good)) }
      for _ in 0..<60 { events.append(("u", other)) }
      for _ in 0..<10 { events.append(("u", Array("{".utf8))) }
      for _ in 0..<5 { events.append(("other", good)) }
      try scene.produce(events)
      try eventually("records counted") {
        (try scene.engine.status().object["records"] as? [String: Any])?["total"] as? Int == 105
      }
      // A snapshot directory that is none, as far as the engine can tell.
      let snapshots = scene.engine.directory + "/snapshots"
      try FileManager.default.removeItem(atPath: snapshots)
      try Data().write(to: URL(fileURLWithPath: snapshots))
      try eventually("a failing snapshot") { try checks(scene.engine)["snapshots"]?["level"] as? String == "warning" }

      // A condition may change between two readings; both must come to the same words.
      var status: [String: Any] = [:]
      try eventually("status and readiness in the same words") {
        status = try scene.engine.printedStatus().object
        let found = try checks(scene.engine)
        return try #require(status["conditions"] as? [[String: Any]]).allSatisfy { condition in
          let check = found[condition["name"] as? String ?? ""]
          return check?["message"] as? String == condition["message"] as? String && check?["ok"] as? Bool == true
        }
      }
      #expect(status["instance"] as? String == scene.name && status["data_dir"] as? String == scene.engine.directory)
      let records = try #require(status["records"] as? [String: Any])
      let rejected = try #require((records["rejected"] as? [String: Any])?["reasons"] as? [[String: Any]])
      #expect(rejected.count == 1 && rejected[0]["reason"] as? String == "bad_json" && rejected[0]["total"] as? Int == 10)
      let example = try #require(rejected[0]["example"] as? [String: Any])
      #expect(example["topic"] as? String == scene.name && example["partition"] is Int && example["offset"] is Int)
      let text = try freshet(["status", "--data-dir", scene.engine.directory]).output
      try eventually("a line of each condition") {
        ["snapshots", "model", "records", "types", "keys"].allSatisfy { scene.engine.messages.contains("\"msg\":\"\($0): ") }
      }
      let conditions = try #require(status["conditions"] as? [[String: Any]])
      #expect(Set(conditions.compactMap { $0["name"] as? String }) == ["snapshots", "model", "records", "types", "keys"], "\(conditions)")
      let log = scene.engine.messages.split(separator: "\n").compactMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      for condition in conditions {
        let name = try #require(condition["name"] as? String)
        let message = try #require(condition["message"] as? String)
        // The name of the file that could not be written changes with each attempt.
        let words = name == "snapshots" ? String(message.prefix { $0 != "/" }) : message
        #expect(text.contains(words), "\(text)")
        #expect(log.contains { ($0["msg"] as? String)?.hasPrefix("\(name): \(words)") == true }, "\(scene.engine.messages)")
      }
      #expect(log.contains { ($0["msg"] as? String)?.contains("ignored: unknown_type") == true && $0["offset"] is Int })
      #expect(try get(scene.engine.admin, "/readyz").body == "ok\n")
      try FileManager.default.removeItem(atPath: snapshots)
      try FileManager.default.createDirectory(atPath: snapshots, withIntermediateDirectories: true)
      #expect(try scene.engine.stop() == 0)
    }

    private func curl(_ address: String, _ path: String, _ more: String = "") throws -> (status: Int, body: String) {
      let answer = try shell("curl -s -m 5 -w '\\n%{http_code}' \(more) 'http://\(address)\(path)'")
      let lines = answer.split(separator: "\n", omittingEmptySubsequences: false)
      return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    @Test func anAdminServerForOtherMachinesNeedsATokenAndProbesHaveAnAddressOfTheirOwn() throws {
      let token = "0123456789abcdef0123456789abcdef"
      let file = try Bench.write("token", token + "\n")
      chmod(file, 0o600)
      let scene = try Scene("token")
      let engine = try Engine(
        scene.address, ["kafka.group_id=\(scene.name)", "admin.token_file=\(file)", "probes.listen=0.0.0.0:0"], admin: "0.0.0.0:0")
      try engine.start()
      let port = try #require(engine.admin.split(separator: ":").last)
      #expect(engine.admin.hasPrefix("0.0.0.0:"))
      for path in ["/livez", "/metrics", "/v1/status"] {
        #expect(try curl("127.0.0.1:\(port)", path).status == 401)
        #expect(try curl("127.0.0.1:\(port)", path, "-H 'Authorization: Bearer \(token)'").status == 200)
      }
      let probes = try #require(
        engine.messages.firstMatch(of: /"probes":"0\.0\.0\.0:([0-9]+)"/)?.output.1, "\(engine.messages)")
      #expect(try curl("127.0.0.1:\(probes)", "/livez").status == 200)
      #expect(try curl("127.0.0.1:\(probes)", "/metrics").body.contains("freshet_build_info"))
      #expect(try curl("127.0.0.1:\(probes)", "/v1/status").status == 404)
      #expect(try curl("127.0.0.1:\(probes)", "/v1/retrain", "-X POST").status == 404)
      // The commands find the token as they find the address.
      let status = try freshet(["status", "--json", "--data-dir", engine.directory])
      #expect(status.status == 0 && status.json["version"] != nil, "\(status.messages)")
      let other = try Bench.write("other", String(repeating: "x", count: 32))
      chmod(other, 0o600)
      let wrong = try freshet(["status", "--data-dir", engine.directory, "--set", "admin.token_file=\(other)"])
      #expect(wrong.status == 1 && wrong.messages.contains("admin.token_file"), "\(wrong.messages)")
      // Replaced without a restart.
      try Data(String(repeating: "x", count: 32).utf8).write(to: URL(fileURLWithPath: file))
      #expect(try curl("127.0.0.1:\(port)", "/livez", "-H 'Authorization: Bearer \(token)'").status == 401)
      #expect(!engine.messages.contains(token))
      #expect(try engine.stop() == 0)
    }

    @Test func titlesAreLoadedByACommandOfTheirOwn() throws {
      let redis = try Redis()
      let file = try Bench.write("items.tsv", "item\ttitle\n22423\tCake stand\n\tno item\n85123A\tHeart holder\tHome|Decoration\n")
      let loaded = try freshet(["titles", file, "--redis", redis.url, "--json"])
      #expect(loaded.status == 0 && loaded.json["titles"] as? Int == 2 && loaded.json["bad_lines"] as? Int == 1, "\(loaded.output)")
      #expect(loaded.messages.contains("line 3"))
      #expect(try redis.connection().command(["HGET", "freshet:default:titles", "22423"]).text == "Cake stand")
      let empty = try freshet(["titles", try Bench.write("none.tsv", "nothing\n"), "--redis", redis.url])
      #expect(empty.status == 1 && empty.messages.contains("no titles"))
    }
  }
}
