import Factorization

/// Measures the same training on one worker and on several in one run: seconds per iteration, and the speed-up.
public struct TrainingBenchmark: Sendable {
  public struct Outcome: Sendable {
    /// The outcome of the training on all workers.
    public var training: TrainingOutcome
    /// Seconds per iteration on one worker; `nil` if there is only one.
    public var secondsPerIterationAlone: Double?
    /// The time of one worker divided by the time of all.
    public var speedUp: Double? { secondsPerIterationAlone.map { $0 / training.secondsPerIteration } }
    public var hash: ResultHash
    /// Whether both results are bit-identical, as required.
    public var isSameForAnyNumberOfWorkers: Bool
  }

  public var matrix: InteractionMatrix
  public var parameters: ALSParameters
  public var workers: Int
  public var seed: UInt64 = 42

  public init(matrix: InteractionMatrix, parameters: ALSParameters, workers: Int) {
    self.matrix = matrix
    self.parameters = parameters
    self.workers = workers
  }

  /// Returns the pairs of a file as a matrix with one row per user, as `freshet train` uses them.
  public static func matrix(of data: EvaluationData) -> InteractionMatrix { StaticPairs(StaticInteractions(data)).matrix }

  public func run() throws -> Outcome {
    let alone = workers > 1 ? try train(workers: 1) : nil
    let training = try train(workers: workers)
    let hash = Self.hash(of: training)
    return Outcome(
      training: training, secondsPerIterationAlone: alone?.secondsPerIteration, hash: hash,
      isSameForAnyNumberOfWorkers: alone.map { Self.hash(of: $0) == hash } ?? true)
  }

  private func train(workers: Int) throws -> TrainingOutcome {
    let start = FactorMatrix(
      rows: matrix.columns, factors: parameters.factors, deviation: parameters.startDeviation, seed: seed)
    return try ALSTrainer(parameters, options: SolverOptions(workers: workers)).train(matrix, start: start)
  }

  private static func hash(of training: TrainingOutcome) -> ResultHash {
    var hash = ResultHash()
    for factors in [training.rowFactors, training.columnFactors] { for row in 0..<factors.rows { hash.add(factors[row]) } }
    for loss in training.losses { hash.add(loss.total) }
    return hash
  }
}
