import Factorization
import Foundation
import Testing

@testable import freshet

extension EndToEnd {
  /// `export candidates`: what a ranker learns from, and what it ranks.
  @Suite(.serialized) struct CandidateTests {
    private struct Event: Equatable {
      var user: String
      var item: String
      let time: Int
    }

    private typealias Row = [String: String]

    private static let outcomes: Set<String> = ["label", "held_out"]
    private static let day = 86_400

    /// Three tastes over 80 days, many events of the same time.
    private static let events: [Event] = {
      var generator = SplitMix64(seed: 3)
      let events = (0..<3000).map { _ in
        let user = Int.random(in: 0..<60, using: &generator)
        return Event(
          user: "u\(user)", item: "i\(Int.random(in: 0..<40, using: &generator) * 3 + user % 3)",
          time: 1_700_000_000 + Int.random(in: 0..<80, using: &generator) * day)
      }
      return events.sorted { $0.time < $1.time }
    }()

    private static let cuts = [2100, 2550].map { events[$0].time }

    private static func file(_ events: [Event]) throws -> String {
      try Bench.write("events.csv", "user,item,time\n" + events.map { "\($0.user),\($0.item),\($0.time)\n" }.joined())
    }

    private func rows(_ arguments: [String]) throws -> [Row] {
      let outcome = try freshet(["export", "candidates", "--format", "csv", "--count", "20", "--set", "model.factors=8"] + arguments)
      try #require(outcome.status == 0, "\(outcome.messages)")
      let lines = outcome.output.split(separator: "\r\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
      let names = try #require(lines.first)
      return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(names, $0)) }
    }

    private func rows(of part: String, in rows: [Row], without names: Set<String> = []) -> [Row] {
      rows.filter { $0["part"] == part }.map { $0.filter { !names.contains($0.key) } }
    }

    @Test func labelsAreTheFirstInteractionsOfTheNextPartAndFeaturesThoseOfTheEventsBefore() throws {
      let found = try rows(["--data", try Self.file(Self.events)])
      let ends = [Self.cuts[1], .max]
      for (part, (cut, end)) in zip(["train", "test"], zip(Self.cuts, ends)) {
        let past = Self.events.filter { $0.time < cut }
        let known = Set(past.map { [$0.user, $0.item] })
        let wanted = Set(Self.events.filter { $0.time >= cut && $0.time < end }.map { [$0.user, $0.item] }).subtracting(known)
        let rows = rows(of: part, in: found)
        #expect(Set(rows.map { $0["user"]! }).count == 60 && rows.count { $0["label"] == "1" } > 50)
        for row in rows {
          let pair = [row["user"]!, row["item"]!]
          #expect(!known.contains(pair) && row["label"] == (wanted.contains(pair) ? "1" : "0"), "\(row)")
          #expect(row["held_out"] == "\(wanted.count { $0[0] == pair[0] })")
          #expect(row["item_interactions"] == "\(known.count { $0[1] == pair[1] })")
          #expect(row["user_interactions"] == "\(known.count { $0[0] == pair[0] })")
        }
        let row = try #require(rows.first)
        let times = past.filter { $0.user == row["user"] }.map(\.time)
        #expect(Double(row["user_idle_days"]!) == Double(past.last!.time - times.max()!) / Double(Self.day))
      }
    }

    @Test func whatIsAfterACutChangesNothingBeforeIt() throws {
      let found = try rows(["--data", try Self.file(Self.events)])
      // Other users and items, in another order; the number of events, and so the cuts, stay.
      func changed(from cut: Int) throws -> [Row] {
        var generator = SplitMix64(seed: 9)
        var later = Self.events.filter { $0.time >= cut }
        let places = later.indices.shuffled(using: &generator)
        for (index, place) in places.enumerated() {
          (later[index].user, later[index].item) = (Self.events[place].user, index % 7 == 0 ? "new\(index)" : Self.events[place].item)
        }
        later.shuffle(using: &generator)
        return try rows(["--data", try Self.file(later + Self.events.filter { $0.time < cut })])
      }
      let afterTest = try changed(from: Self.cuts[1])
      #expect(rows(of: "train", in: afterTest) == rows(of: "train", in: found))
      #expect(rows(of: "test", in: afterTest, without: Self.outcomes) == rows(of: "test", in: found, without: Self.outcomes))
      #expect(rows(of: "test", in: afterTest) != rows(of: "test", in: found))
      let afterTrain = try changed(from: Self.cuts[0])
      #expect(rows(of: "train", in: afterTrain, without: Self.outcomes) == rows(of: "train", in: found, without: Self.outcomes))
      #expect(rows(of: "train", in: afterTrain) != rows(of: "train", in: found))
    }

    @Test func aSnapshotOfTheSameEventsGivesTheSameFeatures() throws {
      let trained = try rows(["--data", try Self.file(Self.events)])
      let past = try Self.file(Self.events.filter { $0.time < Self.cuts[0] })
      let directory = try Bench.directory("build") + "/model"
      #expect(try freshet(["build", "--data", past, "--output", directory, "--factors", "8"]).status == 0)
      let now = try rows(["--snapshot", directory])
      #expect(now.allSatisfy { $0["part"] == "inference" && $0["label"] == "" && $0["held_out"] == "" })
      let without = Self.outcomes.union(["part"])
      #expect(rows(of: "inference", in: now, without: without) == rows(of: "train", in: trained, without: without))

      let users = try Bench.write("users.txt", "u7\nnobody\nu3\n")
      let json = try freshet(
        ["export", "candidates", "--snapshot", directory, "--users", users, "--count", "5", "--set", "model.transitions=none"])
      let some = try json.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(some.map { $0["user"] as? String } == Array(repeating: "u7", count: 5) + Array(repeating: "u3", count: 5))
      #expect(some.allSatisfy { $0["label"] is NSNull && $0["transitions_score"] is NSNull && $0["als_score"] is Double })
      #expect(json.messages.contains("have no candidates: 1"), "\(json.messages)")
    }

    @Test func aParquetFileAndItsReportCountThePairsThatAreHeldOut() throws {
      let file = try Bench.directory("candidates") + "/training.parquet"
      let made = try freshet([
        "export", "candidates", "--data", try Self.file(Self.events), "--output", file, "--json", "--set", "model.factors=8",
      ])
      let parts = try #require(made.json["parts"] as? [[String: Any]], "\(made.messages)")
      #expect(parts.map { $0["part"] as? String } == ["train", "test"] && parts[0]["users_without_candidates"] as? Int == 0)
      let past = Set(Self.events.filter { $0.time < Self.cuts[1] }.map { [$0.user, $0.item] })
      let wanted = Set(Self.events.filter { $0.time >= Self.cuts[1] }.map { [$0.user, $0.item] }).subtracting(past)
      #expect(parts[1]["held_out_pairs"] as? Int == wanted.count && parts[1]["held_out_users"] as? Int == Set(wanted.map { $0[0] }).count)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      #expect(bytes.prefix(4) == Data("PAR1".utf8) && bytes.suffix(4) == Data("PAR1".utf8) && made.json["rows"] as? Int ?? 0 > 5000)
    }

    @Test func whatDoesNotGoTogetherIsSaid() throws {
      let data = try Self.file(Self.events)
      for (arguments, message) in [
        (["lists", "--data", data], "--data is for candidates"),
        (["candidates", "--split", "0.5,0.7"], "name it with --data"),
        (["candidates", "--columns", "user=1"], "name it with --data"),
        (["candidates", "--data", data, "--split", "0.9,0.7"], "0.7,0.85"),
        (["candidates", "--data", data, "--recent", "30"], "12h or 30d"),
        (["candidates", "--data", data, "--fresh"], "only one of"),
        (["candidates", "--data", data, "--format", "npz"], "parquet, jsonl, csv"),
      ] {
        let outcome = try freshet(["export"] + arguments)
        #expect(outcome.status == ExitStatus.usage.rawValue && outcome.messages.contains(message), "\(outcome.messages)")
      }
      let plain = try Bench.write("plain.csv", "user,item\nu,i\nv,j\nu,j\n")
      let untimed = try freshet(["export", "candidates", "--data", plain])
      #expect(untimed.status == 1 && untimed.messages.contains("has no times"), "\(untimed.messages)")
      let same = try Bench.write("same.csv", "user,item,time\nu,i,1700000000\nv,j,1700000000\nu,j,1700000000\n")
      #expect(try freshet(["export", "candidates", "--data", same]).messages.contains("choose other shares"))
    }
  }
}
