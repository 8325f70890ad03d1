import Factorization
import Foundation
import RecommenderTestKit
import StreamingRecommender
import Testing

@testable import Evaluation

/// Users and items in `groups` groups; each user has some of the own group's items and a few others.
func groupedData(users: Int, items: Int, groups: Int = 4, seed: UInt64) -> EvaluationData {
  var generator = SplitMix64(seed: seed)
  var events: [Interaction] = []
  for user in 0..<users {
    for item in 0..<items where Double.random(in: 0..<1, using: &generator) < (item % groups == user % groups ? 0.4 : 0.02) {
      let time = Int64.random(in: 1_000_000..<2_000_000, using: &generator)
      events.append(Interaction(user: Array("u\(user)".utf8), item: Array("i\(item)".utf8), timeMilliseconds: time, operation: .set))
    }
  }
  return EvaluationData(events)
}

@Suite struct StaticMetricsTests {
  private struct FixedLists: HoldoutRanker {
    let all: [[Int32]]
    func lists(for users: ArraySlice<HeldOutUser>, count: Int) -> [[Int32]] { users.map { all[$0.row] } }
  }

  private let users = [
    HeldOutUser(user: 0, row: 0, items: [3, 7, 9]), HeldOutUser(user: 1, row: 1, items: [], unknownItems: 2),
    HeldOutUser(user: 2, row: 2, items: [1], unknownItems: 1),
  ]
  private let lists = FixedLists(all: [[3, 1, 9], [0], Array(10...30) + [1]])

  @Test func everyMetricIsAsByHand() {
    let ranking = HeldOutRanking(of: users, catalogue: 40, workers: 1, by: lists)
    #expect(ranking.values(.recall(20)) == [2.0 / 3, 0, 0])
    #expect(ranking.values(.recall(50)) == [2.0 / 3, 0, 0.5])
    #expect(ranking.values(.precision(10)) == [0.2, 0, 0])
    #expect(ranking.values(.hitRate(50)) == [1, 0, 1])
    #expect(abs(ranking.values(.ndcg(10))[0] - 1.5 / (1 + 1 / log2(3) + 0.5)) < 1e-12)
    #expect(abs(ranking.values(.meanAveragePrecision(10))[0] - (1 + 2.0 / 3) / 3) < 1e-12)
    #expect(ranking.mean(.hitRate(50)) == 2.0 / 3)
  }

  @Test func theCapIsTheLengthOfTheList() {
    #expect(RankingMetrics.recallCapped(hits: 2, testItems: 8, k: 4) == 0.5)
    #expect(RankingMetrics.recallCapped(hits: 2, testItems: 3, k: 4) == 2.0 / 3)
    #expect(RankingMetrics.recallCapped(hits: 0, testItems: 0, k: 4) == 0)
  }

  @Test func coverageCountsItemsOnce() {
    let ranking = HeldOutRanking(of: users, catalogue: 40, workers: 1, by: lists)
    // 3 1 9, 0, 10 ... 19 among the first ten.
    #expect(ranking.coverage(10) == 14.0 / 40)
    #expect(ranking.coverage(100) == 25.0 / 40)
  }

  @Test func workersDoNotShow() {
    let many = (0..<500).map { HeldOutUser(user: $0, row: $0 % 3, items: users[$0 % 3].items, unknownItems: $0 % 2 + 1) }
    let one = HeldOutRanking(of: many, catalogue: 40, workers: 1, by: lists)
    let four = HeldOutRanking(of: many, catalogue: 40, workers: 4, by: lists)
    for metric in RankingMetric.all { #expect(one.values(metric) == four.values(metric)) }
  }
}

@Suite struct HoldoutTimeSplitTests {
  private func events(_ rows: [(user: String, item: String, time: Int64)]) -> StaticInteractions {
    StaticInteractions(
      EvaluationData(
        rows.map { Interaction(user: Array($0.user.utf8), item: Array($0.item.utf8), timeMilliseconds: $0.time, operation: .set) }),
      keepsTimes: true)
  }

  @Test func theTestIsTheNewestShareWhateverTheOrderOfTheFile() throws {
    // The last two moments are the test: u has b again and c, w is new, d was never seen.
    let split = try HoldoutTimeSplit(
      events([("u", "c", 900), ("u", "a", 100), ("u", "b", 200), ("w", "a", 950), ("v", "c", 300), ("u", "b", 901), ("u", "d", 902)]),
      testShare: 0.6)
    #expect(split.splitMilliseconds == 900)
    #expect(split.training.users.strings == ["u", "v"])
    #expect(split.training.items.strings == ["a", "b", "c"])
    #expect(split.training.matrix.entries == 3)
    #expect(split.users == [HeldOutUser(user: 0, row: 0, items: [2], unknownItems: 1)])
    #expect(split.repeatedPairs == 1)
    #expect(split.coldUsers.map(\.items) == [[0]])
  }

  @Test func aMomentIsNotCutInTwo() throws {
    let split = try HoldoutTimeSplit(
      events((0..<10).map { ("u\($0 % 2)", "i\($0)", $0 < 3 ? 100 : 200) } + [("u0", "z", 300)]), testShare: 0.3)
    #expect(split.splitMilliseconds == 200)
    #expect(split.training.matrix.entries == 3)
  }

  @Test func theValidationEndsWhereTheTestBegins() throws {
    let rows = (0..<10).map { (user: "u", item: "i\($0)", time: Int64($0) * 10 + 100) }
    let split = try HoldoutTimeSplit(events(rows), testShare: 0.2, setAside: 0.3)
    #expect(split.training.matrix.entries == 5)
    #expect(split.users.map(\.testItems) == [2])
  }

  @Test func oneMomentCannotBeSplit() {
    #expect(throws: HoldoutError(.nothingToTrainOn)) {
      try HoldoutTimeSplit(events((0..<10).map { ("u\($0)", "i\($0)", 500) }), testShare: 0.2)
    }
  }

  @Test func newUsersAloneAreNoTest() {
    #expect(throws: HoldoutError(.nothingToTest)) {
      try HoldoutTimeSplit(events((0..<10).map { ("u\($0)", "i\($0 % 3)", Int64($0) * 100) }), testShare: 0.2)
    }
  }
}

@Suite struct StrongGeneralisationTests {
  private let matrix = StaticPairs(StaticInteractions(groupedData(users: 120, items: 160, seed: 5))).matrix

  @Test func everyUserIsHeldOutInOneFold() throws {
    let splits = try (0..<5).map {
      try StrongGeneralisationSplit(matrix, part: .fold(number: $0, count: 5), seed: 1)
    }
    #expect(splits.flatMap(\.users).map(\.user).sorted() == Array(0..<120))
    for split in splits { #expect(split.training.rows + split.histories.rows == 120) }
  }

  @Test func aFifthOfThePairsIsTheTestAndNotInTheHistory() throws {
    let split = try StrongGeneralisationSplit(matrix, part: .test(share: 0.25), seed: 2)
    #expect(split.users.count == 30)
    #expect(split.training.rows == 60)
    for user in split.users {
      let history = Array(split.histories.columns(of: user.row))
      #expect(history == history.sorted())
      #expect(Set(history).isDisjoint(with: user.items))
      #expect(user.items.count == Int(0.2 * Double(history.count + user.items.count)))
    }
  }

  @Test func theValidationAndTheTestHoldOutOtherUsersOfTheSameTraining() throws {
    let test = try StrongGeneralisationSplit(matrix, part: .test(share: 0.1), seed: 3)
    let validation = try StrongGeneralisationSplit(matrix, part: .validation(share: 0.1), seed: 3)
    #expect(Set(test.users.map(\.user)).isDisjoint(with: validation.users.map(\.user)))
    #expect(test.training.indices == validation.training.indices)
  }

  @Test func itemsThatNobodyIsTrainedOnAreDropped() throws {
    var matrix = InteractionMatrix(columns: 40)
    for row in 0..<10 {
      for item in 0..<6 { matrix.append(column: Int32(item), strength: 1) }
      matrix.append(column: Int32(10 + row), strength: 1)
      matrix.endRow()
    }
    let split = try StrongGeneralisationSplit(matrix, part: .fold(number: 0, count: 5), seed: 4)
    #expect(split.training.columns == 6 + 8)
    #expect(split.histories.columns == 14)
    #expect(split.users.allSatisfy { $0.items.count == 1 })
  }

  @Test func theSameSeedGivesTheSameSplit() throws {
    let one = try StrongGeneralisationSplit(matrix, part: .test(share: 0.2), seed: 9)
    let two = try StrongGeneralisationSplit(matrix, part: .test(share: 0.2), seed: 9)
    let other = try StrongGeneralisationSplit(matrix, part: .test(share: 0.2), seed: 10)
    #expect(one.users == two.users)
    #expect(one.users != other.users)
  }

  @Test(arguments: [Confidence.unobservedWeight(0.1), .alpha(4)], [TrainingSolver.cholesky, .conjugateGradients(steps: 3)])
  func foldInAfterTheUserStepEqualsTheTrainedRow(confidence: Confidence, solver: TrainingSolver) throws {
    for matrix in [self.matrix, CheckerboardData(size: 40).matrix] {
      let parameters = ALSParameters(factors: 12, confidence: confidence, iterations: 6, solver: solver)
      let training = StaticTraining(parameters: parameters, options: SolverOptions(workers: 2), seed: 42)
      let trained = try training.train(matrix)
      let folded = HoldoutFoldIn.rows(matrix, items: trained.columnFactors, parameters, training.options)
      for row in 0..<matrix.rows {
        let distance = zip(trained.rowFactors[row], folded[row]).map { abs($0 - $1) }.max() ?? 0
        #expect(distance <= 1e-4, "user \(row) is \(distance) away, seed 42")
      }
    }
  }

  @Test func foldedInUsersAreJudgedLikeTrainedOnes() throws {
    let training = StaticTraining(
      parameters: ALSParameters(factors: 8, iterations: 6), options: SolverOptions(workers: 2), seed: 1)
    let splits = (0..<5).lazy.map { number in
      { try StrongGeneralisationSplit(self.matrix, part: .fold(number: number, count: 5), seed: 1) }
    }
    var halfSteps: [Int] = []
    let outcome = try HoldoutEvaluation(training: training, baselines: .all).run(
      splits, comparesTrained: true, bootstrap: HoldoutBootstrap(resamples: 200)
    ) {
      halfSteps.append($0)
      return true
    }
    #expect(outcome.methods.map(\.name) == ["freshet", "freshet, trained in", "popularity", "item-kNN"])
    #expect(outcome.methods.allSatisfy { $0.tests == 120 })
    #expect(halfSteps == Array(1...130))
    let comparison = try #require(outcome.comparison)
    #expect(abs(comparison.foldedIn - comparison.trainedIn - comparison.difference) < 1e-12)
    #expect(comparison.interval.contains(comparison.difference))
    #expect(comparison.splitDifferences.count == 5)
    // Four groups of twenty items: the model must find the group.
    #expect(comparison.foldedIn > outcome.methods[2].mean(.ndcg(100)) * 1.2)
    #expect(abs(comparison.relativeDifference) < 0.1)
  }
}

@Suite struct BaselineRankerTests {
  /// Every cosine, every score, sorted.
  private func plain(_ matrix: InteractionMatrix, rows: [Int], neighbours: Int, shrinkage: Float) -> [[Int32]] {
    let items = 0..<matrix.columns
    let users = items.map { item in Set((0..<matrix.rows).filter { matrix.columns(of: $0).contains(Int32(item)) }) }
    let similarity = items.map { i in
      items.map { j in
        Float(users[i].intersection(users[j]).count) / ((Float(users[i].count) * Float(users[j].count)).squareRoot() + shrinkage)
      }
    }
    let heard = items.map { item in
      items.filter { $0 != item && similarity[item][$0] > 0 }
        .sorted { (similarity[item][$1], $0) < (similarity[item][$0], $1) }.prefix(neighbours)
    }
    return rows.map { row in
      let history = matrix.columns(of: row).map { Int($0) }
      let scores = items.filter { !history.contains($0) }.map { item in
        (item: Int32(item), score: history.filter(heard[item].contains).reduce(Float(0)) { $0 + similarity[item][$1] })
      }
      return scores.filter { $0.score > 0 }.sorted { ($1.score, $0.item) < ($0.score, $1.item) }.map(\.item)
    }
  }

  @Test func neighboursAreThoseOfThePlainVersion() {
    let matrix = StaticPairs(StaticInteractions(groupedData(users: 40, items: 150, seed: 8))).matrix
    let ranker = ItemNeighboursRanker(training: matrix, histories: matrix, workers: 3)
    let users = (0..<matrix.rows).map { HeldOutUser(user: $0, row: $0, items: []) }
    let lists = ranker.lists(for: users[...], count: 20)
    let expected = plain(
      matrix, rows: Array(0..<matrix.rows), neighbours: ItemNeighboursRanker.neighbours, shrinkage: ItemNeighboursRanker.shrinkage)
    for row in 0..<matrix.rows { #expect(lists[row] == Array(expected[row].prefix(20))) }
  }

  @Test func popularityLeavesOutWhatTheUserHas() {
    var matrix = InteractionMatrix(columns: 4)
    for row in [[0, 1, 2], [1, 2], [2], []] as [[Int32]] {
      for item in row { matrix.append(column: item, strength: 1) }
      matrix.endRow()
    }
    let users = (0..<4).map { HeldOutUser(user: $0, row: $0, items: []) }
    let lists = PopularityRanker(training: matrix, histories: matrix).lists(for: users[...], count: 3)
    #expect(lists == [[3], [0, 3], [1, 0, 3], [2, 1, 0]])
  }
}

@Suite struct HoldoutBootstrapTests {
  private func sample(_ values: [(user: Int, value: Double)]) -> HoldoutBootstrap.Sample {
    var sample = HoldoutBootstrap.Sample(columns: 1)
    for (user, value) in values { sample.add(user: user, [value]) }
    return sample
  }

  @Test func theIntervalOfCoinTossesIsThatOfTheNormalDistribution() {
    let tosses = sample((0..<400).map { ($0, $0 % 2 == 0 ? 1 : 0) })
    let interval = HoldoutBootstrap(resamples: 4000).intervals(tosses)[0]
    // 0.5 +- 1.96 x 0.5 / 20
    #expect(abs(interval.lowerBound - 0.451) < 0.006)
    #expect(abs(interval.upperBound - 0.549) < 0.006)
  }

  @Test func aUserIsDrawnWithAllTests() {
    // Ten users tested a hundred times each know no more than ten users.
    let repeated = sample((0..<1000).map { ($0 % 10, $0 % 10 < 5 ? 1 : 0) })
    let once = sample((0..<10).map { ($0, $0 < 5 ? 1 : 0) })
    #expect(HoldoutBootstrap().intervals(repeated) == HoldoutBootstrap().intervals(once))
  }

  @Test func workersDoNotShowAndSeedsDo() {
    let values = sample((0..<50).map { ($0, Double($0 * $0 % 17)) })
    #expect(HoldoutBootstrap(workers: 1).intervals(values) == HoldoutBootstrap(workers: 4).intervals(values))
    #expect(HoldoutBootstrap(seed: 1).intervals(values) != HoldoutBootstrap(seed: 2).intervals(values))
  }

  @Test func nobodyGivesNothing() {
    #expect(HoldoutBootstrap().intervals(sample([])) == [0...0])
    #expect(sample([]).means == [0])
  }
}

@Suite struct HoldoutEvaluationTests {
  @Test func whereNobodyTrainedInWasEverRightThereIsNoRelativeDifference() {
    let comparison = HoldoutEvaluation.FoldInComparison(
      foldedIn: 0, trainedIn: 0, difference: 0, interval: 0...0, splitDifferences: [0])
    #expect(comparison.relativeDifference == 0)
    #expect(comparison.relativeInterval == 0...0)
  }

  @Test func theModelAndTheBaselinesJudgeTheSameUsers() throws {
    let interactions = StaticInteractions(groupedData(users: 80, items: 60, seed: 12), keepsTimes: true)
    let split = try HoldoutTimeSplit(interactions, testShare: 0.2)
    let training = StaticTraining(
      parameters: ALSParameters(factors: 8, iterations: 5), options: SolverOptions(workers: 2), seed: 1)
    let outcome = try HoldoutEvaluation(training: training, baselines: .all).run(split)
    #expect(outcome.methods.map(\.name) == ["freshet", "popularity", "item-kNN"])
    #expect(outcome.methods.allSatisfy { $0.tests == split.users.count })
    #expect(outcome.methods[0].mean(.ndcg(20)) > outcome.methods[1].mean(.ndcg(20)))
    #expect(outcome.cold.tests == split.coldUsers.count)
    let metrics = [RankingMetric.recall(20), .ndcg(100)]
    for (metric, interval) in zip(metrics, outcome.methods[0].intervals(metrics, HoldoutBootstrap(resamples: 200))) {
      #expect(interval.contains(outcome.methods[0].mean(metric)))
    }
  }

  @Test func aCancelledTrainingSaysSo() throws {
    let split = try HoldoutTimeSplit(StaticInteractions(groupedData(users: 20, items: 30, seed: 1), keepsTimes: true), testShare: 0.2)
    let training = StaticTraining(parameters: ALSParameters(factors: 4), options: SolverOptions(), seed: 1)
    #expect(throws: TrainingError.cancelled) {
      try HoldoutEvaluation(training: training, baselines: .none).run(split) { $0 < 3 }
    }
  }
}

/// Fold-in equals retrain, on data that may not be shipped.
@Suite(.serialized) struct FoldInOnMovieLensTests {
  private static let file = MovieLens.path("ml-1m-pos4.tsv.gz")

  /// One permutation; `freshet evaluate holdout --split strong --compare-trained --seeds 5 --folds 5` runs five.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: file),
      "ml-1m-pos4.tsv.gz is not there: set FRESHET_SHARED_DATA to the directory that holds it"),
    .disabled(if: MovieLens.isDebug, "takes minutes without optimisation"))
  func usersFoldedInAreWithinTwoPercentOfUsersTrainedIn() throws {
    let matrix = StaticPairs(try StaticInteractions(path: Self.file)).matrix
    let training = StaticTraining(
      parameters: ALSParameters(solver: .conjugateGradients()), options: SolverOptions(workers: 2), seed: 1)
    let splits = (0..<5).lazy.map { number in
      { try StrongGeneralisationSplit(matrix, part: .fold(number: number, count: 5), seed: 98_765) }
    }
    let outcome = try HoldoutEvaluation(training: training, baselines: .none).run(
      splits, comparesTrained: true, bootstrap: HoldoutBootstrap(workers: 2))
    let comparison = try #require(outcome.comparison)
    print(
      "ml-1m-pos4, ndcg_at_100: folded in \(comparison.foldedIn), trained in \(comparison.trainedIn), 95 % \(comparison.relativeInterval)")
    #expect(comparison.relativeInterval.lowerBound > -0.02)
    #expect(comparison.relativeInterval.upperBound < 0.02)
    #expect(comparison.foldedIn > 0.38)
  }
}
