import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// A retrain by another program.
@Suite struct ExternalTrainingTests {
  private static let start: Int64 = 1_700_000_000_000

  /// Trained, and with enough events since for a holdout.
  private func engine() -> RecommenderEngine {
    var random = SeededGenerator(seed: 6)
    var events = checkerboard(users: 250, items: 100).shuffled(using: &random)
    for index in events.indices { events[index].timeMilliseconds = Self.start + Int64(index) }
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply(Array(events[0..<8000]))
    _ = engine.trainAndInstall()
    _ = engine.apply(Array(events[8000...]))
    return engine
  }

  private func run(
    _ engine: inout RecommenderEngine, monitor: TrainingMonitor = TrainingMonitor(),
    _ train: @escaping @Sendable (ExternalTraining) throws -> StoredModel
  ) -> TrainingResult {
    engine.makeTrainingJob(id: "job", reason: .requested, source: .external(train), nowMilliseconds: 0).run(threads: 1, monitor: monitor)
  }

  /// What a program of somebody else would do: train on the pairs that it is given.
  @Sendable private static func train(_ training: ExternalTraining, scale: Float) throws -> StoredModel {
    var pairs: [Interaction] = []
    try training.forEachPair { user, item, strength, time in
      pairs.append(Interaction(user: user, item: item, strength: strength, timeMilliseconds: time))
    }
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply(pairs)
    _ = engine.trainAndInstall()
    let stored = StoredModel(engine.model!, names: engine.state.catalogue.items)
    var scaled = StoredModel(epoch: 0, trainedPairs: pairs.count, trainedAtMilliseconds: 5, factors: stored.factors.factors)
    for (row, item) in stored.items.enumerated() { scaled.append(item, stored.factors.array(row).map { $0 * scale }) }
    return scaled
  }

  @Test func goodVectorsAreJudgedAndServed() throws {
    var engine = engine()
    let result = run(&engine) { try Self.train($0, scale: 1) }
    #expect(result.record.result == .accepted, "\(result.record.message ?? "")")
    #expect(result.record.solver == "external" && result.record.iterations == 0 && !result.record.warmStart)
    #expect(result.record.holdoutPairs >= 500 && result.record.qualityNew != nil && result.record.items == 100)
    #expect(result.record.secondsPerPhase.map(\.name) == ["rows", "external", "judge", "fold-in", "churn"])
    let trained = try #require(result.trained)
    engine.adopt(trained)
    engine.installPending()
    #expect(engine.model?.epoch == 2)
    let user = try #require(engine.user("u3"))
    #expect(!engine.refresh([user], EngineScratch(factors: 8))[0].items.isEmpty)
  }

  @Test func heldOutPairsAreNotShown() throws {
    var engine = engine()
    let total = engine.state.users.pairCount
    let result = run(&engine) { training in
      var (count, newest) = (0, Int64(0))
      try training.forEachPair { _, _, _, time in (count, newest) = (count + 1, max(newest, time)) }
      throw ExternalTrainingError("\(count) \(newest)")
    }
    let words = try #require(result.record.message).split(separator: " ").compactMap { Int($0) }
    #expect(result.record.result == .failed && total - words[0] >= Holdout.pairsMin, "\(words) \(total)")
    #expect(words[1] < Int(engine.state.users.newestTimeMilliseconds))
  }

  @Test func worseVectorsAreRefused() throws {
    var engine = engine()
    let result = run(&engine) { training in
      var model = StoredModel(epoch: 0, trainedPairs: 1, trainedAtMilliseconds: 0, factors: training.factors)
      for item in 0..<100 { model.append(Identifier("i\(item)"), (0..<8).map { Float(($0 * 7 + item * 13) % 5) - 2 }) }
      return model
    }
    #expect(result.record.result == .rejected && result.trained == nil)
    #expect(result.record.message?.contains("max_quality_drop") == true)
  }

  @Test func vectorsThatCannotBeUsedSayWhy() {
    for (items, factors, value, problem) in [
      (["i1"], 4, 1, "4 floats, and model.factors is 8"), (["x", "y"], 8, 1, "none of the 2 item ids"), (["i1"], 8, .nan, "finite"),
    ] as [([String], Int, Float, String)] {
      var engine = engine()
      let result = run(&engine) { _ in
        var model = StoredModel(epoch: 0, trainedPairs: 1, trainedAtMilliseconds: 0, factors: factors)
        for item in items { model.append(Identifier(item), [Float](repeating: value, count: factors)) }
        return model
      }
      // Vectors that are not finite may also lose the comparison.
      #expect(result.trained == nil && result.record.message != nil)
      if problem != "finite" { #expect(result.record.message?.contains(problem) == true, "\(result.record.message ?? "")") }
    }
  }

  @Test func aCancelledTrainingIsNotAFailure() {
    var engine = engine()
    let monitor = TrainingMonitor()
    let result = run(&engine, monitor: monitor) { training in
      monitor.cancel()
      #expect(training.isCancelled)
      throw ExternalTrainingError("killed")
    }
    #expect(result.record.result == .cancelled)
  }
}
