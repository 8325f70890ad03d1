import Dispatch
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
  /// After each half-step; the loss never rises from one to the next.
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
  ///   - endWithRows: adds a last half-step of the rows, so that a fold-in of an unchanged row equals its trained row.
  ///   - keepGoing: called before each half-step; `false` ends the training with `TrainingError.cancelled`.
  public func train(
    _ matrix: InteractionMatrix, start columnFactors: FactorMatrix, endWithRows: Bool = true,
    keepGoing: (TrainingProgress) -> Bool = { _ in true }
  ) throws -> TrainingOutcome {
    precondition(columnFactors.rows == matrix.columns, "\(columnFactors.rows) rows of factors for \(matrix.columns) columns")
    precondition(
      columnFactors.factors == parameters.factors, "a start of \(columnFactors.factors) factors for \(parameters.factors)")
    let pool = WorkerPool(workers: options.workers)
    let transposed = matrix.transposed()
    var outcome = TrainingOutcome(
      rowFactors: FactorMatrix(rows: matrix.rows, factors: parameters.factors), columnFactors: columnFactors, losses: [], seconds: 0,
      secondsPerIteration: 0, gigaflops: 0)
    let halfSteps = parameters.iterations * 2 + (endWithRows ? 1 : 0)
    var operations = 0.0
    let began = DispatchTime.now().uptimeNanoseconds
    var columnGramian = Gramian(of: columnFactors, pool: pool, kernels: options.kernels)
    var rowGramian = Gramian(factors: parameters.factors)
    for halfStep in 0..<halfSteps {
      guard keepGoing(TrainingProgress(halfStep: halfStep, halfSteps: halfSteps)) else { throw TrainingError.cancelled }
      let failures: Int
      if halfStep % 2 == 0 {
        let isLast = endWithRows && halfStep == halfSteps - 1
        failures = solveRows(
          of: matrix, others: outcome.columnFactors, gramian: columnGramian, into: &outcome.rowFactors, pool, exactly: isLast)
        rowGramian = Gramian(of: outcome.rowFactors, pool: pool, kernels: options.kernels)
        outcome.losses.append(loss(matrix, transposed, outcome, rowGramian, columnGramian, pool))
      } else {
        failures = solveRows(of: transposed, others: outcome.rowFactors, gramian: rowGramian, into: &outcome.columnFactors, pool)
        columnGramian = Gramian(of: outcome.columnFactors, pool: pool, kernels: options.kernels)
        outcome.losses.append(loss(matrix, transposed, outcome, rowGramian, columnGramian, pool))
      }
      guard failures == 0 else { throw TrainingError.notFinite(halfStep: halfStep, rows: failures) }
      operations += self.operations(halfStep % 2 == 0 ? matrix : transposed, exactly: endWithRows && halfStep == halfSteps - 1)
    }
    outcome.seconds = Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
    outcome.secondsPerIteration = outcome.seconds / Double(max(1, parameters.iterations))
    outcome.gigaflops = operations / max(outcome.seconds, 1e-9) / 1e9
    return outcome
  }

  /// One half-step; returns how many rows had no finite solution.
  func solveRows(
    of matrix: InteractionMatrix, others: FactorMatrix, gramian: Gramian, into result: inout FactorMatrix, _ pool: WorkerPool,
    exactly: Bool = false
  ) -> Int {
    let solver = RowSolver(parameters, kernels: options.kernels)
    let stride = result.stride
    let failures = Atomic<Int>(0)
    let side = SharedSide(side: RowSolver.Side(rows: others.pointer, gramian: gramian, count: others.rows))
    let workspaces = Workspaces(count: pool.workers, factors: parameters.factors)
    let steps = if case .conjugateGradients(let count) = parameters.solver, !exactly { count } else { 0 }
    let whole = steps > 0 ? gramian.whole(scale: parameters.confidence.unobserved) : nil
    result.withMutablePointer { pointer in
      let output = SharedPointer(pointer: pointer)
      pool.run(count: matrix.rows, chunk: 32) { range, worker in
        let workspace = workspaces.all[worker]
        matrix.indices.withUnsafeBufferPointer { indices in
          matrix.strengths.withUnsafeBufferPointer { strengths in
            for row in range {
              let entries = matrix.starts[row]..<matrix.starts[row + 1]
              let first = indices.baseAddress! + entries.lowerBound
              let values = UnsafeBufferPointer(rebasing: strengths[entries])
              let target = output.pointer + row * stride
              let solved =
                if let whole {
                  solver.approach(
                    indices: first, strengths: values, side: side.side, matrix: whole, steps: steps, into: target, workspace: workspace)
                } else {
                  solver.solve(indices: first, strengths: values, side: side.side, into: target, workspace: workspace)
                }
              if !solved { failures.add(1, ordering: .relaxed) }
            }
          }
        }
      }
    }
    return failures.load(ordering: .relaxed)
  }

  /// Rows whose part of the loss is summed at a time, in order.
  private static let rowsPerPart = 512

  private func loss(
    _ matrix: InteractionMatrix, _ transposed: InteractionMatrix, _ outcome: TrainingOutcome, _ rowGramian: Gramian,
    _ columnGramian: Gramian, _ pool: WorkerPool
  ) -> TrainingLoss {
    let observed = sumOverRows(of: matrix, outcome.rowFactors, pool) { row, x in
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
    sumOverRows(of: matrix, factors, pool) { row, x in
      var weights = 0.0
      for entry in matrix.starts[row]..<matrix.starts[row + 1] {
        weights += Double(parameters.confidence.weightAndTarget(matrix.strengths[entry]).weight)
      }
      let scale = parameters.regularization.ofRow(weights: weights, unobserved: parameters.confidence.unobserved, others: others)
      return scale * Double(options.kernels.dot(x, x, factors.stride))
    }
  }

  /// A sum whose order does not depend on the workers: parts of fixed size, added in order.
  private func sumOverRows(
    of matrix: InteractionMatrix, _ factors: FactorMatrix, _ pool: WorkerPool,
    _ term: @Sendable (Int, UnsafePointer<Float>) -> Double
  ) -> Double {
    let parts = (matrix.rows + Self.rowsPerPart - 1) / Self.rowsPerPart
    let sums = UnsafeMutablePointer<Double>.allocate(capacity: max(1, parts))
    defer { sums.deallocate() }
    let shared = SharedPointer(pointer: sums)
    pool.run(count: parts, chunk: 1) { range, _ in
      for part in range {
        var total = 0.0
        for row in (part * Self.rowsPerPart)..<min(matrix.rows, (part + 1) * Self.rowsPerPart) {
          total += term(row, factors.pointer + row * factors.stride)
        }
        shared.pointer[part] = total
      }
    }
    return (0..<parts).reduce(0) { $0 + sums[$1] }
  }

  /// Useful operations of one half-step, the Gramian of its result included.
  private func operations(_ matrix: InteractionMatrix, exactly: Bool) -> Double {
    let (n, k, rows) = (Double(matrix.entries), Double(parameters.factors), Double(matrix.rows))
    let gramian = rows * k * (k + 1)
    if case .conjugateGradients(let steps) = parameters.solver, !exactly {
      return Double(steps + 1) * (4 * n * k + 2 * rows * k * k) + gramian
    }
    return n * k * (k + 1) + 2 * n * k + rows * (k * k * k / 3 + 2 * k * k) + gramian
  }
}

/// Sendable because each worker writes only the rows it was given, and the loop ends before the owner reads.
struct SharedPointer<Element>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Element>
}

/// Sendable because the factors it points to are not written while the loop runs.
struct SharedSide: @unchecked Sendable {
  let side: RowSolver.Side
}

/// One workspace per worker. Sendable because worker i uses only the i-th.
struct Workspaces: @unchecked Sendable {
  let all: [RowSolver.Workspace]
  init(count: Int, factors: Int) { all = (0..<count).map { _ in RowSolver.Workspace(factors: factors) } }
}
