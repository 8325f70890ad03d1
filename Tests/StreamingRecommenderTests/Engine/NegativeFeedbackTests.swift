import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// Types of events with weights, fractional and negative ones: the live fold-in and the training treat them alike.
///
/// What holds, with r the sum of a pair's event values times the weights of their types: |r| is the weight, on both sides of the
/// equation and in the regularizer; a negative sum has target 0. Recency multiplies r, and so all three, and keeps its sign.
@Suite struct NegativeFeedbackTests {
  private static let weights = ["view": 0.3, "like": 2.5, "purchase": 5, "dislike": -1.7, "unlike": -2.5]
  private static let now: Int64 = 1_700_000_000_000

  private static func configuration(_ change: (inout RecommenderConfiguration) -> Void = { _ in }) -> RecommenderConfiguration {
    plainConfiguration {
      $0.input.weights = weights
      change(&$0)
    }
  }

  private static func record(_ offset: Int, _ user: String, _ item: String, _ type: String, value: Double? = nil) -> Record {
    let amount = value.map { ",\"event_value\":\($0)" } ?? ""
    let time = now + Int64(offset) * 1000
    let json = #"{"user_id":"\#(user)","item_id":"\#(item)","event_type":"\#(type)","timestamp":\#(time)\#(amount)}"#
    return Record(
      offset: Int64(offset), timestampMilliseconds: nil, key: Array(user.utf8),
      value: Array(json.utf8))
  }

  /// 40 users, 25 items, every type; pairs repeat, so that types add up, to less than nothing and to nothing at all.
  private static func history(seed: UInt64, events: Int, from offset: Int = 0) -> [Record] {
    var random = SeededGenerator(seed: seed)
    let types = ["view", "view", "view", "like", "purchase", "dislike", "unlike"]
    return (0..<events).map { index in
      record(
        offset + index, "u\(random.below(40))", "i\(random.below(25))", types[Int(random.below(7))],
        value: random.chance(0.2) ? 0.5 : nil)
    }
  }

  private static func apply(_ records: [Record], to engine: inout RecommenderEngine) {
    let update = engine.apply(records)
    precondition(update.applied.count == records.count, "\(update.ignored) \(update.rejected)")
  }

  /// Trained on 900 events, then 300 more: every user that changed is solved by the live fold-in.
  private static func engine(seed: UInt64, _ configuration: RecommenderConfiguration) throws -> RecommenderEngine {
    var engine = RecommenderEngine(configuration)
    apply(history(seed: seed, events: 900), to: &engine)
    _ = engine.trainAndInstall()
    apply(history(seed: seed + 100, events: 300, from: 900), to: &engine)
    let users = (engine.state.users.references).filter { !engine.state.users.history($0).isEmpty }
    _ = engine.refresh(users, scratch(configuration))
    try #require(engine.model!.absentItems.isEmpty, "an item without a vector")
    return engine
  }

  /// Newest first, with indices of items.
  private static func pairs(_ engine: RecommenderEngine, _ user: UserReference) -> [(item: Int32, strength: Float, time: Int64)] {
    var pairs: [(item: Int32, strength: Float, time: Int64)] = []
    engine.state.users.forEachNewestFirst(user) { item, strength, order in
      pairs.append((item, strength, order.timeMilliseconds))
      return true
    }
    return pairs
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func theFoldInOfEveryUserEqualsAnExactUserHalfStepOfTheTrainer(seed: UInt64) throws {
    let engine = try Self.engine(seed: seed, Self.configuration())
    let rows = TrainingRows(engine.state, block: nil, minSupport: 1)
    let matrix = rows.matrix(of: engine.state.users) { _ in true }
    #expect(matrix.strengths.contains { $0 < 0 } && matrix.strengths.contains { $0 > 0 && $0 < 1 }, "the data say nothing")
    var items = FactorMatrix(rows: rows.columns.count, factors: engine.model!.factors)
    for (column, item) in rows.columns.enumerated() { items.setRow(column, to: engine.model!.itemFactors[Int(item)]) }
    var parameters = engine.settings.parameters
    parameters.iterations = 0
    let halfStep = try ALSTrainer(parameters).train(matrix, start: items, endWithRows: true).rowFactors
    #expect(halfStep.rows == rows.users.count)
    for (row, user) in rows.users.enumerated() {
      #expect(
        distance(engine.state.users.vector(user)!, halfStep.array(row)) < 1e-4, "seed \(seed), user \(engine.state.users.string(user))")
    }
  }

  @Test(arguments: [nil, RecencyWeights()]) func theFoldInSolvesTheWrittenEquation(
    recency: RecencyWeights?
  ) throws {
    let engine = try Self.engine(seed: 4, Self.configuration { $0.model.recency = recency })
    let model = engine.model!
    for user in engine.state.users.references {
      let pairs = Self.pairs(engine, user)
      guard let newest = pairs.first else { continue }
      // Recency multiplies the signed strength: the weight |r| on the left, the target r or 0 on the right, and the sum in the ridge.
      let entries = pairs.enumerated().map { index, pair in
        let weight = engine.settings.recency?.weight(age: index + 1, gapMilliseconds: newest.time - pair.time) ?? 1
        return (row: Int(pair.item), strength: pair.strength * weight)
      }
      let expected = ReferenceSolver(engine.settings.parameters).solve(entries: entries, others: model.itemFactors).map { Float($0) }
      #expect(distance(engine.state.users.vector(user)!, expected) < 1e-4, "user \(engine.state.users.string(user))")
    }
  }

  @Test func recencyIsTheSameAsEventsOfThatWeight() throws {
    var engine = RecommenderEngine(Self.configuration { $0.model.recency = RecencyWeights() })
    Self.apply(Self.history(seed: 5, events: 900), to: &engine)
    _ = engine.trainAndInstall()
    let recency = try #require(engine.settings.recency)
    var plain = RecommenderEngine(Self.configuration())
    Self.apply(Self.history(seed: 5, events: 900), to: &plain)
    plain.model = engine.model
    for user in engine.state.users.references {
      let pairs = Self.pairs(engine, user)
      guard let newest = pairs.first else { continue }
      let name = engine.state.users.string(user)
      _ = plain.apply(
        pairs.enumerated().reversed().map { index, pair in
          event(
            name, engine.state.catalogue.items.string(pair.item), .set,
            strength: pair.strength * recency.weight(age: index + 1, gapMilliseconds: newest.time - pair.time), time: pair.time)
        })
      _ = plain.refresh([user], scratch(Self.configuration()))
      #expect(distance(plain.state.users.vector(user)!, engine.state.users.vector(user)!) < 1e-4, "user \(name)")
    }
  }

  @Test(arguments: [false, true]) func aDislikeLowersTheScoreOfTheItem(isRetrained: Bool) throws {
    let configuration = Self.configuration()
    var without = RecommenderEngine(configuration)
    // Even users like even items; user 0 has not met item 2.
    var records: [Record] = []
    for user in 0..<40 {
      for item in 0..<20 where (user + item) % 2 == 0 && !(user == 0 && item == 2) {
        records.append(Self.record(records.count, "u\(user)", "i\(item)", item % 4 == 0 ? "view" : "like"))
      }
    }
    Self.apply(records, to: &without)
    _ = without.trainAndInstall()
    var with = without
    Self.apply([Self.record(records.count, "u0", "i2", "dislike")], to: &with)
    if isRetrained {
      _ = with.trainAndInstall()
    } else {
      _ = with.refresh([with.user("u0")!], scratch(configuration))
    }
    func score(_ engine: RecommenderEngine, _ item: String) -> Float {
      zip(engine.state.users.vector(engine.user("u0")!)!, engine.model!.itemFactors.array(Int(engine.item(item)!))).reduce(0) {
        $0 + $1.0 * $1.1
      }
    }
    #expect(score(without, "i2") > 0.5, "the item would be liked")
    #expect(score(with, "i2") < 0.95 * score(without, "i2"))
  }

  @Test func aFractionalWeightCountsAsThatShareOfAnEvent() {
    var many = RecommenderEngine(Self.configuration())
    Self.apply((0..<4).map { Self.record($0, "u", "i", "view") }, to: &many)
    var one = RecommenderEngine(Self.configuration())
    Self.apply([Self.record(0, "u", "i", "view", value: 4)], to: &one)
    #expect(abs(Self.pairs(many, 0)[0].strength - 1.2) < 1e-6)
    #expect(abs(Self.pairs(one, 0)[0].strength - 1.2) < 1e-6)
  }

  @Test func aDislikeAfterAViewLeavesTheDifference() {
    var engine = RecommenderEngine(Self.configuration())
    Self.apply([Self.record(0, "u", "i", "view"), Self.record(1, "u", "i", "dislike")], to: &engine)
    #expect(abs(Self.pairs(engine, 0)[0].strength + 1.4) < 1e-6)
  }

  /// The training weighs a user's event on an item by its strength; the vector of an item between trainings should, too.
  @Test func theVectorOfANewItemWeighsItsUsersByTheStrengthOfTheirEvents() throws {
    let configuration = Self.configuration()
    var engine = RecommenderEngine(configuration)
    Self.apply(Self.history(seed: 6, events: 900), to: &engine)
    _ = engine.trainAndInstall()
    let users = ["u1", "u2", "u3"]
    Self.apply(
      zip(users, ["view", "like", "purchase"]).enumerated().map { Self.record(900 + $0, $1.0, "new", $1.1) }, to: &engine)
    let vectors = users.map { engine.state.users.vector(engine.user($0)!)! }
    _ = engine.refreshNewItems()
    let model = engine.model!
    let got = model.itemFactors.array(Int(engine.item("new")!))
    func distanceToSolution(_ strengths: [Float]) throws -> Float {
      var rows = FactorMatrix(rows: 3, factors: model.factors)
      for (row, vector) in vectors.enumerated() { rows.setRow(row, to: vector) }
      var row = [Float](repeating: 0, count: rows.stride)
      let side = RowSolver.Side(rows: rows.pointer, gramian: model.userGramian, count: model.servedUsers)
      let isSolved = strengths.withUnsafeBufferPointer {
        RowSolver(engine.settings.parameters).solve(
          indices: [0, 1, 2], strengths: $0, side: side, into: &row, workspace: RowSolver.Workspace(factors: model.factors))
      }
      try #require(isSolved)
      return distance(got, Array(row[..<model.factors]))
    }
    let weighted = try distanceToSolution([0.3, 2.5, 5])
    #expect(weighted < 1e-4)
  }
}
