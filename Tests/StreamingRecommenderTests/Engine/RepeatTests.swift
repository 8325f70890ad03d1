import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// What the same event again, and the same user and item again, mean.
@Suite struct RepeatTests {
  private static let now: Int64 = 1_795_219_200_000

  private struct Rig {
    var engine: RecommenderEngine
    private var offset: Int64 = 0
    let configuration: RecommenderConfiguration

    init(_ change: (inout RecommenderConfiguration) -> Void = { _ in }) {
      configuration = plainConfiguration(change)
      engine = RecommenderEngine(configuration)
    }

    @discardableResult mutating func apply(_ values: [String]) -> EngineUpdate {
      let records = values.map { value in
        defer { offset += 1 }
        return Record(offset: offset, timestampMilliseconds: now, key: Array("u".utf8), value: Array(value.utf8))
      }
      return engine.apply(records)
    }

    mutating func restart() throws {
      engine = try SnapshotTests.restored(engine, configuration)
    }

    func strength(_ user: String, _ item: String) -> Float? {
      guard let user = engine.user(user), let item = engine.item(item) else { return nil }
      return engine.state.users.strength(user, item)
    }

    func seen(_ user: String) -> [String] {
      engine.user(user).map { engine.state.users.seen($0).map { engine.state.catalogue.items.string($0) }.sorted() } ?? []
    }
  }

  @Test func anEventSentAgainCountsOnceAlsoAfterARestart() throws {
    var rig = Rig()
    let sent = [
      #"{"user_id":"u","item_id":"a","event_id":"e1"}"#, #"{"user_id":"u","item_id":"b","timestamp":1700000000}"#,
    ]
    #expect(rig.apply(sent).ignored == [:])
    let again = rig.apply(sent + sent)
    #expect(again.ignored == [.duplicate: 4] && again.changedUsers.isEmpty)
    #expect(again.examples.map(\.kind) == [.ignored(.duplicate)])
    try rig.restart()
    #expect(rig.apply(sent).ignored == [.duplicate: 2])
    #expect(rig.strength("u", "a") == 1 && rig.strength("u", "b") == 1)
    #expect(rig.engine.state.eventsApplied == 2)
  }

  @Test func whatOnlyLooksLikeARepetitionCounts() {
    var rig = Rig()
    let update = rig.apply([
      // Without a time of their own, two events of a batch have one time.
      #"{"user_id":"u","item_id":"a"}"#, #"{"user_id":"u","item_id":"a"}"#,
      #"{"user_id":"u","item_id":"b","event_type":"view","timestamp":1700000000}"#,
      #"{"user_id":"u","item_id":"b","event_type":"like","timestamp":1700000000}"#,
      #"{"user_id":"u","item_id":"b","event_type":"view","timestamp":1700000001}"#,
      // An id is the event's within its user and item: nobody suppresses the events of others.
      #"{"user_id":"u","item_id":"c","event_id":"1"}"#, #"{"user_id":"v","item_id":"c","event_id":"1"}"#,
      // The lines of a basket.
      #"{"userId":"u","eventList":[{"itemId":"d","sentAt":1700000000},{"itemId":"d","sentAt":1700000000}]}"#,
    ])
    #expect(update.ignored == [:])
    #expect(rig.strength("u", "a") == 2 && rig.strength("u", "b") == 3 && rig.strength("v", "c") == 1 && rig.strength("u", "d") == 2)
  }

  /// The id may be that of a row, which is set and deleted later.
  @Test func aSetOrDeleteIsNeverARepetition() {
    var rig = Rig()
    func event(_ op: String, _ value: Int) -> String {
      #"{"user_id":"u","item_id":"a","op":"\#(op)","event_value":\#(value),"event_id":"row-7","timestamp":1700000000}"#
    }
    #expect(rig.apply([event("add", 2), event("set", 5), event("set", 1)]).ignored == [:])
    #expect(rig.strength("u", "a") == 1)
    #expect(rig.apply([event("delete", 1), event("add", 2)]).ignored == [.duplicate: 1])
    #expect(rig.strength("u", "a") == 0)
  }

  @Test func theWindowIsBoundedAndCanBeSwitchedOff() {
    let events = (0..<4).map { #"{"user_id":"u","item_id":"i\#($0)","event_id":"e"}"# }
    var small = Rig { $0.input.dedupeWindow = 3 }
    #expect(small.apply(events + [events[0]]).ignored == [:])
    #expect(small.apply([events[3]]).ignored == [.duplicate: 1])
    var off = Rig { $0.input.dedupeWindow = 0 }
    #expect(off.apply(events + events).ignored == [:])
  }

  @Test func aWindowOfAnotherLengthIsReadFromASnapshot() throws {
    var rig = Rig()
    rig.apply((0..<10).map { #"{"user_id":"u","item_id":"i\#($0)","event_id":"e"}"# })
    var configuration = rig.configuration
    configuration.input.dedupeWindow = 2
    let engine = try SnapshotTests.restored(rig.engine, configuration)
    #expect(engine.state.recent.values.map(\.count) == [2])
    configuration.input.dedupeWindow = 0
    #expect(try SnapshotTests.restored(rig.engine, configuration).state.recent.isEmpty)
  }

  @Test(arguments: [("sum", 6), ("once", 5), ("newest", 1)] as [(String, Float)])
  func theSameUserAndItemAgain(rule: String, strength: Float) throws {
    var rig = Rig { $0.input.repeats = .init(rawValue: rule)! }
    rig.apply([5, 1].enumerated().map { #"{"user_id":"u","item_id":"a","event_value":\#($1),"timestamp":\#(1_700_000_000 + $0)}"# })
    #expect(rig.strength("u", "a") == strength)
    rig.apply([#"{"user_id":"u","item_id":"a","op":"add","timestamp":1700000009}"#])
    #expect(rig.strength("u", "a") == strength + 1, "what the record says comes first")
  }

  @Test func aTypeHasARuleOfItsOwn() {
    var rig = Rig { $0.input.types = ["view": "once", "buy": "3", "rate.op": "newest", "rate.weight": "2"] }
    func event(_ type: String, _ item: String, _ time: Int) -> String {
      #"{"user_id":"u","item_id":"\#(item)","event_type":"\#(type)","timestamp":\#(1_700_000_000 + time)}"#
    }
    rig.apply([event("view", "a", 1), event("view", "a", 2), event("view", "a", 3)])
    rig.apply([event("buy", "b", 1), event("buy", "b", 2), event("view", "b", 3)])
    rig.apply([event("rate", "c", 1), event("rate", "c", 2)])
    #expect(rig.strength("u", "a") == 1 && rig.strength("u", "b") == 6 && rig.strength("u", "c") == 2)
  }

  /// Of strengths with a half-life, the stronger one as of the newest event.
  @Test func onceComparesDecayedStrengths() {
    let limits = HistoryLimits(halfLifeMilliseconds: 1000)
    let early = state(after: [event("u", "a", .once, strength: 4, time: 1000), event("u", "a", .once, strength: 1, time: 5000)], limits)
    #expect(early.users.history(0).pairs.map(\.strength) == [1])
    let late = state(
      after: [event("u", "a", .once, strength: 1, time: 5000), event("u", "a", .once, strength: 40, time: 3000)], limits)
    #expect(late.users.history(0).pairs.map(\.strength) == [10])
  }

  // MARK: Seen items by type

  private static func typed(_ type: String, _ item: String, _ time: Int, _ op: String = "add") -> String {
    #"{"user_id":"u","item_id":"\#(item)","event_type":"\#(type)","op":"\#(op)","timestamp":\#(1_700_000_000 + time)}"#
  }

  @Test func onlyTheTypesThatAreNamedMakeAnItemSeen() throws {
    var rig = Rig { configuration in
      configuration.input.seenTypes = ["purchase"]
      configuration.model.historyPerUser = 3
    }
    rig.apply([
      Self.typed("view", "viewed", 1), Self.typed("purchase", "bought", 2), Self.typed("view", "both", 3),
      Self.typed("purchase", "both", 4),
    ])
    #expect(rig.seen("u") == ["both", "bought"])
    rig.apply([Self.typed("view", "both", 5)])
    #expect(rig.seen("u") == ["both", "bought"], "a later view does not undo it")
    // Beyond the history, only what counts is remembered.
    rig.apply((0..<3).map { Self.typed("view", "i\($0)", 10 + $0) })
    try rig.restart()
    #expect(rig.seen("u") == ["both", "bought"])
    rig.apply([Self.typed("view", "bought", 20, "set"), Self.typed("view", "i2", 21, "delete")])
    #expect(rig.seen("u") == ["both"], "the pair was replaced by a view")
    #expect(rig.engine.state.violatedInvariant() == nil)
  }

  @Test func whatWasSeenBeforeTheHistoryStaysSeen() throws {
    var rig = Rig { configuration in
      configuration.input.seenTypes = ["purchase"]
      configuration.model.historyPerUser = 3
    }
    rig.apply([Self.typed("purchase", "bought", 1)] + (0..<3).map { Self.typed("view", "i\($0)", 10 + $0) })
    #expect(rig.seen("u") == ["bought"])
    rig.apply([Self.typed("view", "bought", 5)])
    #expect(rig.seen("u") == ["bought"], "a view that is older than the history")
    rig.apply([Self.typed("view", "bought", 20)])
    #expect(rig.seen("u") == ["bought"], "a view that brings the item back into the history")
    rig.apply([#"{"op":"merge","user_id":"u","into":"v"}"#, Self.typed("view", "bought", 21)])
    #expect(rig.seen("v") == ["bought"] && rig.engine.state.violatedInvariant() == nil)
  }

  @Test func typesOfWeightsAndOthersAreSeenAsNamed() {
    var rig = Rig {
      $0.input.seenTypes = ["purchase", "interaction"]
      $0.input.weights = ["view": 1]
    }
    rig.apply([Self.typed("view", "a", 1), Self.typed("purchase", "b", 2), #"{"user_id":"u","item_id":"c"}"#])
    #expect(rig.seen("u") == ["b", "c"])
  }
}
