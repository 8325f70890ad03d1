import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct ExplicitTrainerTests {
  @Test(arguments: [false, true], [Float(0), 0.5, 1]) func theLossNeverRisesBetweenHalfSteps(isNonnegative: Bool, exponent: Float) throws {
    for seed in UInt64(1)...4 {
      let losses = try RatingTraining(isNonnegative: isNonnegative, exponent: exponent, iterations: 10, seed: seed).outcome.losses
      #expect(losses.count == 21)
      for (before, after) in zip(losses, losses.dropFirst()) {
        #expect(after.total <= before.total * (1 + 1e-6), "seed \(seed)")
      }
    }
  }

  @Test(arguments: [false, true], [Float(0), 0.5, 1]) func theLossEqualsAPlainOne(isNonnegative: Bool, exponent: Float) throws {
    let training = try RatingTraining(isNonnegative: isNonnegative, exponent: exponent, iterations: 2, seed: 5)
    let loss = try #require(training.outcome.losses.last)
    let plain = training.plainLoss
    #expect(abs(loss.squaredErrors - plain.squaredErrors) < 1e-4 * plain.total)
    #expect(abs(loss.regularizer - plain.regularizer) < 1e-4 * plain.total)
  }

  @Test(arguments: Kernels.available, [false, true]) func foldInOfAnUnchangedUserEqualsItsTrainedRow(
    kernels: Kernels, isNonnegative: Bool
  ) throws {
    let training = try RatingTraining(factors: 17, isNonnegative: isNonnegative, kernels: kernels, seed: 6)
    let foldIn = ExplicitFoldIn(training.outcome.model, kernels: kernels)
    for user in 0..<training.ratings.rows {
      // Newest first, as a stream keeps them: another order of the sums.
      let row = try #require(foldIn.row(of: training.ratings(of: user).reversed()))
      let trained = training.outcome.model.users[user].map(Double.init)
      #expect(relativeDistance(row.map(Double.init), trained) < 1e-4, "user \(user)")
    }
  }

  @Test func aTrainedRowIsTheMinimumOfItsPartOfTheLoss() throws {
    let training = try RatingTraining(factors: 5, seed: 7)
    let model = training.outcome.model
    for user in 0..<training.ratings.rows {
      let row = model.users[user].map(Double.init)
      let entries = training.ratings(of: user)
      var gradient = row.map { $0 * training.parameters.regularization.ofRow(weights: Double(entries.count), unobserved: 0, others: 0) }
      for entry in entries {
        let error = model.rating(user: user, item: Int(entry.item)) - Double(entry.rating)
        let partner = [1] + model.items[Int(entry.item)].dropFirst().map(Double.init)
        for index in gradient.indices { gradient[index] += error * partner[index] }
      }
      #expect(gradient.allSatisfy { abs($0) < 1e-3 }, "user \(user): \(gradient)")
    }
  }

  @Test(arguments: [false, true]) func theNumberOfWorkersDoesNotShowInTheBits(isNonnegative: Bool) throws {
    let one = try RatingTraining(isNonnegative: isNonnegative, workers: 1, rows: 700, seed: 8).outcome
    let several = try RatingTraining(isNonnegative: isNonnegative, workers: 3, rows: 700, seed: 8).outcome
    #expect(one.model.users == several.model.users)
    #expect(one.model.items == several.model.items)
    #expect(one.losses == several.losses)
  }

  @Test func nonnegativeFactorsAreNeverBelowZeroAndBiasesMayBe() throws {
    let model = try RatingTraining(isNonnegative: true, seed: 9).outcome.model
    var biases: [Float] = []
    for rows in [model.users, model.items] {
      for row in 0..<rows.rows {
        #expect(rows.array(row).dropFirst().allSatisfy { $0 >= 0 })
        biases.append(rows[row][0])
      }
    }
    #expect(biases.contains { $0 < 0 } && biases.contains { $0 > 0 })
  }

  @Test(arguments: [false, true]) func theWithheldDiagonalOfACheckerboardIsPredicted(isNonnegative: Bool) throws {
    // Like colours rate each other 5, others 1: the biases know nothing of it.
    let size = 30
    var ratings = InteractionMatrix(columns: size)
    for user in 0..<size {
      for item in 0..<size where item != user && item != (user + 1) % size {
        ratings.append(column: Int32(item), strength: (user + item).isMultiple(of: 2) ? 5 : 1)
      }
      ratings.endRow()
    }
    let parameters = ExplicitParameters(
      factors: 3, regularization: Regularization(lambda: 0.02, exponent: 1), iterations: 20, isNonnegative: isNonnegative)
    let model = try ExplicitTrainer(parameters).train(ratings, start: parameters.start(items: size, seed: 10)).model
    for user in 0..<size {
      #expect(model.rating(user: user, item: user) > 4.5)
      #expect(model.rating(user: user, item: (user + 1) % size) < 1.5)
    }
  }

  @Test func biasesAloneExplainRatingsThatAreSums() throws {
    var ratings = InteractionMatrix(columns: 12)
    for user in 0..<20 {
      for item in 0..<12 where (user + item) % 3 != 0 {
        ratings.append(column: Int32(item), strength: 3 + 0.1 * Float(user % 5) - 0.2 * Float(item % 4))
      }
      ratings.endRow()
    }
    let parameters = ExplicitParameters(factors: 1, regularization: Regularization(lambda: 1e-4, exponent: 1), iterations: 60)
    let model = try ExplicitTrainer(parameters).train(ratings, start: parameters.start(items: 12, seed: 11)).model
    for user in 0..<20 {
      for item in 0..<12 {
        let truth = 3 + 0.1 * Double(user % 5) - 0.2 * Double(item % 4)
        #expect(abs(model.rating(user: user, item: item) - truth) < 0.02, "user \(user), item \(item)")
      }
    }
  }

  @Test func whatIsUnknownFallsBackToBiasesAndTheMean() throws {
    let model = try RatingTraining(seed: 12).outcome.model
    #expect(model.rating(user: nil, item: nil) == model.mean)
    #expect(model.rating(user: 3, item: nil) == model.mean + Double(model.users[3][0]))
    #expect(model.rating(user: nil, item: 4) == model.mean + Double(model.items[4][0]))
    #expect(model.clipped(-9) == model.range.lowerBound && model.clipped(99) == model.range.upperBound)
  }

  @Test func usersAndItemsWithoutRatingsGetZeros() throws {
    let ratings = InteractionMatrix(columns: 3, rows: [[], [(0, 4), (2, 1)], []])
    let parameters = ExplicitParameters(factors: 2, iterations: 2)
    let model = try ExplicitTrainer(parameters).train(ratings, start: parameters.start(items: 3, seed: 13)).model
    #expect(model.users.array(0) == [0, 0, 0] && model.users.array(2) == [0, 0, 0] && model.items.array(1) == [0, 0, 0])
    #expect(ExplicitFoldIn(model).row(of: []) == [0, 0, 0])
  }

  @Test func aTrainingWithoutRatingsGivesZeros() throws {
    let parameters = ExplicitParameters(factors: 2, iterations: 2)
    let ratings = InteractionMatrix(columns: 2, rows: [[]])
    let model = try ExplicitTrainer(parameters).train(ratings, start: parameters.start(items: 2, seed: 14)).model
    #expect(model.rating(user: 0, item: 1) == 0)
  }

  @Test func aTrainingEndsWhenItIsToldTo() {
    let parameters = ExplicitParameters(factors: 2, iterations: 2)
    let ratings = InteractionMatrix(columns: 2, rows: [[(0, 4)]])
    #expect(throws: TrainingError.cancelled) {
      try ExplicitTrainer(parameters).train(ratings, start: parameters.start(items: 2, seed: 15)) { $0.halfStep < 2 }
    }
  }
}

/// A small training on random ratings of half a star to five.
private struct RatingTraining {
  let parameters: ExplicitParameters
  let ratings: InteractionMatrix
  let outcome: ExplicitOutcome

  init(
    factors: Int = 7, isNonnegative: Bool = false, exponent: Float = 0.5, iterations: Int = 4, workers: Int = 1, kernels: Kernels = .best,
    rows: Int = 60, seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    ratings = random.matrix(rows: rows, columns: 40, density: 0.25, strengths: 0.5...5)
    parameters = ExplicitParameters(
      factors: factors, regularization: Regularization(lambda: 0.3, exponent: exponent), iterations: iterations,
      isNonnegative: isNonnegative)
    outcome = try ExplicitTrainer(parameters, options: SolverOptions(workers: workers, kernels: kernels))
      .train(ratings, start: parameters.start(items: 40, seed: seed))
  }

  func ratings(of user: Int) -> [(item: Int32, rating: Float)] {
    (ratings.starts[user]..<ratings.starts[user + 1]).map { (ratings.indices[$0], ratings.strengths[$0]) }
  }

  /// In Double, by the formula; shares no code with the trainer.
  var plainLoss: ExplicitLoss {
    var loss = ExplicitLoss(squaredErrors: 0, regularizer: 0)
    var counts = [Double](repeating: 0, count: ratings.columns)
    func penalty(_ count: Double, _ row: [Float]) -> Double {
      let exponent = parameters.regularization.exponent
      let frequency = exponent == 0 ? 1 : exponent == 1 ? count : count.squareRoot()
      return Double(parameters.regularization.lambda) * frequency * row.reduce(0) { $0 + Double($1) * Double($1) }
    }
    let model = outcome.model
    for user in 0..<ratings.rows {
      let x = model.users.array(user)
      for entry in ratings(of: user) {
        let y = model.items.array(Int(entry.item))
        var score = model.mean + Double(x[0]) + Double(y[0])
        for index in 1...parameters.factors { score += Double(x[index]) * Double(y[index]) }
        loss.squaredErrors += (Double(entry.rating) - score) * (Double(entry.rating) - score)
        counts[Int(entry.item)] += 1
      }
      loss.regularizer += penalty(Double(ratings(of: user).count), x)
    }
    for item in counts.indices { loss.regularizer += penalty(counts[item], model.items.array(item)) }
    return loss
  }
}
