import Factorization
import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

@Suite struct ShadowTests {
  private static func rig(_ settings: [String: String] = ["model.factors": "6"]) -> LoopRig {
    LoopRig {
      $0.shadow.name = "six"
      $0.shadow.settings = settings
    }
  }

  /// Every user takes the next items of the board, so that some lists hold what is taken.
  private static func goOn(_ rig: LoopRig) {
    for user in 0..<20 {
      for item in 0..<20 { rig.produce("u\(user)", "i\((item * 7 + user) % 20)") }
    }
    rig.settle()
  }

  @Test func aShadowIsTrainedAfterEachRetrainAndServesNobody() throws {
    let rig = Self.rig()
    rig.start()
    let shadow = try #require(rig.engine.shadow)
    #expect(shadow.model.factors == 6)
    #expect(rig.engine.model?.factors == rig.configuration.model.factors)
    #expect(rig.missing() == nil)
    Self.goOn(rig)
    rig.retrain()
    #expect(rig.loop.models.shadowEpoch == 2)
  }

  @Test func bothAreJudgedByTheSameEvents() throws {
    let rig = LoopRig { $0.shadow.settings = ["model.regularization": "100"] }
    rig.start(checkerboard(users: 200, items: 30))
    // Lists stand once they were written after the shadow's training.
    for user in 0..<200 { rig.produce("u\(user)", "i\(user % 30)") }
    rig.settle()
    for user in 0..<200 {
      for item in 0..<30 { rig.produce("u\(user)", "i\((item + user) % 30)") }
      rig.settle()
    }
    let hits = rig.engine.quality.comparison
    #expect(hits.events > 20)
    #expect(hits.liveHits + hits.shadowHits > 0)
    let status = try #require(rig.loop.status.current.shadow)
    #expect(status.isTrained)
    #expect(!status.hits.sentence.isEmpty)
  }

  @Test func aPromotionServesTheShadowWithItsSettings() throws {
    let rig = Self.rig()
    rig.start()
    let shadow = try #require(rig.engine.shadow)
    let job = try #require(rig.request(.promotion))
    #expect(job.state == .done, "\(job.message)")
    #expect(job.record?.reason == "promotion of six")
    #expect(job.record?.churn != nil)
    #expect(rig.engine.model?.factors == 6)
    #expect(rig.engine.settings.parameters.factors == 6)
    #expect(rig.engine.model?.itemFactors.array(0) == shadow.model.itemFactors.array(0))
    #expect(rig.engine.shadow == nil)
    #expect(rig.engine.rolledBackTo == nil)
    #expect(rig.missing() == nil)
    // The stream goes on with the new length of vectors, and so does the next training.
    rig.produce("u1", "i3")
    rig.produce("somebody", "i4")
    rig.settle()
    #expect(rig.missing() == nil)
    rig.retrain()
    #expect(rig.engine.model?.factors == 6)
    #expect(rig.missing() == nil)
  }

  @Test func promotedSettingsOutliveARestartUntilTheConfigurationChanges() throws {
    let rig = Self.rig()
    rig.start()
    rig.request(.promotion)
    rig.snapshot()
    try rig.restart()
    #expect(rig.engine.settings.parameters.factors == 6)
    #expect(rig.engine.model?.factors == 6)
    #expect(rig.engine.shadowSettings == nil)
    // The configuration now says the same: nothing is left to remember.
    var written = rig.configuration
    written.model.factors = 6
    try rig.restart(written)
    #expect(rig.engine.model?.factors == 6)
    #expect(rig.engine.promotion == nil)
    // It says something else: that counts.
    var other = rig.configuration
    other.model.factors = 5
    try rig.restart(other)
    #expect(rig.engine.settings.parameters.factors == 5)
    #expect(rig.engine.model == nil)
  }

  @Test func aRollbackUndoesAPromotion() throws {
    let rig = Self.rig()
    rig.start()
    let factors = rig.configuration.model.factors
    rig.request(.promotion)
    let job = try #require(rig.request(.rollback(epoch: 1)))
    #expect(job.state == .done, "\(job.message)")
    #expect(rig.engine.model?.factors == factors)
    #expect(rig.engine.settings.parameters.factors == factors)
    #expect(rig.engine.promotion == nil)
    #expect(rig.missing() == nil)
    // And back again: the promoted epoch is served with its settings.
    #expect(rig.engine.lifecycle.live == 3)
    #expect(try #require(rig.request(.rollback(epoch: 2))).state == .done)
    #expect(rig.engine.settings.parameters.factors == 6)
    #expect(rig.missing() == nil)
    rig.snapshot()
    try rig.restart()
    #expect(rig.engine.model?.factors == 6)
  }

  @Test func aSecondPromotionKeepsTheFirst() throws {
    let rig = Self.rig()
    rig.start()
    rig.request(.promotion)
    rig.snapshot()
    var other = rig.configuration
    other.shadow.settings = ["model.regularization": "0.5"]
    try rig.restart(other)
    rig.settle()
    rig.retrain()
    rig.settle()
    #expect(try #require(rig.request(.promotion)).state == .done)
    rig.snapshot()
    try rig.restart(other)
    #expect(rig.engine.model?.factors == 6)
    #expect(rig.engine.settings.parameters.regularization.lambda == 0.5)
    #expect(rig.engine.promotion?.settings == ["model.factors": "6", "model.regularization": "0.5"])
    // One key is set in the configuration; the other one still holds.
    other.model.regularization = 0.25
    try rig.restart(other)
    #expect(rig.engine.model?.factors == 6)
    #expect(rig.engine.settings.parameters.regularization.lambda == 0.25)
  }

  @Test func promotedVectorsSurviveMorePartitions() throws {
    let rig = Self.rig()
    rig.start()
    rig.request(.promotion)
    var engine = rig.engine
    let before = Dictionary(
      uniqueKeysWithValues: engine.state.users.references.map { (engine.state.users.name($0), engine.state.users.vector($0)) })
    engine.distributeUsers(into: 5)
    for user in engine.state.users.references { #expect(engine.state.users.vector(user) == before[engine.state.users.name(user)]) }
    var restored = RecommenderEngine(restoring: engine.snapshot(sequence: 9), configuration: rig.configuration)
    restored.distributeUsers(into: 2)
    for user in restored.state.users.references { #expect(restored.state.users.vector(user) == before[restored.state.users.name(user)]) }
  }

  @Test func aHiddenItemLeavesTheShadowsLists() throws {
    let rig = LoopRig {
      $0.items.topic = LoopRig.itemTopic
      $0.model.trend = TrendRules()
      $0.shadow.settings = ["model.factors": "6"]
    }
    rig.start()
    let item = try #require(rig.engine.state.catalogue.items.find(Array("i0".utf8)))
    #expect(try Self.shadowLists(rig).contains { $0.contains(item) })
    rig.produceItem("i0", #"{"item_id":"i0","hidden":true}"#)
    rig.settle()
    #expect(try !Self.shadowLists(rig).contains { $0.contains(item) })
  }

  private static func shadowLists(_ rig: LoopRig) throws -> [[Int32]] {
    let (engine, shadow) = (rig.engine, try #require(rig.engine.shadow))
    let settings = try #require(engine.shadowSettings).engine
    let catalogue = engine.state.catalogue
    let ranking = Ranking(shadow.index, trend: catalogue.trend, transitions: catalogue.transitions, settings: settings)
    return engine.state.users.references.map {
      engine.state.users.list(of: $0, shadow.model, settings, ranking, .init(factors: 6), TopNSelector())
    }
  }

  @Test func anotherShadowIsChosenWhileTheEngineRuns() throws {
    func shadow(_ settings: [String: String]) -> RecommenderConfiguration.Shadow {
      var shadow = RecommenderConfiguration.Shadow()
      shadow.settings = settings
      return shadow
    }
    let rig = LoopRig { $0.shadow.settings = ["model.factors": "6"] }
    rig.start()
    #expect(rig.engine.shadow?.model.factors == 6)
    rig.loop.mailbox.post(.setShadow(shadow(["model.factors": "5"])))
    rig.settle()
    #expect(rig.engine.shadow?.model.factors == 5 && rig.engine.shadow?.epoch == rig.engine.model?.epoch)
    #expect(rig.engine.model?.factors == rig.configuration.model.factors)
    let job = try #require(rig.request(.promotion))
    #expect(job.state == .done && rig.engine.model?.factors == 5, "\(job.message)")
    #expect(rig.missing() == nil)
    // The choice holds when the model in use changes.
    rig.loop.mailbox.post(.setShadow(shadow(["model.factors": "7"])))
    rig.settle()
    let back = try #require(rig.request(.rollback(epoch: 1)))
    #expect(back.state == .done && rig.engine.model?.factors == rig.configuration.model.factors, "\(back.message)")
    rig.settle()
    #expect(rig.engine.shadowSettings?.overrides == ["model.factors": "7"])
    rig.loop.mailbox.post(.setShadow(shadow([:])))
    rig.settle()
    #expect(rig.engine.shadow == nil && rig.engine.shadowSettings == nil)
    #expect(rig.missing() == nil)
  }

  @Test func withoutAShadowAPromotionFails() throws {
    let rig = LoopRig()
    rig.start()
    let job = try #require(rig.request(.promotion))
    #expect(job.state == .failed)
    #expect(job.message.contains("shadow.settings"))
    rig.retrain()
    #expect(rig.engine.model?.epoch == 2)
  }

  @Test(
    arguments: [
      ("model.factors", "6", nil), ("model.factors", "many", "allowed:"), ("model.history_per_user", "3", "shares histories"),
      ("topn.n", "3", "not a key of the group model"), ("model.factor", "3", "did you mean model.factors?"),
    ] as [(String, String, String?)])
  func entriesAreChecked(_ key: String, _ value: String, _ fault: String?) {
    let found = ShadowSettings.fault(ofEntry: key, value)
    if let fault { #expect(found?.contains(fault) == true, "\(found ?? "nothing")") } else { #expect(found == nil) }
  }

  @Test func aShadowLikeTheModelInUseIsNone() {
    var configuration = plainConfiguration()
    configuration.shadow.settings = ["model.factors": "\(configuration.model.factors)"]
    #expect(RecommenderEngine(configuration).shadowSettings == nil)
  }
}
