import Factorization

/// Trains a model of ratings (`freshet train --explicit`, `evaluate holdout --split kfold --explicit`) and compares its errors on test
/// ratings with those of the mean and of the biases alone.
public struct ExplicitTraining: Sendable {
  /// The errors on one set of test ratings. All predictions are clipped to the range of the training ratings, except for `unclipped`.
  public struct Quality: Sendable, Equatable {
    public var model = ExplicitError()
    public var unclipped = ExplicitError()
    public var mean = ExplicitError()
    public var biases = ExplicitError()
    /// Test ratings whose user or item has no training rating; they are predicted by the remaining terms: a bias or the mean.
    public var rowsOfUnknown = 0
  }

  public struct Outcome: Sendable {
    public var training: ExplicitOutcome
    public var interactions: Int
    public var quality: Quality?
  }

  public let parameters: ExplicitParameters
  public let options: SolverOptions
  /// The seed of the initial factors and of the split into folds.
  public let seed: UInt64

  public init(parameters: ExplicitParameters, options: SolverOptions, seed: UInt64) {
    self.parameters = parameters
    self.options = options
    self.seed = seed
  }

  public func run(train: ExplicitRatings, test: ExplicitRatings?, progress: (TrainingProgress) -> Bool = { _ in true }) throws -> Outcome {
    let matrix = train.matrix(of: train.ratings)
    let outcome = try fit(matrix, progress)
    let quality = test.map { Self.quality(of: outcome.model, trainedOn: train, matrix, test: $0) }
    return Outcome(training: outcome, interactions: matrix.entries, quality: quality)
  }

  /// Measures a model that was trained before; the result equals that of `run` with the same ratings.
  ///
  /// - Parameter train: the ratings that the model was trained on; its rows are their users and items.
  public static func quality(of model: ExplicitModel, trainedOn train: ExplicitRatings, test: ExplicitRatings) -> Quality {
    quality(of: model, trainedOn: train, train.matrix(of: train.ratings), test: test)
  }

  private static func quality(
    of model: ExplicitModel, trainedOn train: ExplicitRatings, _ matrix: InteractionMatrix, test: ExplicitRatings
  ) -> Quality {
    let users = places(of: test.users, in: train.users)
    let items = places(of: test.items, in: train.items)
    let wanted = test.ratings.map { (user: users[Int($0.user)], item: items[Int($0.item)], value: $0.value) }
    return judge(model, matrix, wanted)
  }

  /// Predicts each fold with a model trained on the others; the sizes of the folds differ by at most one rating.
  ///
  /// - Parameter progress: called with the fold and the progress of its training; `false` ends with `TrainingError.cancelled`.
  public func folds(_ ratings: ExplicitRatings, count: Int, progress: (Int, TrainingProgress) -> Bool = { _, _ in true }) throws
    -> [Quality]
  {
    precondition(count >= 2 && count <= ratings.ratings.count, "\(count) folds of \(ratings.ratings.count) ratings")
    let foldOfRating = self.foldOfRating(ratings.ratings.count, folds: count)
    return try (0..<count).map { fold in
      let matrix = ratings.matrix(of: zip(ratings.ratings, foldOfRating).filter { $0.1 != fold }.map(\.0))
      let model = try fit(matrix) { progress(fold, $0) }.model
      let wanted = zip(ratings.ratings, foldOfRating).filter { $0.1 == fold }.map {
        (user: Int?.some(Int($0.0.user)), item: Int?.some(Int($0.0.item)), value: $0.0.value)
      }
      return Self.judge(model, matrix, wanted)
    }
  }

  /// Assigns a random permutation to the folds in turn.
  func foldOfRating(_ ratings: Int, folds: Int) -> [Int] {
    var generator = SplitMix64(seed: seed)
    var result = [Int](repeating: 0, count: ratings)
    for (place, rating) in (0..<ratings).shuffled(using: &generator).enumerated() { result[rating] = place % folds }
    return result
  }

  private func fit(_ matrix: InteractionMatrix, _ progress: (TrainingProgress) -> Bool) throws -> ExplicitOutcome {
    try ExplicitTrainer(parameters, options: options)
      .train(matrix, start: parameters.start(items: matrix.columns, seed: seed), keepGoing: progress)
  }

  private static func places(of names: [[UInt8]], in table: [[UInt8]]) -> [Int?] {
    let index = Dictionary(uniqueKeysWithValues: table.enumerated().map { ($1, $0) })
    return names.map { index[$0] }
  }

  private static func judge(_ model: ExplicitModel, _ matrix: InteractionMatrix, _ wanted: [(user: Int?, item: Int?, value: Float)])
    -> Quality
  {
    let baseline = ExplicitBiasBaseline(matrix)
    let userIsKnown = (0..<matrix.rows).map { matrix.starts[$0] < matrix.starts[$0 + 1] }
    var itemIsKnown = [Bool](repeating: false, count: matrix.columns)
    for item in matrix.indices { itemIsKnown[Int(item)] = true }
    var quality = Quality()
    for rating in wanted {
      let (user, item) = (rating.user.flatMap { userIsKnown[$0] ? $0 : nil }, rating.item.flatMap { itemIsKnown[$0] ? $0 : nil })
      if user == nil || item == nil { quality.rowsOfUnknown += 1 }
      let (actual, predicted) = (Double(rating.value), model.rating(user: user, item: item))
      quality.model.add(predicted: model.clipped(predicted), actual: actual)
      quality.unclipped.add(predicted: predicted, actual: actual)
      quality.mean.add(predicted: model.mean, actual: actual)
      quality.biases.add(predicted: model.clipped(baseline.rating(user: user, item: item)), actual: actual)
    }
    return quality
  }
}
