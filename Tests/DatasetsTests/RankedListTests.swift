import Foundation
import Testing

@testable import Datasets

@Suite struct RankedListGroupingTests {
  private func row(_ user: String, _ item: String, score: Double? = nil, rank: Int? = nil) -> RankedListRow {
    RankedListRow(user: Array(user.utf8), item: Array(item.utf8), score: score, rank: rank)
  }

  /// The lists as `user: item=score ...`, and the kinds of faults.
  private func lists(_ rows: [RankedListRow], countMax: Int = 100) throws -> (lists: [String], faults: [String], RankedListGrouping) {
    var grouping = RankedListGrouping(countMax: countMax)
    var (found, faults): ([RankedListGrouping.List], [String]) = ([], [])
    for row in rows {
      let outcome = try grouping.add(row)
      if let list = outcome.finished { found.append(list) }
      if let fault = outcome.fault { faults.append(fault.kind) }
    }
    if let list = grouping.finish() { found.append(list) }
    let text = found.map { list in
      "\(String(decoding: list.user, as: UTF8.self)): "
        + list.items.map { "\(String(decoding: $0.item, as: UTF8.self))=\($0.score)" }.joined(separator: " ")
    }
    return (text, faults, grouping)
  }

  @Test func scoresGiveTheOrderAndLinesThatOfEqualScores() throws {
    let made = try lists([
      row("u", "a", score: 0.5), row("u", "b", score: 2), row("u", "c", score: 0.5), row("v", "a", score: -1),
    ])
    #expect(made.lists == ["u: b=2.0 a=0.5 c=0.5", "v: a=-1.0"] && made.faults == [])
  }

  @Test func ranksGiveTheOrderAndScoresAreKept() throws {
    let made = try lists([row("u", "a", score: 3, rank: 2), row("u", "b", score: 1, rank: 1), row("v", "c", score: 7, rank: 1)])
    #expect(made.lists == ["u: b=1.0 a=3.0", "v: c=7.0"])
    #expect(made.2.listsWithRisingScores == 1 && made.2.listsWithGaps == 0)
  }

  @Test func ranksAloneBecomeScoresThatFall() throws {
    let made = try lists([row("u", "a", rank: 0), row("u", "b", rank: 1), row("u", "c", rank: 3), row("v", "a", rank: 7)])
    #expect(made.lists == ["u: a=1.0 b=0.5 c=0.33333334", "v: a=1.0"] && made.2.listsWithGaps == 2)
  }

  @Test func badLinesAreNamedAndTheOthersUsed() throws {
    let made = try lists([
      row("u", "a", score: 1), row("u", "a", score: 2), row("u", "b"), row("u", "c", score: 1e300), row("u", "d", score: 0.5),
      row("v", "a", rank: 1), row("v", "b", rank: 1), row("v", "c", score: 1), row("w", "a"),
    ])
    #expect(made.lists == ["u: a=1.0 d=0.5", "v: a=1.0"])
    #expect(made.faults == ["repeated_item", "no_score", "bad_score", "repeated_rank", "no_rank", "no_score"])
    #expect(made.2.lists == 2 && made.2.items == 3)
  }

  @Test func longListsAreCutAtTheirEnd() throws {
    let made = try lists((0..<9).map { row("u", "i\($0)", score: Double($0)) }, countMax: 2)
    #expect(made.lists == ["u: i8=8.0 i7=7.0"] && made.2.cut == 7)
    let endless = try lists((0...RankedListGrouping.linesOfUserMax).map { row("u", "i\($0)", score: 1) })
    #expect(endless.faults == ["too_many"])
  }

  @Test func linesOfAUserThatDoNotFollowEachOtherAreRefused() throws {
    #expect(throws: RankedListGrouping.Split(user: Array("u".utf8))) {
      try lists([row("u", "a", score: 1), row("v", "a", score: 1), row("u", "b", score: 1)])
    }
  }
}

@Suite struct RankedListFileTests {
  private func file(_ text: String, name: String = "lists.csv") throws -> RankedListFile {
    let directory = NSTemporaryDirectory() + "rl-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
    return try RankedListFile(path: "\(directory)/\(name)")
  }

  private func rows(_ file: RankedListFile) throws -> [String] {
    var rows: [String] = []
    while let row = try file.next() {
      switch row {
      case .columns(let row):
        rows.append(
          "\(String(decoding: row.user, as: UTF8.self))/\(String(decoding: row.item, as: UTF8.self))/\(row.score.map { "\($0)" } ?? "-")/\(row.rank.map { "\($0)" } ?? "-")"
        )
      case .json(let bytes): rows.append(String(decoding: bytes, as: UTF8.self))
      }
    }
    return rows
  }

  @Test(arguments: [
    ("user,item,score\nu,a,0.5\nu,b,1e-3\n", ["u/a/0.5/-", "u/b/0.001/-"]),
    ("rank\titem_id\tsource\tuser_id\n1\ta\tx\tu\n2\ta\"q\tx\tu\n", ["u/a/-/1", "u/a\"q/-/2"]),
    // As freshet export lists writes it.
    ("user,rank,item,score,epoch,source\nu,1,\"a,b\",2.5,7,foldin\n", ["u/a,b/2.5/1"]),
    ("userId;productId;prediction\r\n17;9;4.0\r\n", ["17/9/4.0/-"]),
  ])
  func columnsAreFoundByTheirNames(text: String, expected: [String]) throws { #expect(try rows(file(text)) == expected) }

  @Test func linesOfJSONAreGivenAsTheyAre() throws {
    #expect(try rows(file("{\"user\":1}\n\n{}\n", name: "x.jsonl")) == ["{\"user\":1}", "{}"])
    #expect(try rows(file("{\"user\":1}\n", name: "lines")) == ["{\"user\":1}"])
  }

  @Test(arguments: [
    ("user,item\nu,a\n", "it lacks score or rank"), ("u,a,0.5\nu,b,0.4\n", "it lacks user and item"),
    ("user,item,score,prediction\nu,a,1,1\n", "score and prediction"), ("", "no lines"), ("[{\"user\":1}]\n", "one JSON array"),
    ("PAR1xxxx\n", "Parquet"),
  ])
  func aFileThatIsNoneIsRefusedWithTheFix(text: String, words: String) throws {
    let error = #expect(throws: DatasetError.self) { try file(text, name: text.hasPrefix("[") ? "x.jsonl" : "lists.txt") }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test func linesThatCannotBeReadAreCountedByKind() throws {
    let long = String(repeating: "x", count: 257)
    let file = try file(
      "user,item,score,rank\nu,a,nan,1\nu\n,a,1,1\nu,\(long),1,1\nu,b,1,1.5\nu,c,1,-1\nu,d,0.5,2\nu,e,inf,3\n\"u,f,1,2\n")
    #expect(try rows(file) == ["u/d/0.5/2"])
    let kinds = file.report.kinds.mapValues(\.count)
    #expect(kinds == ["bad_score": 2, "few_columns": 1, "bad_user": 1, "bad_item": 1, "bad_rank": 2, "bad_quotes": 1], "\(kinds)")
    #expect(file.report.badLines == 8 && file.report.rows == 1)
  }
}
