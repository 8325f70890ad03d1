import Foundation
import Testing

@testable import freshet

extension EndToEnd {
  /// Runs side by side, from the commands that leave them to the page.
  @Suite(.serialized) struct CompareTests {
    private let store: String
    private let data: String

    init() throws {
      store = try Bench.directory("compared")
      let clicks = (0..<3000).map { "u\($0 % 40),i\($0 * 7 % 61 / ($0 % 2 + 1)),\(1_700_000_000 + $0)\n" }.joined()
      data = try Bench.write("compared.csv", "user,item,time\n" + clicks)
    }

    private func run(_ arguments: String...) throws -> Outcome { try freshet(arguments, environment: ["FRESHET_RUNS_STORE": store]) }

    private func train(_ factors: String) throws {
      let trained = try run("train", "--train", data, "--factors", factors, "--json")
      #expect(trained.status == 0, "\(trained.messages)")
    }

    @Test func whatDiffersBetweenTwoTrainingsIsOneSetting() throws {
      try train("4")
      try train("8")
      let id = try #require(try run("runs", "show", "last", "--json").json["id"] as? String)
      let first = try #require((try run("runs", "list", "--json").json["runs"] as? [[String: Any]])?.last?["id"] as? String)
      let compared = try run("compare", first, "last:train", "--json")
      #expect(compared.status == 0, "\(compared.messages)")
      #expect((compared.json["runs"] as? [[String: Any]])?.map { $0["id"] as? String } == [first, id])
      #expect(compared.json["data"] as? String == "same")
      #expect((compared.json["settings"] as? [String: [String]]) == ["model.factors": ["4", "8"]])
      let factors = (compared.json["metrics"] as? [String: [String: Any]])?["factors"]
      #expect(factors?["values"] as? [Int] == [4, 8], "\(compared.output)")
    }

    @Test func aPageIsReplacedAndOtherFilesAreNot() throws {
      try train("4")
      let path = try Bench.directory("pages") + "/page.html"
      for _ in 0..<2 {
        let made = try run("compare", "last", "--output", path)
        #expect(made.status == 0 && made.output.contains("\(path) has all of it"), "\(made.messages)")
      }
      let page = try String(contentsOfFile: path, encoding: .utf8)
      #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
      #expect(try run("compare", "last", "--output", "-").output.hasPrefix("<!doctype html>"))
      let other = try Bench.write("other.html", "<!doctype html>mine")
      let refused = try run("compare", "last", "--output", other)
      #expect(refused.status == 1 && refused.messages.contains("--force replaces it"), "\(refused.messages)")
      #expect(try String(contentsOfFile: other, encoding: .utf8) == "<!doctype html>mine")
      #expect(try run("compare", "last", "--output", other, "--force").status == 0)
    }

    @Test func aRecordMayBeAFile() throws {
      try train("4")
      let record = try run("runs", "show", "last", "--json").output
      let path = try Bench.write("record.json", record)
      let compared = try freshet(["compare", path, "--json", "--set", "runs.store=none"])
      #expect(compared.status == 0 && (compared.json["runs"] as? [Any])?.count == 1, "\(compared.messages)")
      let twice = try run("compare", path, "last", "--json")
      #expect(twice.status != 0 && twice.messages.contains("is named twice"), "\(twice.messages)")
      let wrong = try run("compare", try Bench.write("wrong.json", "{}"))
      #expect(wrong.status == 1 && wrong.messages.contains("is not the record of a run"), "\(wrong.messages)")
    }

    @Test func wordsThatNameNoRunSayHowToFindOne() throws {
      let empty = try run("compare", "last")
      #expect(empty.status == 1 && empty.messages.contains("has no runs yet"), "\(empty.messages)")
      try train("4")
      let none = try run("compare", "last:tune")
      #expect(none.status == 1 && none.messages.contains("`freshet runs list` shows them"), "\(none.messages)")
      #expect(try run("compare", "last", "--json", "--output", "-").status == 64)
    }
  }
}
