import Factorization
import Testing

@testable import StreamingRecommender

/// Lists that the user's own items do not fill, and events that say nothing about other people.
@Suite struct ShortListTests {
  private static let start: Int64 = 1_700_000_100_000
  private static let day: Int64 = 86_400_000

  private func list(_ engine: RecommenderEngine, _ user: String, _ configuration: RecommenderConfiguration) throws -> FreshList {
    var engine = engine
    let user = try #require(engine.user(user))
    let lists = engine.refresh([user], scratch(configuration))
    return try #require(lists.first)
  }

  private func names(_ list: some Sequence<ScoredItem>, _ engine: RecommenderEngine) -> [String] {
    list.map { engine.state.catalogue.items.string($0.item) }
  }

  /// Two items have no vector yet; the user has seen one of them. A third one has too few users.
  @Test func aShortListIsFilledWithPopularItemsThatTheUserHasNotSeen() throws {
    let configuration = plainConfiguration { $0.topN.n = 20 }
    var engine = trainedEngine(configuration)
    _ = engine.apply([
      event("u1", "fresh", time: Self.start), event("u3", "fresh", time: Self.start), event("u3", "rare", time: Self.start),
      event("u5", "own", time: Self.start), event("u2", "own", time: Self.start + 1), event("u2", "i1", time: Self.start + 2),
    ])
    let list = try list(engine, "u2", configuration)
    let from = try #require(list.filledFrom)
    #expect(from > 0 && list.source == .foldin)
    #expect(names(list.items[from...], engine) == ["fresh"])
    #expect(zip(list.items, list.items.dropFirst()).allSatisfy { $0.score >= $1.score })
    #expect(Set(list.items.map(\.item)).count == list.items.count)
  }

  @Test func aFullListIsNotMarked() throws {
    let configuration = plainConfiguration()
    #expect(try list(trainedEngine(configuration), "u2", configuration).filledFrom == nil)
  }

  private var everythingIsSeen: [Interaction] {
    (0..<40).flatMap { user in (0..<10).map { event("u\(user)", "screen\($0)", time: Self.start + Int64(user * 10 + $0)) } }
  }

  @Test func whoHasSeenEverythingGetsThePopularList() throws {
    let configuration = plainConfiguration()
    let engine = trainedEngine(configuration, everythingIsSeen)
    let list = try list(engine, "u3", configuration)
    #expect(list.items.count == 5 && list.filledFrom == 0 && list.source == .popular)
    #expect(list.items == engine.popular(5))
  }

  @Test func orNoListWhereTheConfigurationSaysSo() throws {
    let configuration = plainConfiguration { $0.topN.whenEmpty = .absent }
    #expect(try list(trainedEngine(configuration, everythingIsSeen), "u3", configuration).items.isEmpty)
  }

  /// The user's other items are newer than the time for which an item counts as seen.
  @Test func anItemMayComeAgainAfterItsTime() throws {
    let configuration = plainConfiguration { ($0.model.seenFor, $0.topN.n) = (.seconds(86_400), 20) }
    var engine = trainedEngine(configuration)
    #expect(engine.state.users.seen(try #require(engine.user("u0"))).count > 1)
    _ = engine.apply([event("u0", "i1", time: Self.start + 2 * Self.day)])
    #expect(names(engine.state.users.seen(engine.user("u0")!).map { ScoredItem(item: $0, score: 0) }, engine) == ["i1"])
  }

  // MARK: People, not events

  /// A player that sends a heartbeat, or a faulty export.
  @Test func oneUsersRepeatsChangeNeitherPopularItemsNorTheListsOfOthers() throws {
    let configuration = plainConfiguration { ($0.model.trend, $0.model.transitions) = (TrendRules(), TransitionRules()) }
    var engine = trainedEngine(configuration)
    let lists = try (1..<40).map { try list(engine, "u\($0)", configuration).items }
    let popular = engine.popular(20)
    _ = engine.apply((0..<2000).map { event("u0", "i2", time: Self.start + Int64($0)) })
    // The first is one more event of a person.
    #expect(names(engine.popular(20), engine).firstIndex(of: "i2")! <= names(popular, engine).firstIndex(of: "i2")!)
    #expect(abs(engine.popular(1)[0].score - popular[0].score) < 1.5)
    for user in 1..<40 {
      let before = names(lists[user - 1], engine)
      let after = names(try list(engine, "u\(user)", configuration).items, engine)
      #expect(Set(before).intersection(after).count >= before.count - 1, "u\(user): \(before), then \(after)")
    }
  }

  @Test func aRepeatOnAnotherDayCountsAgain() {
    var engine = RecommenderEngine(plainConfiguration())
    let midnight = Self.start / Self.day * Self.day
    for (index, time) in [0, 1, Self.day - 1, Self.day + 5].enumerated() {
      _ = engine.apply([event("u", "i", time: midnight + time)])
      #expect(abs(engine.popular(1)[0].score - (index < 3 ? 1 : 2)) < 0.1)
    }
  }

  @Test func anOldEventSaysNothingAboutThePresent() {
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply([event("u", "new", time: Self.start + 30 * Self.day), event("v", "old", time: Self.start)])
    #expect(names(engine.popular(5), engine) == ["new"])
    #expect(engine.user("v").map { engine.state.users.seen($0).count } == 1, "its history has it")
  }
}
