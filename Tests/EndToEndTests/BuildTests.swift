import Foundation
import Testing

@testable import freshet

extension EndToEnd {
  /// Batch: a file in, lists out, without servers.
  @Suite(.serialized) struct BuildTests {
    private static let clicks = (0..<3000).map { "u\($0 % 40),i\($0 * 7 % 61 / ($0 % 2 + 1)),\(1_700_000_000 + $0)\n" }.joined()

    @Test func listsAreMadeOfAFileForTheUsersThatAreAskedFor() throws {
      let data = try Bench.write("clicks.csv", "user,item,time\n" + Self.clicks)
      let directory = try Bench.directory("build") + "/model"
      let built = try freshet(["build", "--data", data, "--output", directory, "--factors", "8", "--json"])
      #expect(built.status == 0 && built.json["users"] as? Int == 40 && built.json["events"] as? Int == 3000, "\(built.messages)")
      #expect(built.json["snapshot"] as? Int == 1)

      let users = try Bench.write("users.txt", "u7\nnobody\r\nu3\nu7\n")
      let lists = try freshet(["export", "lists", "--snapshot", directory, "--users", users, "--count", "3", "--format", "csv"])
      let rows = lists.output.split(separator: "\r\n").dropFirst().map { $0.split(separator: ",").map(String.init) }
      try #require(rows.count == 9, "\(lists.messages)")
      #expect(
        lists.status == 0 && rows.map { $0[0] } == ["u7", "u7", "u7", "nobody", "nobody", "nobody", "u3", "u3", "u3"], "\(lists.output)")
      #expect(rows.map { $0[1] } == ["1", "2", "3", "1", "2", "3", "1", "2", "3"])
      #expect(rows.filter { $0[0] == "nobody" }.allSatisfy { $0[5] == "popular" } && rows[0][5] == "personal", "\(rows)")
      let seen = Set(Self.clicks.split(separator: "\n").map { $0.split(separator: ",")[0...1].joined(separator: " ") })
      #expect(rows.allSatisfy { $0[0] == "nobody" || !seen.contains("\($0[0]) \($0[2])") })

      // The same file makes the same model, whatever the number of the snapshot.
      let again = try freshet(["build", "--data", data, "--output", directory, "--factors", "8"])
      #expect(again.status == 1 && again.messages.contains("--force"), "\(again.messages)")
      #expect(try freshet(["build", "--data", data, "--output", directory, "--factors", "8", "--force"]).status == 0)
      let second = try freshet(["export", "lists", "--snapshot", directory, "--users", users, "--count", "3", "--format", "csv"])
      #expect(second.output == lists.output && second.messages.contains("snapshot 2"), "\(second.messages)")
    }

    @Test func whatCannotBeBuiltOrAskedForIsSaid() throws {
      let directory = try Bench.directory("build") + "/model"
      #expect(try freshet(["build", "--data", "/nowhere/x.csv", "--output", directory]).messages.contains("no such file"))
      let data = try Bench.write("clicks.csv", "user,item,time\n" + Self.clicks)
      #expect(try freshet(["build", "--data", data, "--output", directory, "--factors", "8"]).status == 0)
      let empty = try freshet(["export", "lists", "--snapshot", directory, "--users", try Bench.write("none.txt", "\n")])
      #expect(empty.status == 1 && empty.messages.contains("an id a line"), "\(empty.messages)")
      let whole = try freshet(["export", "popular", "--snapshot", directory, "--users", data])
      #expect(whole.status == ExitStatus.usage.rawValue, "\(whole.messages)")
      #expect(whole.messages.contains("--users is for lists and candidates"), "\(whole.messages)")
    }
  }
}
