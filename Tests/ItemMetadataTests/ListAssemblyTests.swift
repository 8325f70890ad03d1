import Testing

@testable import ItemMetadata

/// A catalogue of 40 items and a list whose scores fall from 40 by one per rank: item 0 is first.
struct ListFixture {
  var index = CatalogueIndex()
  var candidates = (0..<40 as Range<Int32>).map { ListCandidate(item: $0, score: Float(40 - $0), source: .personal) }
  var settings = ListSettings(n: 10)
  var rules: [String] = []
  var filter: ItemFilter?
  var excluded: Set<Int32> = []
  var seen: Set<Int32> = []
  var newItems: [ListCandidate] = []
  var similarity: (Int32, Int32) -> Float = { _, _ in 0 }

  init() throws {
    for number in 0..<40 as Range<Int32> {
      index.set(try ItemDocument(itemID: "i\(number)", categories: ["c\(number % 4)"]), number: number)
    }
  }

  func assembled() throws -> AssembledList {
    let set = try RuleSet(rules.enumerated().map { try rule($1, createdAt: now + Int64($0)) }, now: now)
    let compiled = CompiledRules(set, index, now: now) { id in Int32(id.dropFirst()).flatMap { $0 < index.itemCount ? $0 : nil } }
    let applied = compiled.applying(user: "u", placement: nil, now: now)
    var assembly = ListAssembly(
      settings, eligible: FilterCache().items(for: filter, in: index, now: now), index: index, now: now, rules: applied)
    assembly.excluded = excluded
    assembly.isSeen = { seen.contains($0) }
    assembly.similarity = similarity
    let list = assembly.assemble(candidates, newItems: newItems)
    #expect(list.items.map(\.rank) == Array((settings.offset + 1)..<(settings.offset + 1 + list.items.count)))
    #expect(Set(list.items.map(\.item)).count == list.items.count, "an item stands twice")
    return list
  }

  func items() throws -> [Int32] { try assembled().items.map(\.item) }
}

@Suite struct ListAssemblyTests {
  @Test func withoutWishesTheListIsTheCandidates() throws {
    let list = try ListFixture().assembled()
    #expect(list.items.map(\.item) == Array(0..<10) && list.items.map(\.score) == (0..<10).map { Float(40 - $0) })
    #expect(list.notes.isEmpty && !list.ranOut && list.items.allSatisfy { $0.rules.isEmpty && $0.boost == 0 && $0.source == .personal })
  }

  @Test func hiddenExpiredSeenAndExcludedItemsNeverAppear() throws {
    var fixture = try ListFixture()
    fixture.index.set(try ItemDocument(itemID: "i0", isHidden: true), number: 0)
    fixture.index.set(try ItemDocument(itemID: "i1", availableUntil: now), number: 1)
    fixture.index.remove(2)
    fixture.excluded = [3]
    fixture.seen = [4]
    fixture.rules = [#"{"id":"x","kind":"exclude","target":{"item":"i5"}}"#, #"{"id":"y","kind":"exclude","target":{"category":"c2"}}"#]
    fixture.filter = try ItemFilter(#"item_id != "i7" or hidden = true"#)
    #expect(try fixture.items() == [8, 9, 11, 12, 13, 15, 16, 17, 19, 20])
  }

  @Test func aCandidateThatComesTwiceStaysWhereItWasFirst() throws {
    var fixture = try ListFixture()
    fixture.candidates = [5, 3, 5, 4].map { ListCandidate(item: $0, score: 1, source: .popular) }
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [5, 3, 4] && list.ranOut)
  }

  /// Pages of one ranking, with everything switched on, are the ranking cut in pieces.
  @Test func pagesAreCutFromOneRanking() throws {
    var fixture = try ListFixture()
    fixture.settings = ListSettings(n: 5)
    fixture.settings.maxPerCategory = 3
    fixture.settings.diversity = 0.4
    fixture.settings.explorationSlots = 1
    fixture.similarity = { abs($0 - $1) == 1 ? 0.9 : 0 }
    fixture.newItems = [7, 2, 33, 21, 38].map { ListCandidate(item: $0, score: 0.5, source: .personal) }
    fixture.rules = [
      #"{"id":"a","kind":"boost","target":{"category":"c3"},"strength":0.7}"#, #"{"id":"b","kind":"bury","target":{"category":"c1"}}"#,
      #"{"id":"p","kind":"pin","target":{"item":"i30"},"position":2}"#, #"{"id":"q","kind":"pin","target":{"item":"i31"},"position":7}"#,
    ]
    var pages: [Int32] = []
    for offset in stride(from: 0, to: 40, by: 5) {
      fixture.settings.offset = offset
      pages += try fixture.items()
    }
    #expect(pages.count == 40 && Set(pages).count == 40)
    #expect(pages[1] == 30 && pages[8] != 31, "a pin beyond the first page is dropped")
    fixture.settings.offset = 3
    #expect(try fixture.items() == Array(pages[3..<8]), "an offset need not be a multiple of n")
    fixture.settings.offset = 38
    #expect(try fixture.items() == Array(pages[38...]) && fixture.assembled().ranOut)
  }

  // MARK: Boosts and bury

  @Test func aBoostIsAddedInUnitsOfTheSpread() throws {
    var fixture = try ListFixture()
    // Rank 1 has 40, rank 10 has 31: the spread is 9.
    fixture.rules = [#"{"id":"b","kind":"boost","target":{"item":"i12"},"strength":1}"#]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 1, 2, 3, 12, 4, 5, 6, 7, 8], "28 + 9 goes behind 37, which came first")
    #expect(list.items[4].boost == 9 && list.items[4].score == 28 && list.items[4].rules == ["b"] && list.items[4].ruleClass == .boost)
  }

  @Test func aBoostNeverPushesAnItemWithANegativeScoreDown() throws {
    var fixture = try ListFixture()
    fixture.candidates = fixture.candidates.map { ListCandidate(item: $0.item, score: $0.score - 60, source: .personal) }
    fixture.rules = [#"{"id":"b","kind":"boost","target":{"item":"i5"},"strength":0.5}"#]
    #expect(try fixture.items() == [0, 5, 1, 2, 3, 4, 6, 7, 8, 9])
    fixture.rules = [#"{"id":"b","kind":"boost","target":{"item":"i5"},"strength":-0.25}"#]
    #expect(try fixture.items() == [0, 1, 2, 3, 4, 6, 7, 5, 8, 9])
  }

  @Test func boostsOfAnItemAddUpWithinThree() throws {
    var fixture = try ListFixture()
    fixture.rules = [
      #"{"id":"b","kind":"boost","target":{"item":"i20"},"strength":2.5}"#,
      #"{"id":"c","kind":"boost","target":{"category":"c0"},"strength":2}"#,
    ]
    let list = try fixture.assembled()
    #expect(list.items.first { $0.item == 20 }?.boost == 27 && list.items.first { $0.item == 0 }?.boost == 18)
    #expect(list.items.first { $0.item == 20 }?.rules == ["b", "c"])
    fixture.rules = [
      #"{"id":"b","kind":"boost","target":{"item":"i3"},"strength":-3}"#, #"{"id":"c","kind":"boost","target":{"item":"i3"},"strength":3}"#,
    ]
    #expect(try fixture.items() == Array(0..<10))
  }

  @Test func equalScoresStillLeaveABoostAnEffect() throws {
    var fixture = try ListFixture()
    fixture.candidates = fixture.candidates.map { ListCandidate(item: $0.item, score: 1, source: .popular) }
    fixture.rules = [#"{"id":"b","kind":"boost","target":{"item":"i9"},"strength":1}"#]
    #expect(try fixture.items() == [9, 0, 1, 2, 3, 4, 5, 6, 7, 8])
  }

  /// The order of the candidates counts where scores of two sources follow each other.
  @Test func aSecondSourceWithLargerScoresStaysBehind() throws {
    var fixture = try ListFixture()
    fixture.candidates =
      (0..<5).map { ListCandidate(item: $0, score: Float(5 - $0), source: .personal) }
      + (5..<12).map { ListCandidate(item: $0, score: Float(1000 - $0), source: .popular) }
    fixture.rules = [#"{"id":"b","kind":"boost","target":{"item":"i11"},"strength":0.5}"#]
    #expect(try fixture.items() == [0, 1, 2, 11, 3, 4, 5, 6, 7, 8])
  }

  @Test func buriedItemsGoBelowAllOthersInTheirOrder() throws {
    var fixture = try ListFixture()
    fixture.settings.n = 40
    fixture.rules = [
      #"{"id":"b","kind":"bury","target":{"category":"c0"}}"#, #"{"id":"c","kind":"boost","target":{"item":"i4"},"strength":0.2}"#,
    ]
    let list = try fixture.assembled()
    #expect(list.items.prefix(30).allSatisfy { $0.item % 4 != 0 })
    #expect(list.items.suffix(10).map(\.item) == [4, 0, 8, 12, 16, 20, 24, 28, 32, 36])
    #expect(list.items[30].rules == ["c", "b"] && list.items[30].ruleClass == [.boost, .bury])
  }

  // MARK: Cut and diversity

  @Test func itemsBelowTheMinimumAreLeftOut() throws {
    var fixture = try ListFixture()
    fixture.settings.minScore = 36
    fixture.rules = [#"{"id":"b","kind":"boost","target":{"item":"i20"},"strength":3}"#]
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 1, 2, 3, 4] && list.ranOut, "a boost does not lift an item over the minimum")
    fixture.rules = [#"{"id":"b","kind":"pin","target":{"item":"i20"},"position":2}"#]
    #expect(try fixture.items() == [0, 20, 1, 2, 3, 4])
  }

  @Test func noCategoryHasMoreThanItsLimit() throws {
    var fixture = try ListFixture()
    fixture.candidates = [0, 4, 8, 1, 5, 12, 9, 2, 3].map { ListCandidate(item: $0, score: 1, source: .popular) }
    fixture.settings.maxPerCategory = 2
    fixture.settings.n = 6
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 4, 1, 5, 2, 3] && list.notes.isEmpty)
  }

  @Test func aShortListIsFilledWithWhatPassesTheLimitAndSaysSo() throws {
    var fixture = try ListFixture()
    fixture.candidates = [0, 4, 8, 12, 1, 16].map { ListCandidate(item: $0, score: 1, source: .popular) }
    fixture.settings.maxPerCategory = 1
    fixture.settings.n = 5
    let list = try fixture.assembled()
    #expect(list.items.map(\.item) == [0, 1, 4, 8, 12] && list.notes == [.categoryLimitPassed(items: 3)])
  }

  @Test func anItemIsSkippedIfAnyOfItsCategoriesIsFull() throws {
    var fixture = try ListFixture()
    fixture.index.set(try ItemDocument(itemID: "i1", categories: ["c9", "c0"]), number: 1)
    fixture.index.set(try ItemDocument(itemID: "i2"), number: 2)
    fixture.candidates = [0, 1, 2, 3].map { ListCandidate(item: $0, score: 1, source: .popular) }
    fixture.settings.maxPerCategory = 1
    fixture.settings.n = 3
    #expect(try fixture.items() == [0, 2, 3], "an item without a category is never skipped")
  }

  /// Items 0 to 4 are alike; a weight that counts takes one of them and then the others.
  @Test func diversityPrefersItemsUnlikeThoseAbove() throws {
    var fixture = try ListFixture()
    fixture.candidates = (0..<8).map { ListCandidate(item: $0, score: Float(8 - $0), source: .personal) }
    fixture.similarity = { $0 < 5 && $1 < 5 ? 1 : 0 }
    fixture.settings.n = 4
    #expect(try fixture.items() == [0, 1, 2, 3])
    fixture.settings.diversity = 0.5
    // Relevances are 1, 6/7, ... 0; of the alike ones item 1 has (6/7 - 1) / 2 < 0 = item 7.
    #expect(try fixture.items() == [0, 5, 6, 7])
    fixture.settings.n = 8
    #expect(try fixture.items() == [0, 5, 6, 7, 1, 2, 3, 4])
  }

  @Test func withDiversityAloneTiesGoToTheLowerNumber() throws {
    var fixture = try ListFixture()
    fixture.candidates = [9, 3, 7, 5].map { ListCandidate(item: $0, score: Float($0), source: .personal) }
    fixture.settings.diversity = 1
    #expect(try fixture.items() == [3, 5, 7, 9])
  }

  /// Beyond the pool of 200 items, the order is that of rank.
  @Test func onlyTheBestItemsCompeteByDissimilarity() throws {
    var fixture = try ListFixture()
    fixture.index.extend(to: 400)
    fixture.candidates = (0..<400).map { ListCandidate(item: 399 - $0, score: Float(400 - $0), source: .personal) }
    fixture.settings = ListSettings(n: 20)
    fixture.settings.diversity = 1
    fixture.settings.offset = 190
    #expect(try fixture.items() == (390..<400) + (190..<200).reversed())
  }

  @Test func diversityAndCategoryLimitAreAppliedTogether() throws {
    var fixture = try ListFixture()
    fixture.settings.n = 4
    fixture.settings.diversity = 0.5
    fixture.settings.maxPerCategory = 1
    fixture.similarity = { $0 / 8 == $1 / 8 ? 1 : 0 }
    let list = try fixture.assembled()
    #expect(Set(list.items.map { $0.item % 4 }).count == 4 && Set(list.items.map { $0.item / 8 }).count == 4)
  }
}
