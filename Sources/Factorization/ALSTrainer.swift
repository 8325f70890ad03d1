import Synchronization

/// How it is computed: changes the time, never the result beyond the rounding of another kernel.
public struct SolverOptions: Sendable {
  public var workers: Int
  public var kernels: Kernels
  public init(workers: Int = 1, kernels: Kernels = .best) {
    self.workers = workers
    self.kernels = kernels
  }
}

/// What a training in progress tells and asks.
public struct TrainingProgress: Sendable {
  public var halfStep: Int
  public var halfSteps: Int
  public var ratio: Double { halfSteps == 0 ? 1 : Double(halfStep) / Double(halfSteps) }
}

public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  case cancelled
  case notFinite(halfStep: Int, rows: Int)

  public var description: String {
    switch self {
    case .cancelled: "the training was cancelled"
    case .notFinite(let halfStep, let rows):
      "half-step \(halfStep): \(rows) rows had no finite solution; raise model.regularization or lower the weights"
    }
  }
}

public struct TrainingOutcome: Sendable {
  public var rowFactors: FactorMatrix
  public var columnFactors: FactorMatrix
  /// After each half-step, or after the last one alone; the loss never rises from one to the next.
  public var losses: [TrainingLoss]
  public var seconds: Double
  /// Wall time of the half-steps over the iterations, the final one included.
  public var secondsPerIteration: Double
  /// Useful operations of all half-steps over their wall time.
  public var gigaflops: Double
}

/// Alternating least squares over an `InteractionMatrix`: rows and columns in turn, each row solved as `ALSParameters.solver` says.
///
/// The same matrix, start and kernel give the same bits for any number of workers.
public struct ALSTrainer: Sendable {
  public let parameters: ALSParameters
  public let options: SolverOptions

  public init(_ parameters: ALSParameters, options: SolverOptions = SolverOptions()) {
    self.parameters = parameters
    self.options = options
  }

  /// Trains from the given column factors (items); the row factors follow from them.
  ///
  /// - Parameters:
  ///   - endWithRows: adds a last half-step of the rows, exact to 1e-5 of a row, so that a fold-in of an unchanged row equals its
  ///     trained row.
  ///   - isWarmStart: whether the column factors are those of a model; the rows' first solution from them, and the first new columns, are
  ///     worth more steps then than those of a random start.
  ///   - losses: whether the loss is computed after each half-step or after the last one only; its time is not counted.
  ///   - keepGoing: called before each half-step; `false` ends the training with `TrainingError.cancelled`.
  ///   - afterIteration: called after each half-step of the columns with the number of iterations done and the column factors as they
  ///     are; `false` ends the training there. Its time is not counted.
  public func train(
    _ matrix: InteractionMatrix, start columnFactors: FactorMatrix, endWithRows: Bool = true, isWarmStart: Bool = false,
    losses: LossSchedule = .eachHalfStep,
    keepGoing: (TrainingProgress) -> Bool = { _ in true }, afterIteration: (Int, FactorMatrix) -> Bool = { _, _ in true }
  ) throws -> TrainingOutcome {
    precondition(columnFactors.rows == matrix.columns, "\(columnFactors.rows) rows of factors for \(matrix.columns) columns")
    precondition(
      columnFactors.factors == parameters.factors, "a start of \(columnFactors.factors) factors for \(parameters.factors)")
    let pool = WorkerPool(workers: options.workers)
    let kernels = options.kernels
    var outcome = TrainingOutcome(
      rowFactors: FactorMatrix(rows: matrix.rows, factors: parameters.factors), columnFactors: columnFactors, losses: [], seconds: 0,
      secondsPerIteration: 0, gigaflops: 0)
    var clock = TrainingClock()
    let rows = TrainingSide(matrix)
    let columns = TrainingSide(matrix.transposed())
    let halfSteps = parameters.iterations * 2 + (endWithRows ? 1 : 0)
    var operations = 0.0
    var steps = GradientSteps(parameters.solver, isWarmStart: isWarmStart)
    var columnGramian = Gramian(of: columnFactors, pool: pool, kernels: kernels)
    var rowGramian = Gramian(factors: parameters.factors)
    for halfStep in 0..<halfSteps {
      guard clock.paused({ keepGoing(TrainingProgress(halfStep: halfStep, halfSteps: halfSteps)) }) else { throw TrainingError.cancelled }
      let isLast = halfStep == halfSteps - 1
      let descent = steps.descent(halfStep: halfStep, isExact: endWithRows && isLast)
      let report: RowSolver.Report
      if halfStep % 2 == 0 {
        report = solveRows(
          of: rows, others: outcome.columnFactors, gramian: columnGramian, into: &outcome.rowFactors, pool, descent)
        rowGramian = Gramian(of: outcome.rowFactors, pool: pool, kernels: kernels)
        if case .steps = descent, halfStep / 2 < Self.rotations {
          rotate(&outcome, rowGramian, pool)
          rowGramian = Gramian(of: outcome.rowFactors, pool: pool, kernels: kernels)
          columnGramian = Gramian(of: outcome.columnFactors, pool: pool, kernels: kernels)
        }
        operations += self.operations(rows.matrix, descent)
      } else {
        report = solveRows(
          of: columns, others: outcome.rowFactors, gramian: rowGramian, into: &outcome.columnFactors, pool, descent)
        columnGramian = Gramian(of: outcome.columnFactors, pool: pool, kernels: kernels)
        operations += self.operations(columns.matrix, descent)
      }
      guard report.failures == 0 else { throw TrainingError.notFinite(halfStep: halfStep, rows: report.failures) }
      steps.note(report, halfStep: halfStep)
      if isLast || losses == .eachHalfStep {
        clock.paused { outcome.losses.append(loss(rows.matrix, columns.matrix, outcome, rowGramian, columnGramian, pool)) }
      }
      if halfStep % 2 == 1, !clock.paused({ afterIteration(halfStep / 2 + 1, outcome.columnFactors) }) { break }
    }
    outcome.seconds = clock.seconds
    outcome.secondsPerIteration = outcome.seconds / Double(max(1, parameters.iterations))
    outcome.gigaflops = operations / max(outcome.seconds, 1e-9) / 1e9
    return outcome
  }

  /// Half-steps of the rows that turn both sides towards a basis in which a few steps of conjugate gradients go far.
  private static let rotations = 3

  private func rotate(_ outcome: inout TrainingOutcome, _ gramian: Gramian, _ pool: WorkerPool) {
    let rotation = Rotation(towardsEigenvectorsOf: gramian, powers: 2, kernels: options.kernels)
    rotation.apply(to: &outcome.rowFactors, pool: pool, kernels: options.kernels)
    rotation.apply(to: &outcome.columnFactors, pool: pool, kernels: options.kernels)
  }

  /// One half-step.
  func solveRows(
    of side: TrainingSide, others: FactorMatrix, gramian: Gramian, into result: inout FactorMatrix, _ pool: WorkerPool,
    _ descent: RowSolver.Descent? = nil
  ) -> RowSolver.Report {
    let solver = RowSolver(parameters, kernels: options.kernels)
    let failures = Atomic<Int>(0)
    let entries = Atomic<Int>(0)
    let entriesLeft = Atomic<Int>(0)
    let workspaces = WorkerShared((0..<pool.workers).map { _ in RowSolver.Workspace(factors: parameters.factors) })
    let schedule = side.schedule
    side.matrix.withPointers { pointers in
      result.withMutablePointer { pointer in
        let side = RowSolver.Side(rows: others.pointer, gramian: gramian, count: others.rows)
        let gradients = descent.map { ($0, PreconditionedSide(side, unobserved: parameters.confidence.unobserved)) }
        let shared = WorkerShared((matrix: pointers, output: pointer, side: side, gradients: gradients))
        pool.run(count: schedule.pieces, chunk: 1) { pieces, worker in
          let workspace = workspaces.value[worker]
          let (matrix, output, side, gradients) = shared.value
          for piece in pieces.lazy.map(schedule.piece) {
            let report =
              if let (descent, side) = gradients {
                solver.descend(piece, of: matrix, side: side, descent: descent, into: output, workspace: workspace)
              } else {
                RowSolver.Report(failures: solver.solve(piece, of: matrix, side: side, into: output, workspace: workspace))
              }
            failures.add(report.failures, ordering: .relaxed)
            entries.add(report.entries, ordering: .relaxed)
            entriesLeft.add(report.entriesLeft, ordering: .relaxed)
          }
        }
      }
    }
    return RowSolver.Report(
      failures: failures.load(ordering: .relaxed), entries: entries.load(ordering: .relaxed),
      entriesLeft: entriesLeft.load(ordering: .relaxed))
  }

  private func loss(
    _ matrix: InteractionMatrix, _ transposed: InteractionMatrix, _ outcome: TrainingOutcome, _ rowGramian: Gramian,
    _ columnGramian: Gramian, _ pool: WorkerPool
  ) -> TrainingLoss {
    let observed = pool.sum(count: matrix.rows) { row in
      let x = outcome.rowFactors.pointer + row * outcome.rowFactors.stride
      var total = 0.0
      for entry in matrix.starts[row]..<matrix.starts[row + 1] {
        let (weight, target) = parameters.confidence.weightAndTarget(matrix.strengths[entry])
        let y = outcome.columnFactors.pointer + Int(matrix.indices[entry]) * outcome.columnFactors.stride
        let score = Double(options.kernels.dot(x, y, outcome.columnFactors.stride))
        // In Double: near a score of 1 the three terms cancel, and a large weight would leave nothing but the rounding.
        total += (Double(weight) * score - 2 * Double(target)) * score + Double(target)
      }
      return total
    }
    let regularizer =
      regularizer(matrix, outcome.rowFactors, others: matrix.columns, pool)
      + regularizer(transposed, outcome.columnFactors, others: matrix.rows, pool)
    return TrainingLoss(
      observed: observed, unobserved: Double(parameters.confidence.unobserved) * rowGramian.elementwiseProduct(columnGramian),
      regularizer: regularizer)
  }

  private func regularizer(_ matrix: InteractionMatrix, _ factors: FactorMatrix, others: Int, _ pool: WorkerPool) -> Double {
    pool.sum(count: matrix.rows) { row in
      let x = factors.pointer + row * factors.stride
      var weights = 0.0
      for entry in matrix.starts[row]..<matrix.starts[row + 1] {
        weights += Double(parameters.confidence.weightAndTarget(matrix.strengths[entry]).weight)
      }
      let scale = parameters.regularization.ofRow(weights: weights, unobserved: parameters.confidence.unobserved, others: others)
      return scale * Double(options.kernels.dot(x, x, factors.stride))
    }
  }

  /// Useful operations of one half-step, the Gramian of its result included.
  private func operations(_ matrix: InteractionMatrix, _ descent: RowSolver.Descent?) -> Double {
    let (n, k, rows) = (Double(matrix.entries), Double(parameters.factors), Double(matrix.rows))
    let gramian = rows * k * (k + 1)
    switch descent {
    case .steps(let count):
      // The residual with its diagonal, products along each direction but the last, which needs dot products only.
      return n * k * (7 + 4 * Double(count - 1) + 2) + Double(count + 1) * 2 * rows * k * k + gramian
    // Counted as what it stands for.
    case nil, .tolerance: return matrix.operationsOfExactRows(factors: parameters.factors) + gramian
    }
  }
}

/// How many steps of conjugate gradients each half-step makes.
///
/// Two at first; from what the first of two leaves of the residuals follows how many the rest of the training makes. Measured with strong
/// and weak regularization on three data sets: where little is left (up to 0.1), one step ends at the loss of exact rows; where a
/// quarter is, two do; where half is, three.
private struct GradientSteps {
  private let solver: TrainingSolver
  private let isWarmStart: Bool
  private var chosen: [Int?] = [nil, nil]

  /// The iteration whose half-steps are looked at: the factors have found their directions by then.
  private static let probedIteration = 2
  private static let probingSteps = 2
  /// Steps of the first half-step of each side after a warm start: rows, and new columns, start from nothing.
  private static let firstSteps = 4
  /// What the exact half-step at the end may leave open, as a part of a row: near the rounding of a decomposition.
  private static let exactness: Float = 1e-5

  init(_ solver: TrainingSolver, isWarmStart: Bool) {
    self.solver = solver
    self.isWarmStart = isWarmStart
  }

  /// `nil`: a decomposition of each row.
  func descent(halfStep: Int, isExact: Bool) -> RowSolver.Descent? {
    guard case .conjugateGradients(let fixed) = solver else { return nil }
    if isExact { return .tolerance(Self.exactness) }
    let steps = fixed ?? chosen[halfStep % 2] ?? Self.probingSteps
    return .steps(isWarmStart && halfStep < 2 ? max(steps, Self.firstSteps) : steps)
  }

  mutating func note(_ report: RowSolver.Report, halfStep: Int) {
    guard halfStep / 2 == Self.probedIteration, report.entries > 0 else { return }
    let left = Double(report.entriesLeft) / Double(report.entries) / 1024
    chosen[halfStep % 2] = left < 0.15 ? 1 : left < 0.45 ? 2 : 3
  }
}

/// When a training says what its loss is.
public enum LossSchedule: Sendable { case eachHalfStep, atTheEnd }

/// One side of a training: its rows and the order in which they are taken.
struct TrainingSide: Sendable {
  let matrix: InteractionMatrix
  let schedule: RowSchedule

  init(_ matrix: InteractionMatrix) {
    self.matrix = matrix
    schedule = RowSchedule(matrix)
  }
}
