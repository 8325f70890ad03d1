import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct EngineStateTests {
  private func store(_ events: [Interaction], _ limits: HistoryLimits = .init(), partition: UInt16 = 0) -> EngineState {
    state(after: events, limits, partition: partition)
  }

  @discardableResult private func apply(_ event: Interaction, _ store: inout EngineState, _ partition: UInt16 = 0)
    -> EngineState.Outcome
  { store.apply(event, order: InteractionOrder(timeMilliseconds: event.timeMilliseconds, partition: partition)) }

  private func strength(_ store: EngineState, _ user: String, _ item: String) -> Float? {
    guard let user = store.users.find(Array(user.utf8)), let item = store.catalogue.items.find(Array(item.utf8)) else { return nil }
    return store.users.history(user).pairs.first { $0.item == item && $0.isLive }?.strength
  }

  // MARK: The rules one by one

  @Test func strengthsOfAddsSum() {
    #expect(strength(store([event("u", "a", strength: 2, time: 1), event("u", "a", strength: 0.5, time: 2)]), "u", "a") == 2.5)
  }

  @Test func theLastSetWins() {
    #expect(strength(store([event("u", "a", strength: 2, time: 1), event("u", "a", .set, strength: 7, time: 2)]), "u", "a") == 7)
  }

  @Test func aSetOlderThanThePairIsStale() {
    var store = store([event("u", "a", strength: 2, time: 5)])
    #expect(apply(event("u", "a", .set, strength: 7, time: 4), &store) == .stale)
    #expect(strength(store, "u", "a") == 2)
  }

  @Test func anAddOlderThanTheLastSetIsStale() {
    var store = store([event("u", "a", .set, strength: 2, time: 5), event("u", "a", strength: 1, time: 9)])
    #expect(apply(event("u", "a", strength: 1, time: 4), &store) == .stale)
    #expect(apply(event("u", "a", strength: 1, time: 6), &store) != .stale)
    #expect(strength(store, "u", "a") == 4)
  }

  @Test func aDeletedPairIsNotSeenAndStaysAMarker() {
    var store = store([event("u", "a", time: 1), event("u", "a", .delete, time: 3)])
    #expect(store.users.pairCount == 0)
    #expect(store.users.seen(0).isEmpty)
    #expect(apply(event("u", "a", time: 2), &store) == .stale)
    #expect(apply(event("u", "a", strength: 4, time: 3), &store) != .stale)
    #expect(strength(store, "u", "a") == 4)
  }

  @Test func atOneTimeTheLaterArrivalWins() {
    #expect(strength(store([event("u", "a", .set, strength: 2, time: 5), event("u", "a", .set, strength: 3, time: 5)]), "u", "a") == 3)
  }

  @Test func strengthsAreBounded() {
    let limits = HistoryLimits(maxStrength: 10)
    #expect(strength(store([event("u", "a", strength: 8, time: 1), event("u", "a", strength: 8, time: 2)], limits), "u", "a") == 10)
    #expect(strength(store([event("u", "a", strength: -80, time: 1)], limits), "u", "a") == -10)
  }

  @Test func theCapKeepsTheNewestPairsAndTheEvictedStaySeen() {
    let store = store([5, 1, 4, 2, 3].map { event("u", "i\($0)", time: $0) }, .init(historyPerUser: 3))
    #expect(store.users.history(0).pairs.map { store.catalogue.items.string($0.item) } == ["i3", "i4", "i5"])
    #expect(store.users.seen(0).count == 5)
    #expect(store.users.pairCount == 3)
  }

  @Test func theSeenSetForgetsTheOldestFirst() {
    let store = store((1...8).map { event("u", "i\($0)", time: $0) }, .init(historyPerUser: 2, seenPerUser: 5))
    #expect(store.users.seen(0).map { store.catalogue.items.string($0) }.sorted() == ["i4", "i5", "i6", "i7", "i8"])
    #expect(store.users.partitions[0].evictedFromSeen == 3)
  }

  @Test func aLoweredCapHoldsFromTheNextEventOn() {
    let long = store((1...9).map { event("u", "i\($0)", time: $0) })
    var store = EngineState(limits: .init(historyPerUser: 3))
    store.catalogue = long.catalogue
    var users = UserPartition(number: 0, factors: 1)
    users.restore(Array("u".utf8), long.users.history(0))
    store.users.replace(users)
    apply(event("u", "new", time: 10), &store)
    #expect(store.users.history(0).pairs.map { store.catalogue.items.string($0.item) } == ["i8", "i9", "new"])
    #expect(store.users.seen(0).count == 10)
    #expect(store.violatedInvariant() == nil)
  }

  @Test func aForgottenUserLeavesNothing() {
    var store = store(
      [event("u", "a", .set, time: 1), event("u", "a", time: 2), event("v", "a", time: 1)] + (0..<5).map { event("u", "i\($0)", time: 3) },
      .init(historyPerUser: 3))
    store.forget(0)
    #expect(store.users.find(Array("u".utf8)) == nil)
    #expect(store.users.history(0).isEmpty)
    #expect(store.users.seen(0).isEmpty)
    #expect(store.users.pairCount == 1)
    #expect(store.violatedInvariant() == nil)
    apply(event("w", "b", time: 9), &store)
    #expect(store.users.find(Array("w".utf8)) == 0)
    #expect(store.users.seen(0).count == 1)
  }

  // MARK: Against the plain twin

  @Test(arguments: [1, 2, 9]) func everyShortSequenceAgreesWithThePlainStore(cap: Int) {
    let limits = HistoryLimits(historyPerUser: cap, seenPerUser: 3)
    let alphabet = ["a", "b"].flatMap { item in
      Interaction.Operation.allCases.flatMap { operation in
        (1...3).map { event("u", item, operation, strength: Float($0), time: Int64($0)) }
      }
    }
    for first in alphabet { for second in alphabet { for third in alphabet { compare([first, second, third], limits, "exhaustive") } } }
  }

  @Test func everySequenceOfFourOnOnePairAgreesWithThePlainStore() {
    let alphabet = Interaction.Operation.allCases.flatMap { operation in
      (1...3).map { event("u", "a", operation, strength: Float($0), time: Int64($0)) }
    }
    for first in alphabet {
      for second in alphabet {
        for third in alphabet { for fourth in alphabet { compare([first, second, third, fourth], .init(), "exhaustive") } }
      }
    }
  }

  private func compare(_ events: [Interaction], _ limits: HistoryLimits, _ what: String) {
    var store = EngineState(limits: limits)
    var plain = PlainStore(limits)
    for event in events {
      let changed = apply(event, &store) != .stale
      if changed != plain.apply(event, partition: 0) { Issue.record("\(what): \(events): stale differs") }
    }
    if let difference = plain.difference(from: store) { Issue.record("\(what): \(events): \(difference)") }
    if let violation = store.violatedInvariant() { Issue.record("\(what): \(events): \(violation)") }
  }

  @Test(arguments: 1...24 as ClosedRange<UInt64>) func randomEventsAgreeWithThePlainStore(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limits = HistoryLimits(
      historyPerUser: [2, 5, 1000][Int(random.below(3))], seenPerUser: [4, 8, 1000][Int(random.below(3))],
      halfLifeMilliseconds: random.chance(0.5) ? 40 : nil)
    var store = EngineState(limits: limits)
    var plain = PlainStore(limits)
    for step in 0..<1500 {
      let name = "u\(random.below(4))"
      if random.chance(0.01) {
        if let user = store.users.find(Array(name.utf8)) { store.forget(user) }
        plain.forget(name)
        continue
      }
      let event = event(
        name, "i\(random.below(12))", random.chance(0.7) ? .add : random.chance(0.5) ? .set : .delete,
        strength: Float(random.below(7)) - 2, time: Int64(step) / 4 + Int64(random.below(30)))
      let partition = UInt16(random.below(2))
      let changed = apply(event, &store, partition) != .stale
      let expected = plain.apply(event, partition: partition)
      if changed != expected { Issue.record("seed \(seed), step \(step): changed \(changed), expected \(expected)") }
      if step % 50 == 0 || step > 1490 {
        if let difference = plain.difference(from: store) {
          Issue.record("seed \(seed), step \(step): \(difference)")
          return
        }
        if let violation = store.violatedInvariant() { Issue.record("seed \(seed), step \(step): \(violation)") }
      }
    }
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>) func halfLifeSumsDoNotDependOnTheOrderOfArrival(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limits = HistoryLimits(halfLifeMilliseconds: 1000)
    let events = (0..<200).map { _ in
      event("u", "i\(random.below(5))", strength: Float(random.below(10)) + 1, time: Int64(random.below(5000)))
    }
    let sorted = store(events.sorted { $0.timeMilliseconds < $1.timeMilliseconds }, limits)
    let shuffled = store(events.shuffled(using: &random), limits)
    for item in 0..<5 {
      let (a, b) = (strength(sorted, "u", "i\(item)"), strength(shuffled, "u", "i\(item)"))
      #expect(abs((a ?? 0) - (b ?? 0)) <= 1e-6 * max(1, abs(a ?? 0)), "seed \(seed): \(String(describing: a)) \(String(describing: b))")
    }
  }

  // MARK: Hash and frozen views

  private func randomEvents(_ random: inout SeededGenerator, _ count: Int) -> [Interaction] {
    (0..<count).map { _ in
      event(
        "u\(random.below(9))", "i\(random.below(20))", random.chance(0.7) ? .add : random.chance(0.5) ? .set : .delete,
        strength: Float(random.below(5)), time: Int64(random.below(100)))
    }
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>) func interleavingUsersDifferentlyGivesTheSameHash(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let events = randomEvents(&random, 600)
    let limits = HistoryLimits(historyPerUser: 5, seenPerUser: 8)
    let one = store(events, limits)
    // The same order per user, another across users; each user keeps to one partition.
    var queues = Dictionary(grouping: events, by: \.user).mapValues { $0[...] }
    var other = EngineState(limits: limits)
    while let user = queues.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }).randomElement(using: &random) {
      apply(queues[user]!.removeFirst(), &other)
      if queues[user]!.isEmpty { queues[user] = nil }
    }
    #expect(one.hash() == other.hash(), "seed \(seed)")
  }

  @Test func theHashShowsEveryPart() {
    let base = [event("u", "a", .set, strength: 1, time: 1), event("u", "a", strength: 1, time: 3)]
    let hash = store(base).hash()
    #expect(store([event("u", "a", .set, strength: 1, time: 2), base[1]]).hash() != hash)
    #expect(store([base[0], event("u", "a", strength: 1.5, time: 3)]).hash() != hash)
    #expect(store([base[0], event("u", "a", strength: 1, time: 4)]).hash() != hash)
    #expect(store(base + [event("u", "b", .delete, time: 1)]).hash() != hash)
    #expect(store(base + [event("v", "b", time: 1)]).hash() != hash)
    #expect(store(base, partition: 1).hash() != hash)
  }

  @Test func aFrozenViewStandsStillWhileTheStoreGoesOn() {
    var random = SeededGenerator(seed: 5)
    var live = store(randomEvents(&random, 500), .init(historyPerUser: 4))
    let frozen = live.frozen(withVectors: true)
    let hashes = frozen.hash()
    for event in randomEvents(&random, 500) { apply(event, &live) }
    live.forget(0)
    apply(event("fresh", "i1", time: 500), &live)
    #expect(frozen.hash() == hashes)
    #expect(frozen.violatedInvariant() == nil)
    #expect(live.hash() != hashes)
  }
}
