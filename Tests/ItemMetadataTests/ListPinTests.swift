import Testing

@testable import ItemMetadata

private func pin(_ id: String, _ target: String, at position: Int, _ more: String = "") -> String {
  #"{"id":"\#(id)","kind":"pin","target":\#(target),"position":\#(position)\#(more)}"#
}

private func item(_ number: Int) -> String { #"{"item":"i\#(number)"}"# }

@Suite struct ListPinTests {
  @Test func aPinTakesItsPositionAndOthersMoveDown() throws {
    var fixture = try ListFixture()
    fixture.rules = [pin("p", item(30), at: 3)]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 1, 30, 2, 3, 4, 5, 6, 7, 8])
    #expect(list.items[2].rules == ["p"] && list.items[2].ruleClass == .pin && list.items[2].score == 10)
    #expect(list.items[2].source == .personal && list.notes.isEmpty)
  }

  @Test func anItemThatStandsHigherComesDownToItsPin() throws {
    var fixture = try ListFixture()
    fixture.rules = [pin("p", item(0), at: 5)]
    #expect(try fixture.items() == [1, 2, 3, 4, 0, 5, 6, 7, 8, 9])
  }

  @Test func anItemThatIsNoCandidateIsPinnedWithoutAScore() throws {
    var fixture = try ListFixture()
    fixture.candidates.removeAll { $0.item == 30 }
    fixture.rules = [pin("p", item(30), at: 1)]
    let first = try fixture.assembled().items[0]
    #expect(first.item == 30 && first.score == nil && first.source == .pinned)
  }

  @Test func excludeBeatsPin() throws {
    var fixture = try ListFixture()
    fixture.rules = [
      pin("p", item(30), at: 1), #"{"id":"x","kind":"exclude","target":{"category":"c2"}}"#, pin("q", item(31), at: 2),
      pin("r", item(32), at: 1),
    ]
    fixture.excluded = [31]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [32, 0, 1, 3, 4, 5, 7, 8, 9, 11])
    #expect(list.notes == [.pinLeftOut(rule: "p", .excluded), .pinLeftOut(rule: "q", .excluded)])
  }

  @Test func aPinNeedsAnEligibleItem() throws {
    var fixture = try ListFixture()
    fixture.index.set(try ItemDocument(itemID: "i30", isHidden: true), number: 30)
    fixture.index.set(try ItemDocument(itemID: "i31", availableUntil: now), number: 31)
    fixture.filter = try ItemFilter(#"categories = "c0""#)
    fixture.rules = [
      pin("a", item(30), at: 1), pin("b", item(31), at: 1), pin("c", item(33), at: 1), pin("d", item(99), at: 1), pin("e", item(32), at: 1),
    ]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item).prefix(3) == [32, 0, 4])
    #expect(
      list.notes == [
        .pinLeftOut(rule: "d", .unknownItem), .pinLeftOut(rule: "a", .unavailable), .pinLeftOut(rule: "b", .unavailable),
        .pinLeftOut(rule: "c", .filtered),
      ])
  }

  @Test func aSeenItemIsPinnedUnlessTheRuleSaysOtherwise() throws {
    var fixture = try ListFixture()
    fixture.seen = [0, 30, 31]
    fixture.rules = [pin("p", item(30), at: 1), pin("q", item(31), at: 2, #","skip_seen":true"#)]
    let list = try fixture.assembled()
    #expect(list.items.prefix(3).map(\.item) == [30, 1, 2] && list.items[0].score == 10)
    #expect(list.notes == [.pinLeftOut(rule: "q", .seen)])
  }

  /// Higher priority, then the older rule, then the smaller id; the loser goes to the next free position.
  @Test func ofTwoPinsOnOnePositionTheFirstStaysAndTheOtherGoesOn() throws {
    var fixture = try ListFixture()
    fixture.rules = [
      pin("z", item(20), at: 1), pin("y", item(21), at: 1), pin("x", item(22), at: 2), pin("w", item(23), at: 1, #","priority":1"#),
    ]
    #expect(try fixture.items() == [23, 20, 21, 22, 0, 1, 2, 3, 4, 5])
    fixture.rules = ["b", "a"].map { pin($0, item($0 == "a" ? 20 : 21), at: 1, #","created_at":"2026-01-01""#) }
    #expect(try fixture.items().prefix(2) == [20, 21])
  }

  @Test func aPinBeyondTheListIsDroppedAndTold() throws {
    var fixture = try ListFixture()
    fixture.settings.n = 3
    fixture.rules = [pin("a", item(2), at: 4), pin("b", item(20), at: 3), pin("c", item(21), at: 3)]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 1, 20], "an item whose pin is dropped keeps its rank")
    #expect(list.notes == [.pinBeyondEnd(rule: "a", position: 4), .pinBeyondEnd(rule: "c", position: 4)])
  }

  @Test func anItemThatIsPinnedTwiceStaysWhereItWasFirst() throws {
    var fixture = try ListFixture()
    fixture.rules = [pin("a", item(20), at: 4), pin("b", item(20), at: 1)]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 1, 2, 20, 3, 4, 5, 6, 7, 8])
    #expect(list.notes == [.pinLeftOut(rule: "b", .alreadyPinned)])
  }

  @Test func aPinOfACategoryShowsItsBestItem() throws {
    var fixture = try ListFixture()
    fixture.seen = [3]
    fixture.rules = [
      pin("a", #"{"category":"c3"}"#, at: 1), pin("b", #"{"filter":"categories = \"c3\""}"#, at: 2),
      pin("c", #"{"category":"none"}"#, at: 3),
      #"{"id":"d","kind":"boost","target":{"item":"i11"},"strength":1}"#,
    ]
    let list = try fixture.assembled()
    #expect(list.items.prefix(3).map(\.item) == [11, 7, 0] && list.notes == [.pinLeftOut(rule: "c", .noCandidate)])
    #expect(list.items[0].rules == ["a", "d"] && list.items[0].ruleClass == [.pin, .boost])
  }

  @Test func aPinEndsAListThatIsTooShortForItsPosition() throws {
    var fixture = try ListFixture()
    fixture.candidates = Array(fixture.candidates.prefix(2))
    fixture.rules = [pin("a", item(20), at: 9), pin("b", item(21), at: 1)]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [21, 0, 1, 20] && list.ranOut)
    fixture.candidates = []
    #expect(try fixture.items() == [21, 20])
  }

  @Test func pinsDoNotCountForTheLimitOfACategory() throws {
    var fixture = try ListFixture()
    fixture.settings.n = 5
    fixture.settings.maxPerCategory = 1
    fixture.rules = [pin("a", item(4), at: 1)]
    #expect(try fixture.items() == [4, 0, 1, 2, 3])
  }

  @Test func aRuleForOtherUsersOrPlacementsLeavesTheListAsItIs() throws {
    var fixture = try ListFixture()
    fixture.rules = [pin("a", item(20), at: 1, #","share":0"#), pin("b", item(21), at: 1, #","placement":"basket""#)]
    #expect(try fixture.items() == Array(0..<10))
  }
}

@Suite struct ListExplorationTests {
  private func fixture(_ slots: Int, _ items: [Int32]) throws -> ListFixture {
    var fixture = try ListFixture()
    fixture.settings.explorationSlots = slots
    fixture.newItems = items.map { ListCandidate(item: $0, score: 0.1, source: .personal) }
    return fixture
  }

  @Test func newItemsTakeTheRanksFourAndNine() throws {
    let list = try fixture(2, [30, 31, 32]).assembled()
    #expect(list.items.map(\.item) == [0, 1, 2, 30, 3, 4, 5, 6, 31, 7])
    #expect(list.items.filter { $0.source == .explore }.map(\.rank) == [4, 9] && list.items[3].score == 0.1)
    #expect(try fixture(1, [30, 31, 32]).items() == [0, 1, 2, 30, 3, 4, 5, 6, 7, 8])
    #expect(try fixture(0, [30, 31, 32]).items() == Array(0..<10))
    #expect(try fixture(9, [30, 31, 32]).items() == [0, 1, 2, 30, 3, 4, 5, 6, 31, 7], "there are two slots in ten ranks")
  }

  @Test func everyPageHasItsSlots() throws {
    var fixture = try fixture(1, [30, 31, 32])
    fixture.settings.offset = 10
    #expect(try fixture.items() == [9, 10, 11, 31, 12, 13, 14, 15, 16, 17])
  }

  @Test func onlyEligibleItemsAreExploredAndNoneTwice() throws {
    var fixture = try fixture(2, [30, 31, 32, 1, 6, 34])
    fixture.seen = [30]
    fixture.excluded = [31]
    fixture.rules = [#"{"id":"x","kind":"exclude","target":{"item":"i32"}}"#]
    #expect(try fixture.items() == [0, 1, 2, 6, 3, 4, 5, 7, 34, 8])
  }

  @Test func pinsComeLastAndMoveSlotsDown() throws {
    var fixture = try fixture(1, [30, 31])
    fixture.rules = [pin("p", item(30), at: 2)]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 30, 1, 2, 31, 3, 4, 5, 6, 7])
  }

  /// A share of 15 % of ten ranks is one slot, and one more for half of the users, who are others in each hour.
  @Test func aFractionOfASlotIsASlotForSomeUsers() {
    func slots(_ user: Int, _ time: Int64) -> Int { ListSettings.explorationSlots(n: 10, share: 0.15, user: "u\(user)", now: time) }
    let early = (0..<1000).map { slots($0, now) }
    let late = (0..<1000).map { slots($0, now + 3_600_000) }
    #expect(Set(early) == [1, 2] && 440...560 ~= early.count { $0 == 2 } && 440...560 ~= late.count { $0 == 2 })
    #expect(400...600 ~= zip(early, late).count { $0 != $1 })
    #expect(early == (0..<1000).map { slots($0, now + 60_000) })
    #expect(ListSettings.explorationSlots(n: 20, share: 0.1, user: nil, now: now) == 2)
    #expect(ListSettings.explorationSlots(n: 20, share: 0, user: "u", now: now) == 0)
  }
}
