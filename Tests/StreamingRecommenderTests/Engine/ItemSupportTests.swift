import Testing

@testable import StreamingRecommender

/// Items with few users: when they get a vector, and how they count as similar items.
@Suite struct ItemSupportTests {
  private static let start: Int64 = 1_700_000_100_000

  private func engine(_ change: (inout RecommenderConfiguration) -> Void = { _ in }) -> RecommenderEngine {
    var engine = RecommenderEngine(plainConfiguration(change))
    _ = engine.apply(checkerboard() + [event("u0", "rare", time: Self.start)])
    _ = engine.trainAndInstall()
    return engine
  }

  @Test func anItemOfOneUserHasNoVectorAndIsInNobodysList() throws {
    let engine = engine { $0.topN.n = 20 }
    let rare = try #require(engine.item("rare"))
    let model = try #require(engine.model)
    #expect(!model.hasVector(rare))
    #expect(model.hasVector(try #require(engine.item("i0"))))
    var copy = engine
    let scratch = scratch(plainConfiguration())
    for user in ["u2", "u4", "u6"] { #expect(copy.list(user, scratch)?.items.contains("rare") == false) }
  }

  @Test func withSupportOneItHasOne() throws {
    let engine = engine { $0.model.minSupport = 1 }
    #expect(engine.model?.isTrained(try #require(engine.item("rare"))) == true)
  }

  /// The first user came before the training, the second after it: the item is folded in from both.
  @Test func theSecondUserGivesItAVector() throws {
    var engine = engine()
    let rare = try #require(engine.item("rare"))
    #expect(engine.state.catalogue.newItems.users[rare] == [try #require(engine.user("u0"))])
    _ = engine.apply([event("u2", "rare", time: Self.start + 1)])
    #expect(engine.refreshNewItems() == [rare])
    #expect(engine.state.catalogue.newItems.users[rare]?.count == 2)
    #expect(engine.model?.hasVector(rare) == true)
  }

  @Test func aNewItemWaitsForItsSecondUserAlsoAfterARestart() throws {
    var engine = engine()
    _ = engine.apply([event("u4", "new", time: Self.start + 1)])
    #expect(engine.refreshNewItems().isEmpty)
    var restored = RecommenderEngine(restoring: engine.snapshot(sequence: 1), configuration: plainConfiguration())
    #expect(restored.refreshNewItems().isEmpty)
    _ = restored.apply([event("u6", "new", time: Self.start + 2)])
    #expect(restored.refreshNewItems() == [try #require(restored.item("new"))])
  }

  /// A tombstone between freeze and adoption must not bring its user back among those of a rare item.
  @Test func aUserForgottenDuringTheTrainingIsNotOneOfItsUsers() throws {
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply(checkerboard() + [event("u0", "rare", time: Self.start)])
    let job = engine.makeTrainingJob(id: "test", reason: .requested, nowMilliseconds: 0)
    _ = engine.apply([Record(offset: 0, timestampMilliseconds: Self.start, key: Array("u0".utf8), value: nil)])
    engine.adopt(try #require(job.run(threads: 1, monitor: TrainingMonitor()).trained))
    #expect(engine.state.catalogue.newItems.users[try #require(engine.item("rare"))]?.isEmpty ?? true)
  }

  // MARK: Similar items

  /// Two items have the same vector; the one with more users is the more similar one, and shrinkage 0 leaves the cosine.
  @Test func similarityIsShrunkByTheNumberOfUsers() throws {
    let engine = engine()
    var model = try #require(engine.model)
    let (many, few, other) = try (#require(engine.item("i0")), #require(engine.item("i2")), #require(engine.item("i4")))
    model.support = [Int32](repeating: 90, count: model.itemFactors.rows)
    model.support[Int(few)] = 10
    let vector = model.itemFactors.array(Int(many))
    var factors = model.itemFactors
    factors.setRow(Int(few), to: vector)
    let same = InstalledModel(
      epoch: 1, itemFactors: factors, origins: model.origins, gramian: model.gramian, userGramian: model.userGramian, servedUsers: 1,
      meanUser: model.meanUser, trainedPairs: 1, trainedAtMilliseconds: 0)
    func scores(_ shrinkage: Double) -> [Int32: Float] {
      var copy = same
      copy.support = model.support
      let similar = SimilarItems(copy.itemFactors, absent: copy.absentItems, support: copy.support, shrinkage: shrinkage)
      let list = similar.lists(of: [other], copy, n: 20, scratch(plainConfiguration()))[0]
      return Dictionary(uniqueKeysWithValues: list.map { ($0.item, $0.score) })
    }
    let (plain, shrunk) = (scores(0), scores(10))
    let cosine = try #require(plain[many])
    #expect(abs(cosine - plain[few]!) < 1e-6)
    #expect(abs(shrunk[many]! - cosine * 90 / 100) < 1e-5)
    #expect(abs(shrunk[few]! - cosine * 10 / 20) < 1e-5)
  }

  @Test func anItemIsSimilarToNoneThatPointsTheOtherWay() throws {
    var engine = engine()
    let taken = engine.takeSimilarItems()
    let similar = try #require(taken)
    let model = try #require(engine.model)
    let all = (0..<20).compactMap { engine.item("i\($0)") }
    let lists = similar.lists(of: all, model, n: 20, scratch(plainConfiguration()))
    #expect(lists.allSatisfy { $0.allSatisfy { $0.score > 0 } })
    #expect(lists.contains { $0.count < 19 }, "the test needs items that point away from each other")
  }
}
