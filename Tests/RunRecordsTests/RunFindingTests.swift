import Foundation
import ObjectStorage
import RunRecords
import Testing

private func run(_ kind: String, _ time: Int64, _ random: UInt32) -> RunRecord {
  RunRecord(id: RunID(startedAtMilliseconds: time, kind: kind, random: random), kind: kind, startedAtMilliseconds: time)
}

private func withRuns(_ records: [RunRecord], _ body: (RunStore, DirectoryStore) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "run-finding-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let store = DirectoryStore(path: path)
  _ = try store.create()
  for record in records { try RunStore(store).save(record) }
  try body(RunStore(store), store)
}

struct RunFindingTests {
  private let records = [
    run("train", 1_000, 0xaaaaaa), run("train", 2_000, 0xabcdef), run("evaluate holdout", 3_000, 0xbbbbbb), run("tune", 4_000, 0xcccccc),
  ]

  @Test func aWordNamesARun() throws {
    try withRuns(records) { (runs, _) throws in
      #expect(try runs.find(records[1].id.text, now: 5_000) == records[1], "an id")
      #expect(try runs.find("bcde", now: 5_000) == records[1], "a part of one")
      #expect(try runs.find("last", now: 5_000) == records[3])
      #expect(try runs.find("last:train", now: 5_000) == records[1])
      #expect(try runs.find("last:evaluate holdout", now: 5_000) == records[2])
      #expect(try runs.find("last:evaluate", now: 5_000) == records[2])
    }
  }

  @Test func anAmbiguousWordNamesTheNewestCandidates() throws {
    let many = (1...7).map { run("train", Int64($0) * 1000, UInt32($0)) }
    try withRuns(many) { (runs, _) throws in
      let error = #expect(throws: RunFindingError.self) { try runs.find("train", now: 0) }
      #expect(error?.code == .several(newest: many.suffix(5).reversed().map(\.id), count: 7))
      #expect("\(error!)".contains("and 2 older ones; give more of the id"))
    }
  }

  @Test(arguments: ["", "nothing", "last:serve", "19700101T000001.000Z-train-000000"])
  func aWordThatMatchesNothingSaysHowToListRuns(_ word: String) throws {
    try withRuns(records) { (runs, _) throws in
      let error = #expect(throws: RunFindingError.self) { try runs.find(word, now: 0) }
      #expect(error?.code == RunFindingError.Code.none)
      #expect("\(error!)".contains("`freshet runs list`"))
    }
  }

  @Test func anEmptyStoreHasNoLastRun() throws {
    try withRuns([]) { (runs, _) throws in
      let error = #expect(throws: RunFindingError.self) { try runs.find("last", now: 0) }
      #expect("\(error!)".contains("has no runs yet"))
    }
  }

  @Test func whatIsNotARecordIsNamed() throws {
    try withRuns(records) { (runs, store) throws in
      try store.put(try ObjectKey("runs/\(records[0].id.text).json"), .bytes(Array("{}".utf8)))
      let error = #expect(throws: RunFindingError.self) { try runs.find("aaaaaa", now: 0) }
      #expect(error?.code == .notARecord(records[0].id))
    }
  }
}
