import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// `op: merge`: a visitor signs in.
@Suite struct MergeTests {
  private static let now: Int64 = 1_795_219_200_000

  private static func value(_ text: String, key: String, at offset: Int64) -> Record {
    Record(offset: offset, timestampMilliseconds: now, key: Array(key.utf8), value: Array(text.utf8))
  }

  private static func merge(_ user: String, _ into: String, at offset: Int64, key: String? = nil) -> Record {
    value(#"{"op":"merge","user_id":"\#(user)","into":"\#(into)"}"#, key: key ?? user, at: offset)
  }

  private func pairs(_ engine: RecommenderEngine, _ user: String) -> [String: Float] {
    var pairs: [String: Float] = [:]
    guard let user = engine.user(user) else { return pairs }
    engine.state.users.forEachNewestFirst(user) { item, strength, _ in
      pairs[engine.state.catalogue.items.string(item)] = strength
      return true
    }
    return pairs
  }

  @Test func theHistoryJoinsTheAccountOnceAndLaterEventsFollow() throws {
    let configuration = plainConfiguration()
    var engine = trainedEngine(configuration)
    let start = Int64(1_800_000_000_000)
    _ = engine.apply([
      record(0, event("visitor", "i1", time: start)), record(1, event("visitor", "i0", time: start + 1)),
      record(2, event("member", "i2", time: start + 2)), record(3, event("member", "i0", time: start + 3)),
    ])
    let update = engine.apply([Self.merge("visitor", "member", at: 4), Self.merge("visitor", "member", at: 5)])
    let member = try #require(engine.user("member"))
    #expect(update.forgotten == ["visitor"] && update.changedUsers == [member])
    #expect(update.ignored == [.stale: 1], "once")
    #expect(engine.user("visitor") == nil && pairs(engine, "member") == ["i0": 2, "i1": 1, "i2": 1])
    let order = engine.state.users.history(try #require(engine.user("member"))).pairs.map { engine.state.catalogue.items.string($0.item) }
    #expect(order == ["i1", "i2", "i0"])
    engine = try SnapshotTests.restored(engine, configuration)
    _ = engine.apply([record(6, event("visitor", "i4", time: start + 9)), Self.merge("visitor", "member", at: 5)])
    #expect(engine.user("visitor") == nil && pairs(engine, "member")["i4"] == 1)
    #expect(engine.list("member", scratch(configuration))?.items.isEmpty == false)
    #expect(engine.state.violatedInvariant() == nil)
  }

  @Test func anotherSignInOnTheSameDeviceMovesOnlyWhatComesLater() {
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply([
      record(0, event("device", "a", time: Self.now + 0)), Self.merge("device", "anna", at: 1),
      record(2, event("device", "b", time: Self.now + 2)),
      Self.merge("device", "bert", at: 3), record(4, event("device", "c", time: Self.now + 4)), Self.merge("anna", "family", at: 5),
    ])
    #expect(pairs(engine, "bert") == ["c": 1] && pairs(engine, "family") == ["a": 1, "b": 1])
    #expect(engine.user("device") == nil && engine.user("anna") == nil)
  }

  @Test func anIDThatIsNotKnownYetIsRememberedAndACircleIsRefused() {
    var engine = RecommenderEngine(plainConfiguration())
    let update = engine.apply([
      Self.merge("later", "u", at: 0), record(1, event("later", "a", time: Self.now + 1)), Self.merge("u", "later", at: 2),
      Self.merge("u", "u", at: 3),
    ])
    #expect(update.ignored == [.stale: 2] && update.forgotten.isEmpty)
    #expect(pairs(engine, "u") == ["a": 1] && engine.user("later") == nil)
  }

  @Test func aTombstoneEndsTheMerge() {
    var engine = RecommenderEngine(plainConfiguration())
    let tombstone = Record(offset: 3, timestampMilliseconds: Self.now, key: Array("u".utf8), value: nil)
    _ = engine.apply([
      record(0, event("v", "a", time: Self.now + 0)), Self.merge("v", "u", at: 1), record(2, event("v", "b", time: Self.now + 2)),
      tombstone, record(4, event("v", "c", time: Self.now + 4)),
    ])
    #expect(engine.user("u") == nil && pairs(engine, "v") == ["c": 1] && engine.state.merged.isEmpty)
  }

  /// In one batch: only users that are still there are named, and only events after they came.
  @Test func anUpdateNamesNobodyWhoIsGone() throws {
    var engine = RecommenderEngine(plainConfiguration())
    var records: [Record] = []
    for index in 0..<50 {
      records.append(record(Int64(index * 3), event("v\(index)", "a", time: Self.now)))
      records.append(Self.merge("v\(index)", "u\(index % 5)", at: Int64(index * 3 + 1)))
      records.append(record(Int64(index * 3 + 2), event("w\(index)", "a", time: Self.now)))
    }
    let update = engine.apply(records)
    #expect(Set(update.changedUsers).count == update.changedUsers.count && update.changedUsers.count == 55)
    #expect(
      update.changedUsers.allSatisfy(engine.state.users.isPresent) && update.applied.allSatisfy { engine.state.users.isPresent($0.user) })
    #expect(update.applied.count == 100)
  }

  @Test func theTrainingThatRunsMeanwhileDoesNotBringTheIDBack() throws {
    let configuration = plainConfiguration()
    var engine = trainedEngine(configuration)
    let job = engine.makeTrainingJob(id: "t", reason: .requested, nowMilliseconds: 0)
    _ = engine.apply([Self.merge("u1", "u2", at: 0)])
    let result = job.run(threads: 1, monitor: TrainingMonitor())
    engine.adopt(try #require(result.trained))
    _ = engine.installPending()
    #expect(engine.user("u1") == nil && engine.state.violatedInvariant() == nil)
    let member = try #require(engine.user("u2"))
    #expect(!engine.isCurrent(member), "it is folded in again")
    #expect(engine.list("u2", scratch(configuration)) != nil)
  }

  @Test func whatAMergeNeeds() {
    func reason(_ json: String) -> RejectionReason? { decode(json).reason }
    #expect(lines(decode(#"{"op":"merge","user_id":"a","into":7}"#)) == ["merge a 7"])
    #expect(
      lines(
        decode(#"{"user":"a","type":"alias","to":"b"}"#) {
          $0.fields = ["op": "type", "into": "to"]
          $0.operations = ["alias": "merge"]
        }) == ["merge a b"])
    #expect(reason(#"{"op":"merge","user_id":"a"}"#) == .missingUserID)
    #expect(reason(#"{"op":"merge","into":"a"}"#) == .missingUserID)
    #expect(reason(#"{"op":"merge","user_id":"a","into":""}"#) == .badID)
    #expect(reason(#"{"op":"merge","userId":"a","into":"b","eventList":[{"itemId":1},{"itemId":2}]}"#) == .badValue)
    guard case .merge(_, _, keyMismatch: false) = decode(#"{"op":"merge","user_id":"a","into":"b"}"#, key: "b") else {
      Issue.record("the key may be that of either")
      return
    }
    guard case .merge(_, _, keyMismatch: true) = decode(#"{"op":"merge","user_id":"a","into":"b"}"#, key: "c") else {
      Issue.record("a key of neither is counted")
      return
    }
  }

  // MARK: Pairs of both

  private func merged(_ mine: [Interaction], _ theirs: [Interaction], _ limits: HistoryLimits = HistoryLimits()) -> [String: Float] {
    var state = state(after: mine + theirs, limits)
    let user = state.users.find(Array("v".utf8))!
    let (target, _) = state.merge(user, into: Array("u".utf8))
    #expect(state.violatedInvariant() == nil)
    var pairs: [String: Float] = [:]
    state.users.forEachNewestFirst(target) { item, strength, _ in
      pairs[state.catalogue.items.string(item)] = strength
      return true
    }
    return pairs
  }

  @Test func strengthsAreSummedAndTheNewerSetOrDeleteDecides() {
    let add = [event("u", "a", strength: 2, time: 5)]
    #expect(merged(add, [event("v", "a", strength: 3, time: 4)]) == ["a": 5])
    #expect(merged(add, [event("v", "a", .delete, time: 6)]) == [:])
    #expect(merged(add, [event("v", "a", .delete, time: 4)]) == ["a": 2])
    #expect(merged(add, [event("v", "a", .set, strength: 9, time: 6)]) == ["a": 9])
    #expect(merged(add, [event("v", "a", .set, strength: 9, time: 4)]) == ["a": 11])
    #expect(merged([event("u", "a", .set, strength: 1, time: 7)], [event("v", "a", .set, strength: 9, time: 6)]) == ["a": 1])
    #expect(
      merged([event("u", "a", .set, strength: 4, time: 7)], [event("v", "a", .set, strength: 4, time: 7)]) == ["a": 4], "at one time")
    let limits = HistoryLimits(maxStrength: 4, halfLifeMilliseconds: 1)
    #expect(merged([event("u", "a", strength: 4, time: 5)], [event("v", "a", strength: 4, time: 7)], limits) == ["a": 4])
  }

  @Test func theNewestOfBothRemainAndTheOthersStaySeen() {
    let limits = HistoryLimits(historyPerUser: 3, seenPerUser: 5)
    let mine = (0..<6).map { event("u", "m\($0)", time: Int64(10 + $0 * 2)) }
    let theirs = (0..<6).map { event("v", "t\($0)", time: Int64(11 + $0 * 2)) }
    #expect(Set(merged(mine, theirs, limits).keys) == ["t4", "m5", "t5"])
  }
}
