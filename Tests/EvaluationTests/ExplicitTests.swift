import Factorization
import Foundation
import Testing

@testable import Evaluation

@Suite struct ExplicitRatingsTests {
  private func ratings(_ text: String, _ suffix: String = "tsv") throws -> ExplicitRatings {
    let path = NSTemporaryDirectory() + "freshet-\(UInt64.random(in: 0...(.max))).\(suffix)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try ExplicitRatings(path: path)
  }

  @Test func idsAreNumberedInTheirOrder() throws {
    let ratings = try ratings("b\ty\t3.5\na\tz\t1\na\ty\t4\n")
    #expect(ratings.users.map { String(decoding: $0, as: UTF8.self) } == ["a", "b"])
    #expect(ratings.items.map { String(decoding: $0, as: UTF8.self) } == ["y", "z"])
    #expect(ratings.ratings == [.init(user: 0, item: 0, value: 4), .init(user: 0, item: 1, value: 1), .init(user: 1, item: 0, value: 3.5)])
    #expect(ratings.droppedRows == 0)
  }

  @Test func aLaterRatingOfAPairReplacesTheEarlierOne() throws {
    let ratings = try ratings("a\ty\t3.5\na\ty\t1\n")
    #expect(ratings.ratings == [.init(user: 0, item: 0, value: 1)])
    #expect(ratings.droppedRows == 1)
  }

  @Test func rowsWithoutARatingAreDroppedAndCounted() throws {
    let ratings = try ratings("a\ty\t3.5\na\tz\t\nb\tz\t2\nb\n")
    #expect(ratings.ratings.count == 2)
    #expect(ratings.droppedRows == 2)
  }

  @Test func eventsCarryRatingsAndTakeThemBack() throws {
    let ratings = try ratings(
      """
      {"user_id":"a","item_id":"y","event_value":4.5}
      {"user_id":"a","item_id":"z","event_value":2}
      {"user_id":"a","item_id":"z","op":"delete"}

      """, "jsonl")
    #expect(ratings.ratings == [.init(user: 0, item: 0, value: 4.5)])
  }

  @Test func idsOfEqualLettersAndOtherBytesAreTwo() throws {
    // An e with an accent, as one letter and as two.
    let ratings = ExplicitRatings([("\u{e9}", "y", 3), ("e\u{301}", "y", 4)])
    #expect(ratings.users.count == 2)
    let quality = try small().run(train: ratings, test: ratings).quality!
    #expect(quality.model.rows == 2 && quality.rowsOfUnknown == 0)
  }

  private func small() -> ExplicitTraining {
    ExplicitTraining(parameters: ExplicitParameters(factors: 2, iterations: 2), options: SolverOptions(), seed: 1)
  }
}

@Suite struct ExplicitTrainingTests {
  private let training = ExplicitTraining(parameters: ExplicitParameters(factors: 2, iterations: 3), options: SolverOptions(), seed: 1)

  /// 20 users and 15 items, ratings 1 to 5.
  private let board: ExplicitRatings = {
    var rows: [(user: String, item: String, value: Float)] = []
    for user in 0..<20 {
      for item in 0..<15 where (user + item) % 4 != 0 { rows.append(("u\(user)", "i\(item)", Float(1 + (user * 3 + item * 2) % 5))) }
    }
    return ExplicitRatings(rows)
  }()

  @Test func errorsAreTheRootOfTheMeanSquareAndTheMeanSize() {
    var error = ExplicitError()
    error.add(predicted: 3, actual: 4)
    error.add(predicted: 5, actual: 2)
    #expect(error.rootMeanSquare == 5.0.squareRoot())
    #expect(error.meanAbsolute == 2)
    #expect(ExplicitError().rootMeanSquare == 0)
  }

  @Test func biasesAreDampedMeansOfWhatIsLeftOver() {
    var matrix = InteractionMatrix(columns: 2)
    matrix.append(column: 0, strength: 5)
    matrix.append(column: 1, strength: 3)
    matrix.endRow()
    matrix.append(column: 0, strength: 1)
    matrix.endRow()
    let baseline = ExplicitBiasBaseline(matrix, damping: 1, sweeps: 1)
    // Mean 3; items 0 and 0; users 2 / 3 and -2 / 2.
    #expect(baseline.rating(user: 1, item: 1) == 2)
    #expect(abs(baseline.rating(user: 0, item: nil) - (3 + 2.0 / 3)) < 1e-12)
    #expect(baseline.rating(user: nil, item: nil) == 3)
  }

  @Test func eachRatingIsInOneFoldAndFoldsAreEquallyLarge() {
    let folds = training.foldOfRating(103, folds: 5)
    #expect(Set(folds) == Set(0..<5))
    for fold in 0..<5 { #expect([20, 21].contains(folds.count { $0 == fold })) }
    #expect(folds == training.foldOfRating(103, folds: 5))
    #expect(folds != ExplicitTraining(parameters: training.parameters, options: training.options, seed: 2).foldOfRating(103, folds: 5))
  }

  @Test func foldsScoreEachRatingOnce() throws {
    let qualities = try training.folds(board, count: 4)
    #expect(qualities.count == 4)
    #expect(qualities.reduce(0) { $0 + $1.model.rows } == board.ratings.count)
    for quality in qualities {
      #expect(quality.model.rows == quality.mean.rows && quality.model.rows == quality.biases.rows)
      #expect(quality.model.rootMeanSquare <= quality.unclipped.rootMeanSquare)
    }
  }

  @Test func workersDoNotChangeAFigure() throws {
    let several = ExplicitTraining(parameters: training.parameters, options: SolverOptions(workers: 3), seed: 1)
    #expect(try several.folds(board, count: 3) == training.folds(board, count: 3))
  }

  @Test func unknownUsersAndItemsAreScoredByWhatIsLeft() throws {
    let test = ExplicitRatings([("u1", "i0", 3), ("nobody", "i0", 3), ("u1", "nothing", 3), ("nobody", "nothing", 3)])
    let outcome = try training.run(train: board, test: test)
    let quality = outcome.quality!
    #expect(quality.model.rows == 4)
    #expect(quality.rowsOfUnknown == 3)
    let model = outcome.training.model
    let (u1, i0) = (board.users.firstIndex(of: Array("u1".utf8))!, board.items.firstIndex(of: Array("i0".utf8))!)
    var expected = ExplicitError()
    for (user, item) in [(u1, i0), (nil, i0), (u1, nil), (nil, nil)] as [(Int?, Int?)] {
      expected.add(predicted: model.clipped(model.rating(user: user, item: item)), actual: 3)
    }
    #expect(abs(expected.rootMeanSquare - quality.model.rootMeanSquare) < 1e-12)
  }
}

/// Published elsewhere by nobody: our own figure, and the baselines that it stands beside.
@Suite(.serialized) struct ExplicitFiguresTests {
  private static let file = MovieLens.path("ml-latest-small.tsv.gz")

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: file),
      "ml-latest-small.tsv.gz is not there: set FRESHET_DATA_SETS to the directory that holds it"),
    .disabled(if: MovieLens.isDebug, "takes minutes without optimisation"))
  func theDefaultsAreBelowTheBiasBaselineOnMovieLens() throws {
    let ratings = try ExplicitRatings(path: Self.file)
    let training = ExplicitTraining(parameters: ExplicitParameters(), options: SolverOptions(workers: 2), seed: 1)
    let folds = try training.folds(ratings, count: 5)
    func mean(_ path: KeyPath<ExplicitTraining.Quality, Double>) -> Double { folds.reduce(0) { $0 + $1[keyPath: path] } / 5 }
    let (model, biases) = (mean(\.model.rootMeanSquare), mean(\.biases.rootMeanSquare))
    print("5 folds of ml-latest-small: RMSE \(model), biases \(biases), mean \(mean(\.mean.rootMeanSquare))")
    #expect(abs(mean(\.mean.rootMeanSquare) - 1.0425) < 0.001)
    #expect(abs(biases - 0.866) < 0.006)
    #expect(model < 0.856)
    #expect(model < biases - 0.01)
  }
}
