import Foundation
import StreamingRecommender
import Testing

@testable import freshet

extension EndToEnd {
  /// What other programs read: the archive and exports. Tests/Platform reads the files with such programs.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ArchiveTests {
    /// The offsets that the names of the archive's files tell, by partition, in the order of the first ones.
    private func ranges(_ store: String) throws -> [Int: [ClosedRange<Int>]] {
      var ranges: [Int: [ClosedRange<Int>]] = [:]
      for file in FileManager.default.enumerator(atPath: store)?.compactMap({ $0 as? String }) ?? [] where file.hasSuffix(".parquet") {
        let fields = file.dropLast(".parquet".count).split(separator: "-").suffix(4).map(String.init)
        let (partition, first, last) = (Int(fields[0]), Int(fields[1]), Int(fields[2]))
        ranges[try #require(partition), default: []].append(try #require(first)...(try #require(last)))
      }
      return ranges.mapValues { $0.sorted { $0.lowerBound < $1.lowerBound } }
    }

    /// Every event changes something, so every offset has a row.
    private func events(_ numbers: Range<Int>) -> [(user: String, value: [UInt8]?)] {
      numbers.map { number in
        let user = "u\(number % 50)"
        let event = #"{"user_id":"\#(user)","item_id":"i\#(number % 37)","event_type":"view","event_id":"e\#(number)"}"#
        return (user, Array(event.utf8))
      }
    }

    @Test func everyOffsetIsInTheArchiveOnceAcrossKills() throws {
      let store = try Bench.directory("archive-store")
      let scene = try Scene("archive", partitions: 3, settings: ["archive.store=\(store)"])
      for life in 0..<4 {
        try scene.engine.start()
        try scene.produce(events(life * 500..<(life + 1) * 500))
        // In the middle of it, and at rest, with and without a snapshot after it.
        if life > 0 { try scene.engine.settle(applied: life * 500) }
        if life == 2 { #expect(try freshet(["snapshot", "--data-dir", scene.engine.directory]).status == 0) }
        if life < 3 { scene.engine.kill() }
      }
      try scene.engine.settle(applied: 2000)
      #expect(try freshet(["snapshot", "--data-dir", scene.engine.directory]).status == 0)
      let archive = try #require(try scene.engine.status().object["archive"] as? [String: Any])
      #expect(archive["waiting_rows"] as? Int == 0 && archive["problem"] is NSNull && archive["store"] as? String == store, "\(archive)")
      #expect(try scene.engine.metric("freshet_archived_files_total") == Double(archive["files"] as? Int ?? -1))
      var total = 0
      for (partition, ranges) in try ranges(store) {
        for (range, next) in zip(ranges, ranges.dropFirst()) {
          #expect(range.upperBound + 1 == next.lowerBound, "partition \(partition): \(ranges)")
        }
        #expect(ranges.first?.lowerBound == 0 && ranges.count > 1)
        total += (ranges.last?.upperBound ?? -1) + 1
      }
      #expect(total == 2000)
      #expect(try scene.engine.stop() == 0)

      try exports(scene)

      // The same topic anew under the same archive: nothing is taken for known that is not.
      try FileManager.default.removeItem(atPath: scene.engine.directory)
      let other = try Scene("archive-other", partitions: 3, settings: ["archive.store=\(store)"])
      try renameFiles(of: scene.name, to: other.name, in: store)
      try other.produce(events(5000..<7000))
      do {
        try other.engine.start()
        try eventually("the engine refuses") { other.engine.program?.status != nil || other.engine.messages.contains("created anew") }
      } catch let failure as Failure { #expect("\(failure)".contains("created anew")) }
      #expect(other.engine.messages.contains("name another archive.store"), "\(other.engine.messages)")
    }

    private func renameFiles(of topic: String, to other: String, in store: String) throws {
      for file in FileManager.default.enumerator(atPath: store)?.compactMap({ $0 as? String }) ?? [] where file.hasSuffix(".parquet") {
        try FileManager.default.moveItem(atPath: "\(store)/\(file)", toPath: "\(store)/\(file.replacing(topic, with: other))")
      }
    }

    /// What the snapshot holds, as text.
    private func exports(_ scene: Scene) throws {
      let directory = ["--data-dir", scene.engine.directory]
      let pairs = try freshet(["export", "interactions"] + directory)
      let rows = try pairs.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(pairs.status == 0 && rows.count == 50 * 37, "\(rows.count) \(pairs.messages)")
      #expect(rows.reduce(0) { $0 + ($1["strength"] as? Double ?? 0) } == 2000)
      let file = try Bench.directory("exports") + "/lists.csv"
      let lists = try freshet(["export", "lists", "--output", file, "--json", "--set", "topn.n=5"] + directory)
      #expect(lists.status == 0 && lists.json["format"] as? String == "csv", "\(lists.messages)")
      let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\r\n")
      #expect(
        lines.first == "user,rank,item,score,epoch,source" && lines.count == (lists.json["rows"] as? Int ?? 0) + 1, "\(lines.prefix(3))")
      let again = try freshet(["export", "lists", "--output", file] + directory)
      #expect(again.status == 1 && again.messages.contains("--force"), "\(again.messages)")
      for (what, name) in [("factors", "f.npz"), ("interactions", "m.npz"), ("factors", "f.parquet"), ("similar", "s.jsonl")] {
        let outcome = try freshet(["export", what, "--output", file + name, "--json"] + directory)
        #expect(outcome.status == 0 && (outcome.json["rows"] as? Int ?? 0) > 50, "\(what): \(outcome.messages)")
      }
      let refused = try freshet(["export", "lists", "--output", file + ".npz"] + directory)
      #expect(refused.status == ExitStatus.usage.rawValue && refused.messages.contains("parquet, jsonl, csv"), "\(refused.messages)")
      #expect(try freshet(["export", "popular", "--snapshot", try Bench.directory("none")]).status == 1)
      #expect(try freshet(["export", "nothing"]).messages.contains("interactions, factors"))
    }
  }
}
