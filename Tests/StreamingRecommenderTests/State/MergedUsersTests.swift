import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct MergedUsersTests {
  private func resolved(_ merged: MergedUsers, _ id: Identifier) -> Identifier? { merged.resolve(id.bytes).map(Identifier.init) }

  @Test func whoeverWasMergedIntoAnIDFollowsItToTheNext() {
    var merged = MergedUsers()
    merged.insert("a", into: "b")
    merged.insert("c", into: "b")
    merged.insert("b", into: "d")
    #expect(["a", "b", "c"].allSatisfy { resolved(merged, $0) == "d" } && resolved(merged, "d") == nil)
    merged.insert("a", into: "e")
    #expect(resolved(merged, "a") == "e" && resolved(merged, "b") == "d")
    #expect(merged.oldestFirst.map(\.id) == ["c", "b", "a"])
  }

  @Test func aForgottenUserTakesTheirIDsAlong() {
    var merged = MergedUsers()
    for id in ["a", "b"] as [Identifier] { merged.insert(id, into: "x") }
    merged.insert("c", into: "y")
    merged.forget("x")
    #expect(merged.oldestFirst.map(\.id) == ["c"])
    merged.forget("c")
    #expect(merged.isEmpty)
  }

  @Test func theOldestAreDropped() {
    var merged = MergedUsers()
    for index in 0..<5000 {
      merged.insert("v\(index)", into: "u\(index % 10)")
      merged.bound(to: 100)
    }
    #expect(merged.count == 100 && merged.dropped == 4900)
    #expect(resolved(merged, "v4899") == nil && resolved(merged, "v4900") == "u0")
    for index in 0..<3000 { merged.insert("w\(index)", into: "hub") }
    #expect(merged.oldestFirst.count { $0.into == "hub" } == MergedUsers.idsPerUserMax)
  }

  @Test(arguments: 1...20) func itAgreesWithAPlainTable(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var merged = MergedUsers()
    var plain: [Identifier: Identifier] = [:]
    for _ in 0..<400 {
      let (a, b) = (Identifier("u\(random.below(12))"), Identifier("u\(random.below(12))"))
      if random.chance(0.1) {
        merged.forget(a)
        plain[a] = nil
        plain = plain.filter { $0.value != a }
        continue
      }
      let into = plain[b] ?? b
      guard into != a else { continue }
      merged.insert(a, into: into)
      for (id, target) in plain where target == a { plain[id] = into }
      plain[a] = into
      #expect(Dictionary(uniqueKeysWithValues: merged.oldestFirst.map { ($0.id, $0.into) }) == plain, "seed \(seed)")
    }
  }
}
