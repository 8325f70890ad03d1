import Synchronization

/// Execution options of a training: they affect the speed, and the result only by the rounding of another kernel.
public struct SolverOptions: Sendable {
  public var workers: Int
  public var kernels: Kernels
  /// Whether the workers yield to all other threads of the machine; see `WorkerPool`.
  public var isBackground: Bool
  public init(workers: Int = 1, kernels: Kernels = .best, isBackground: Bool = false) {
    self.workers = workers
    self.isBackground = isBackground
    self.kernels = kernels
  }
}

/// The progress of a training, passed to callbacks.
public struct TrainingProgress: Sendable {
  public var halfStep: Int
  public var halfSteps: Int
  public var ratio: Double { halfSteps == 0 ? 1 : Double(halfStep) / Double(halfSteps) }
}

/// An error that ends a training.
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

/// The result of a training: the factors of both sides, the losses, and timing in seconds.
public struct TrainingOutcome: Sendable {
  public var rowFactors: FactorMatrix
  public var columnFactors: FactorMatrix
  /// Losses after each half-step, or after the last one only; non-increasing.
  public var losses: [TrainingLoss]
  public var seconds: Double
  /// Wall time of all half-steps, the final one included, divided by the number of iterations.
  public var secondsPerIteration: Double
  /// Floating-point operations of all half-steps divided by their wall time, in 10^9 per second.
  public var gigaflops: Double
}

/// Alternating least squares on an `InteractionMatrix`: solves rows and columns in turn with the method in `ALSParameters.solver`.
///
/// For the same matrix, start and kernel, the result is bitwise identical for any number of workers.
public struct ALSTrainer: Sendable {
  public let parameters: ALSParameters
  public let options: SolverOptions

  public init(_ parameters: ALSParameters, options: SolverOptions = SolverOptions()) {
    self.parameters = parameters
    self.options = options
  }

  /// Trains from the given column (item) factors; the row factors are computed from them. Throws `TrainingError`.
  ///
  /// - Parameters:
  ///   - endWithRows: adds a final half-step of the rows, solved to a relative tolerance of 1e-5, so that a fold-in of an unchanged row
  ///     equals its trained row.
  ///   - isWarmStart: whether the column factors come from a model. The first half-step of each side then uses more solver steps than
  ///     after a random start.
  ///   - losses: whether the loss is computed after each half-step or only after the last one; its time is not counted.
  ///   - keepGoing: called before each half-step; `false` ends the training with `TrainingError.cancelled`.
  ///   - afterIteration: called after each half-step of the columns with the number of completed iterations and the current column
  ///     factors; `false` ends the training. Its time is not counted.
  public func train(
    _ matrix: InteractionMatrix, start columnFactors: FactorMatrix, endWithRows: Bool = true, isWarmStart: Bool = false,
    losses: LossSchedule = .eachHalfStep,
    keepGoing: (TrainingProgress) -> Bool = { _ in true }, afterIteration: (Int, FactorMatrix) -> Bool = { _, _ in true }
  ) throws -> TrainingOutcome {
    precondition(columnFactors.rows == matrix.columns, "\(columnFactors.rows) rows of factors for \(matrix.columns) columns")
    precondition(
      columnFactors.factors == parameters.factors, "a start of \(columnFactors.factors) factors for \(parameters.factors)")
    let pool = WorkerPool(workers: options.workers, isBackground: options.isBackground)
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

  /// Number of half-steps of the rows after which both sides are rotated to a basis in which conjugate gradients converge faster.
  private static let rotations = 3

  private func rotate(_ outcome: inout TrainingOutcome, _ gramian: Gramian, _ pool: WorkerPool) {
    let rotation = Rotation(towardsEigenvectorsOf: gramian, powers: 2, kernels: options.kernels)
    rotation.apply(to: &outcome.rowFactors, pool: pool, kernels: options.kernels)
    rotation.apply(to: &outcome.columnFactors, pool: pool, kernels: options.kernels)
  }

  /// Runs one half-step: solves all rows of one side.
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
        // Computed in Double: near a score of 1 the three terms cancel, and with a large weight only rounding error would remain in
        // Float.
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

  /// Floating-point operations of one half-step, including the Gramian of its result.
  private func operations(_ matrix: InteractionMatrix, _ descent: RowSolver.Descent?) -> Double {
    let (n, k, rows) = (Double(matrix.entries), Double(parameters.factors), Double(matrix.rows))
    let gramian = rows * k * (k + 1)
    switch descent {
    case .steps(let count):
      // The residual with its diagonal, and one product per direction except the last, which needs only dot products.
      return n * k * (7 + 4 * Double(count - 1) + 2) + Double(count + 1) * 2 * rows * k * k + gramian
    // Counted as an exact solve.
    case nil, .tolerance: return matrix.operationsOfExactRows(factors: parameters.factors) + gramian
    }
  }
}

/// Chooses the number of conjugate gradient steps per half-step.
///
/// Starts with two steps. The share of the residual that remains after the first of two determines the number of steps for the rest of
/// the training. Measured with strong and weak regularization on three data sets: if up to 0.1 remains, one step reaches the loss of
/// exact rows; at a quarter, two steps are needed; at a half, three.
private struct GradientSteps {
  private let solver: TrainingSolver
  private let isWarmStart: Bool
  private var chosen: [Int?] = [nil, nil]

  /// The iteration in which the residual is measured; by then the factors have stabilised.
  private static let probedIteration = 2
  private static let probingSteps = 2
  /// Number of steps in the first half-step of each side after a warm start, because rows and new columns start from zero.
  private static let firstSteps = 4
  /// Relative tolerance of the final exact half-step, close to the rounding error of a decomposition.
  private static let exactness: Float = 1e-5

  init(_ solver: TrainingSolver, isWarmStart: Bool) {
    self.solver = solver
    self.isWarmStart = isWarmStart
  }

  /// The stopping rule of a half-step; `nil` means an exact decomposition of each row.
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

/// When a training computes its loss.
public enum LossSchedule: Sendable { case eachHalfStep, atTheEnd }

/// One side of a training: its rows and the order in which they are processed.
struct TrainingSide: Sendable {
  let matrix: InteractionMatrix
  let schedule: RowSchedule

  init(_ matrix: InteractionMatrix) {
    self.matrix = matrix
    schedule = RowSchedule(matrix)
  }
}
