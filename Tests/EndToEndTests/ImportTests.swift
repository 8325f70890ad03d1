import Foundation
import RedisPublishing
import Testing

@testable import freshet

extension EndToEnd {
  /// `freshet import lists` with a real Redis.
  @Suite(.serialized, .disabled(if: Place.redisAbsence != nil, "no Redis, see standard error"))
  struct ImportTests {
    private let redis: Redis
    private let connection: RedisConnection

    init() throws {
      redis = try Redis()
      connection = try redis.connection()
    }

    private func imported(_ arguments: [String]) throws -> Outcome {
      try freshet(["import", "lists"] + arguments + ["--redis", redis.url, "--namespace", "shop"])
    }

    /// The items of a user's current list.
    private func items(_ user: String, _ name: String = "imported") throws -> [String]? {
      let all = ImportedLists.all(try connection.command(["HGETALL", "freshet:shop:imported"]).fields ?? [:])
      guard let lists = all[name] else { return nil }
      let bytes = try connection.command(["HGET", "freshet:shop:{u:\(user)}:imported", lists.field(of: name)]).bytes
      return try bytes.map { try ImportedListFormat.decode($0).items.map(\.item.string) }
    }

    @Test func listsAreWrittenAndReported() throws {
      let file = try Bench.write("lists.csv", "user,item,score\nanna,a,0.5\nanna,b,0.9\nanna,b,0.1\nben,c,1\n" + filler(40))
      let rejects = try Bench.directory("rejects") + "/rejected.tsv"
      let outcome = try imported([file, "--json", "--ttl", "6h", "--rejects", rejects])
      #expect(outcome.status == 0, "\(outcome.messages)")
      #expect(try items("anna") == ["b", "a"] && items("ben") == ["c"])
      let report = outcome.json
      #expect(report["users"] as? Int == 42 && report["items"] as? Int == 43 && report["lines"] as? Int == 44)
      #expect((report["rejected"] as? [String: Int]) == ["repeated_item": 1] && report["mode"] as? String == "update")
      #expect(try String(contentsOfFile: rejects, encoding: .utf8) == "4\tthe user has a line of this item already\tanna,b,0.1\n")
      #expect(outcome.messages.contains("comma-separated: user = user, item = item, score = score"), "\(outcome.messages)")
      #expect(outcome.messages.contains("no engine has published a model to freshet:shop yet"), "\(outcome.messages)")
      let left = try #require(try connection.command(["PTTL", "freshet:shop:{u:anna}:imported"]).integer)
      #expect(5 * 3_600_000 < left && left <= 6 * 3_600_000)
    }

    private func filler(_ users: Int) -> String { (0..<users).map { "user-\($0),x,1\n" }.joined() }

    @Test func linesOfJSONStandardInputAndReplacements() throws {
      let first = try Bench.write(
        "a.jsonl", #"{"user_id": 17, "item": "a", "rank": 2}"# + "\n" + #"{"user_id": 17, "item": 9, "rank": 1}"# + "\n")
      #expect(try imported([first, "--name", "ranker"]).status == 0)
      #expect(try items("17", "ranker") == ["9", "a"])
      let output = try shell(
        "printf 'user\\titem\\trank\\nben\\tb\\t1\\n' | '\(Place.binary)' import lists - --name ranker --replace --redis \(redis.url) --namespace shop 2>/dev/null"
      )
      #expect(output.hasPrefix("1 lists ranker with 1 items in freshet:shop, in the place of all before, shown until "), "\(output)")
      #expect(try items("17", "ranker") == nil && items("ben", "ranker") == ["b"])
      #expect(try imported([first, "--name", "other"]).status == 0)
      let removed = try imported(["--remove", "--name", "ranker", "--json"])
      // The one that the replacement had left went when another import wrote its user's lists.
      #expect(removed.status == 0 && removed.json["removed"] as? Int == 1, "\(removed.output)")
      #expect(try items("ben", "ranker") == nil && items("17", "other") == ["9", "a"])
    }

    @Test func whatExportWritesIsRead() throws {
      let file = try Bench.write("x.csv", "user,rank,item,score,epoch,source\nanna,1,\"a,b\",2.5,7,foldin\nanna,2,c,1.5,7,popular\n")
      #expect(try imported([file]).status == 0)
      #expect(try items("anna") == ["a,b", "c"])
    }

    @Test func onlyTheBestItemsAreKept() throws {
      let file = try Bench.write("x.csv", "user,item,score\n" + (0..<30).map { "anna,i\($0),\($0)\n" }.joined())
      let outcome = try imported([file, "--count", "3"])
      #expect(try outcome.status == 0 && items("anna") == ["i29", "i28", "i27"])
      #expect(outcome.messages.contains("27 items beyond place 3 are left out"), "\(outcome.messages)")
    }

    /// Nothing is written of what is refused.
    @Test(arguments: [
      ("user,item,score\nanna,a,1\nben,a,1\nanna,b,1\n", "line 4 goes on with the list of anna", 1),
      ("user,item,score\nanna,a,1\nben,a,x\n", "--accept-rejects", 1), ("user,item,score\n", "holds no lists", 1),
      ("anna,a,1\n", "must name the columns user, item and score or rank", 1), ("PAR1", "Parquet", 1),
    ])
    func aBadFileIsRefusedAsAWhole(text: String, words: String, status: Int32) throws {
      let outcome = try imported([try Bench.write("bad.csv", text), "--replace"])
      #expect(outcome.status == status && outcome.messages.contains(words), "\(outcome.messages)")
      #expect(try connection.command(["KEYS", "*"]) == .array([]))
    }

    /// What the command says is about the lists that it wrote, and not about others of the name.
    @Test func theReportedEndIsThatOfTheseLists() throws {
      let file = try Bench.write("x.csv", "user,item,score\nanna,a,1\n")
      func end(_ ttl: String) throws -> String { try imported([file, "--ttl", ttl, "--json"]).json["expires_at"] as? String ?? "" }
      let (long, short) = (try end("9d"), try end("1d"))
      #expect(!short.isEmpty && short < long)
    }

    @Test func badLinesAreTakenWhereTheCallerSaysSo() throws {
      let file = try Bench.write("x.csv", "user,item,score\nanna,a,1\nben,a,x\n")
      #expect(try imported([file, "--accept-rejects"]).status == 0)
      #expect(try items("anna") == ["a"] && items("ben") == nil)
    }

    @Test func wrongOptionsAreUsageErrors() throws {
      let file = try Bench.write("x.csv", "user,item,score\nanna,a,1\n")
      for arguments in [[], [file, "--name", "a b"], [file, "--ttl", "soon"], [file, "--remove"], [file, "--replace", "--remove"]] {
        #expect(try imported(arguments).status == 64, "\(arguments)")
      }
      let none = try freshet(["import", "lists", file, "--redis", "redis://127.0.0.1:1"])
      #expect(none.status == 1 && none.messages.contains("redis-server"), "\(none.messages)")
    }
  }
}
