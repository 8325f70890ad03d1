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
      for _ in 0..<5 { events.append((#"{"user_id":"u"}"#, good)) }
      try scene.produce(events)
      try eventually("records counted") {
        (try scene.engine.status().object["records"] as? [String: Any])?["total"] as? Int == 105
      }
      // A snapshot directory that is none, as far as the engine can tell.
      let snapshots = scene.engine.directory + "/snapshots"
      try FileManager.default.removeItem(atPath: snapshots)
      try Data().write(to: URL(fileURLWithPath: snapshots))
      try eventually("a failing snapshot") { try checks(scene.engine)["snapshots"]?["level"] as? String == "warning" }

      let status = try scene.engine.printedStatus().object
      #expect(status["instance"] as? String == scene.name && status["data_dir"] as? String == scene.engine.directory)
      let records = try #require(status["records"] as? [String: Any])
      let rejected = try #require((records["rejected"] as? [String: Any])?["reasons"] as? [[String: Any]])
      #expect(rejected.count == 1 && rejected[0]["reason"] as? String == "bad_json" && rejected[0]["total"] as? Int == 10)
      let example = try #require(rejected[0]["example"] as? [String: Any])
      #expect(example["topic"] as? String == scene.name && example["partition"] is Int && example["offset"] is Int)
      let text = try freshet(["status", "--data-dir", scene.engine.directory]).output
      try eventually("a line of each condition") { scene.engine.messages.components(separatedBy: "\"condition\":").count > 4 }
      let conditions = try #require(status["conditions"] as? [[String: Any]])
      #expect(Set(conditions.compactMap { $0["name"] as? String }) == ["snapshots", "records", "types", "keys"], "\(conditions)")
      let log = scene.engine.messages.split(separator: "\n").compactMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      let found = try checks(scene.engine)
      for condition in conditions {
        let name = try #require(condition["name"] as? String)
        let message = try #require(condition["message"] as? String)
        #expect(found[name]?["message"] as? String == message && found[name]?["ok"] as? Bool == true)
        #expect(text.contains(message), "\(text)")
        #expect(log.contains { $0["msg"] as? String == "\(name): \(message)" }, "\(scene.engine.messages)")
      }
      #expect(log.contains { ($0["msg"] as? String)?.contains("ignored: unknown_type") == true && $0["offset"] is Int })
      #expect(try get(scene.engine.admin, "/readyz").body == "ok\n")
      try FileManager.default.removeItem(atPath: snapshots)
      try FileManager.default.createDirectory(atPath: snapshots, withIntermediateDirectories: true)
      #expect(try scene.engine.stop() == 0)
    }
  }
}
