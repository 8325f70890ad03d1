import Factorization

/// The result of trying one point of a grid; one line of `trials.jsonl`.
public struct TuningTrial: Codable, Sendable, Equatable {
  /// The quality of a training after a number of iterations.
  public struct Judgement: Codable, Sendable, Equatable {
    public var iterations: Int
    public var value: Double
  }

  /// Identifies the data, the split, the metric and all settings outside the grid; trials with another context are not comparable.
  public var context: String
  /// The settings from the grid by key, without iterations.
  public var settings: [String: String]
  /// In the order of iterations; empty if the training failed.
  public var judgements: [Judgement]
  /// Whether the training stopped before the largest number of iterations.
  public var stoppedEarly: Bool
  public var seconds: Double
  /// Why there are no judgements.
  public var failure: String?

  /// The best judgement; of equal ones, the one with fewer iterations.
  public var best: Judgement? { judgements.max { ($0.value, $1.iterations) < ($1.value, $0.iterations) } }
}

/// The part of a data set on which settings are evaluated; it never overlaps the test part of `evaluate holdout`.
public struct TuningValidation: Sendable {
  public let training: InteractionMatrix
  /// The rows from which validation users are folded in.
  public let histories: InteractionMatrix
  public let users: [HeldOutUser]
  public let metric: RankingMetric

  /// Uses the interactions before the last `testShare` for validation, and those before them for training.
  ///
  /// - Throws: `HoldoutError`.
  public init(time interactions: StaticInteractions, testShare: Double, metric: RankingMetric) throws(HoldoutError) {
    let split = try HoldoutTimeSplit(interactions, testShare: testShare, setAside: testShare)
    training = split.training.matrix
    (histories, users) = split.users.compacted(training)
    self.metric = metric
  }

  /// Uses the users before the last `testShare`, folded in from their histories.
  ///
  /// - Throws: `HoldoutError`.
  public init(strong matrix: InteractionMatrix, testShare: Double, seed: UInt64, metric: RankingMetric) throws(HoldoutError) {
    let split = try StrongGeneralisationSplit(matrix, part: .validation(share: testShare), seed: seed)
    (training, histories, users) = (split.training, split.histories, split.users)
    self.metric = metric
  }

  /// Trains step by step, evaluates after each number of `iterations`, and stops after `patience` evaluations in a row without
  /// improvement.
  ///
  /// - Parameters:
  ///   - iterations: ascending.
  ///   - progress: called before each half-step; `false` cancels.
  /// - Throws: `TrainingError`.
  func judge(_ model: StaticTraining, iterations: [Int], patience: Int, progress: () -> Bool = { true }) throws -> (
    judgements: [TuningTrial.Judgement], stoppedEarly: Bool
  ) {
    var parameters = model.parameters
    parameters.iterations = iterations.last ?? 0
    var judgements: [TuningTrial.Judgement] = []
    var (best, sinceBest) = (-Double.infinity, 0)
    _ = try ALSTrainer(parameters, options: model.options).train(
      training, start: model.start(items: training.columns), endWithRows: false, losses: .atTheEnd, keepGoing: { _ in progress() },
      afterIteration: { count, items in
        guard iterations.contains(count) else { return true }
        let value = value(items, model)
        judgements.append(TuningTrial.Judgement(iterations: count, value: value))
        sinceBest = value > best ? 0 : sinceBest + 1
        best = max(best, value)
        return sinceBest < patience
      })
    return (judgements, sinceBest >= patience && judgements.count < iterations.count)
  }

  private func value(_ items: FactorMatrix, _ model: StaticTraining) -> Double {
    let rows = HoldoutFoldIn.rows(histories, items: items, model.parameters, model.options)
    let ranker = FactorRanker(users: rows, items: items, histories: histories, kernels: model.options.kernels)
    return HeldOutRanking(of: users, catalogue: items.rows, workers: model.options.workers, by: ranker).mean(metric)
  }

  /// A hash (FNV-1a) that distinguishes data, split and metric.
  var fingerprint: UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    let mix = { (value: UInt64) in hash = (hash ^ value) &* 0x0000_0100_0000_01B3 }
    for matrix in [training, histories] {
      mix(UInt64(matrix.rows))
      mix(UInt64(matrix.columns))
      for start in matrix.starts { mix(UInt64(start)) }
      for index in matrix.indices { mix(UInt64(UInt32(bitPattern: index))) }
      for strength in matrix.strengths { mix(UInt64(strength.bitPattern)) }
    }
    for user in users {
      for item in user.items { mix(UInt64(UInt32(bitPattern: item))) }
      mix(UInt64(user.testItems))
    }
    for byte in "\(metric)".utf8 { mix(UInt64(byte)) }
    return hash
  }
}

extension [HeldOutUser] {
  /// Returns only the rows of these users, and the users as rows of the result.
  fileprivate func compacted(_ matrix: InteractionMatrix) -> (InteractionMatrix, [HeldOutUser]) {
    var rows = InteractionMatrix(columns: matrix.columns)
    let moved = enumerated().map { place, user in
      for entry in matrix.starts[user.row]..<matrix.starts[user.row + 1] {
        rows.append(column: matrix.indices[entry], strength: matrix.strengths[entry])
      }
      rows.endRow()
      return HeldOutUser(user: user.user, row: place, items: user.items, unknownItems: user.unknownItems)
    }
    return (rows, moved)
  }
}
