import Foundation
import ObjectStorage
import RunRecords
import Telemetry
import Testing

private func makeRecord(_ kind: String = "train", at time: Int64 = 1_764_000_000_000, random: UInt32 = 0xabc) -> RunRecord {
  var record = RunRecord(id: RunID(startedAtMilliseconds: time, kind: kind, random: random), kind: kind, startedAtMilliseconds: time)
  record.command = ["train", "--train", "events.csv"]
  record.directory = "/srv"
  record.settings = ["model.factors": "64", "model.seed": "7"]
  record.seed = .max
  record.inputs = [.init(path: "events.csv", bytes: 12, sha256: String(repeating: "ab", count: 32))]
  record.offsets = ["events[0]": 42]
  (record.cores, record.version, record.host, record.process) = (2, "1.2.3", "machine", 17)
  // In the order of the names, as they come back.
  record.result = [
    "loss": [1.5, 1.25], "methods": ["als": ["name": "als", "ndcg": 0.5]], "ok": true, "recall_at_20": 0.25, "settings": ["seed": 3],
  ]
  record.artifacts = [.init(name: "lists.parquet", location: "/srv/lists.parquet", bytes: 99)]
  record.tracking = .init(experiment: "1", run: "2", modelVersion: "3", url: "http://127.0.0.1:5000/#/x")
  return record
}

/// The run that has the key; `nil` if it was granted.
private func holder(_ claim: RunStore.Claim) -> RunRecord? {
  switch claim {
  case .granted: nil
  case .taken(let record): record
  }
}

private func isGranted(_ claim: RunStore.Claim) -> Bool { holder(claim) == nil }

private func withStore(_ body: (any ObjectStore) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "run-records-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let store = DirectoryStore(path: path)
  _ = try store.create()
  try body(store)
}

struct RunIDTests {
  @Test func namesSortByTimeAndSayTheKind() {
    let first = RunID(startedAtMilliseconds: 1_764_000_000_123, kind: "evaluate holdout", random: 0x12)
    #expect(first.text == "20251124T160000.123Z-evaluate-holdout-000012")
    #expect(first.kind == "evaluate-holdout")
    #expect(RunID(first.text) == first)
    #expect(first < RunID(startedAtMilliseconds: 1_764_000_000_124, kind: "a", random: 0))
  }

  @Test(arguments: [
    "", "train", "20251124T160000.123Z-train", "20251124T160000.123Z--abcdef", "20251124T160000.123Z-tr/n-abcdef",
    "20251124T160000.123-train-abcdef", "../../etc-x-abcdef",
  ])
  func otherTextsAreNoNames(_ text: String) { #expect(RunID(text) == nil) }
}

struct RunRecordTests {
  @Test func aRecordComesBackFromItsJSON() throws {
    var record = makeRecord()
    record.state = .failed
    record.endedAtMilliseconds = record.startedAtMilliseconds + 1500
    record.processorSeconds = 2.5
    record.peakMemoryBytes = 1 << 40
    record.idempotencyKey = "daily \"2026\""
    record.rerunOf = RunID(startedAtMilliseconds: 0, kind: "train", random: 1)
    record.message = "line\nbreak"
    record.result = ["a": 1, "b": [nil, true, "x", 1.5], "c": ["d": -3]]
    #expect(try RunRecord(json: record.json.bytes) == record)
    #expect(record.seconds == 1.5)
  }

  @Test func aRecordOfAnotherProgramNeedsFourFields() throws {
    let text = #"{"id":"20251124T160000.123Z-task-00000a","kind":"task","state":"done","started_ms":5,"extra":[1]}"#
    let record = try RunRecord(json: Array(text.utf8))
    #expect(record.kind == "task" && record.state == .done && record.result == .null && record.settings.isEmpty)
    #expect(throws: (any Error).self) { try RunRecord(json: Array(#"{"id":"x","kind":"t","state":"done","started_ms":5}"#.utf8)) }
  }

  @Test func numbersOfTheResultAreMetricsByTheirPath() {
    #expect(makeRecord().metrics == ["recall_at_20": 0.25, "methods.als.ndcg": 0.5])
  }
}

struct RunStoreTests {
  @Test func recordsAreListedOldestFirstAndRemoved() throws {
    try withStore { store in
      let runs = RunStore(store)
      #expect(try runs.ids().isEmpty)
      let records = [3, 1, 2].map { makeRecord(at: 1_764_000_000_000 + Int64($0)) }
      for record in records { try runs.save(record) }
      #expect(try runs.ids() == records.map(\.id).sorted())
      #expect(try runs.record(records[0].id, now: 0) == records[0])
      try runs.remove(records[0].id)
      #expect(try runs.record(records[0].id, now: 0) == nil)
    }
  }

  @Test func onlyTheOldestOfAKindArePruned() throws {
    try withStore { store in
      let runs = RunStore(store)
      for time in 1...5 { try runs.save(makeRecord("retrain", at: Int64(time))) }
      try runs.save(makeRecord("train", at: 0))
      try runs.prune("retrain", keep: 2)
      #expect(try runs.ids().map { "\($0.text.dropFirst(16).prefix(3)) \($0.kind)" } == ["000 train", "004 retrain", "005 retrain"])
    }
  }

  @Test func aRunThatFellSilentIsInterrupted() throws {
    try withStore { store in
      let record = makeRecord()
      try RunStore(store).save(record)
      let silence = record.updatedAtMilliseconds + RunRecord.silenceMaxMilliseconds
      #expect(try RunStore(store).record(record.id, now: silence)?.state == .running)
      #expect(try RunStore(store).record(record.id, now: silence + 1)?.state == .interrupted)
      // Another way to know it: the process is gone.
      let runs = RunStore(store) { _ in false }
      #expect(try runs.record(record.id, now: record.updatedAtMilliseconds)?.state == .interrupted)
    }
  }

  @Test func aKeyIsGrantedOnceUnlessItsRunFailed() throws {
    try withStore { store in
      let runs = RunStore(store)
      func attempt(_ random: UInt32) throws -> (RunRecord, RunStore.Claim) {
        var record = makeRecord(random: random)
        record.idempotencyKey = "daily/../2026"
        try runs.save(record)
        return (record, try runs.claim(record, now: record.updatedAtMilliseconds))
      }
      var (first, claim) = try attempt(1)
      #expect(isGranted(claim), "the first claim was refused")
      #expect(try holder(attempt(2).1) == first)
      first.state = .failed
      try runs.save(first)
      var (second, again) = try attempt(3)
      #expect(isGranted(again), "the key of a failed run was not free")
      second.state = .done
      try runs.save(second)
      #expect(try holder(attempt(4).1)?.id == second.id)
      try runs.release("daily/../2026")
      #expect(try isGranted(attempt(5).1), "a released key was not free")
    }
  }

  @Test func ofManyClaimsAtOnceOneIsGranted() throws {
    try withStore { store in
      let runs = RunStore(store)
      nonisolated(unsafe) var granted = [Bool](repeating: false, count: 16)
      let lock = NSLock()
      DispatchQueue.concurrentPerform(iterations: 16) { number in
        var record = makeRecord(random: UInt32(number))
        record.idempotencyKey = "k"
        try! runs.save(record)
        let claim = try! runs.claim(record, now: record.updatedAtMilliseconds)
        lock.withLock { granted[number] = holder(claim) == nil }
      }
      #expect(granted.filter(\.self).count == 1)
    }
  }
}
