import Synchronization

/// The two parts of the loss of `ExplicitParameters`.
public struct ExplicitLoss: Sendable, Equatable {
  /// Sum of squared errors of the unclipped ratings.
  public var squaredErrors: Double
  public var regularizer: Double
  public var total: Double { squaredErrors + regularizer }
}

/// The result of a training on explicit ratings: the model, the losses, and timing in seconds.
public struct ExplicitOutcome: Sendable {
  public var model: ExplicitModel
  /// Losses after each half-step; non-increasing.
  public var losses: [ExplicitLoss]
  public var seconds: Double
  /// Wall time of all half-steps, the final one included, divided by the number of iterations; excludes the computation of losses.
  public var secondsPerIteration: Double
  /// Floating-point operations of exact solves divided by the wall time, in 10^9 per second. The coordinate descent of `isNonnegative` is
  /// counted as an exact solve.
  public var gigaflops: Double
}

/// Alternating least squares on explicit ratings: solves users and items in turn, bias and factors of each row together.
///
/// The users are solved once more at the end, so that the fold-in of an unchanged user equals the trained row.
///
/// For the same ratings, start and kernel, the result is bitwise identical for any number of workers.
public struct ExplicitTrainer: Sendable {
  public let parameters: ExplicitParameters
  public let options: SolverOptions

  public init(_ parameters: ExplicitParameters, options: SolverOptions = SolverOptions()) {
    self.parameters = parameters
    self.options = options
  }

  /// - Parameters:
  ///   - ratings: one row per user; strengths are ratings of any sign.
  ///   - start: the rows (bias, factors) of the items, for example from `ExplicitParameters.start`.
  ///   - keepGoing: called before each half-step; `false` ends the training with `TrainingError.cancelled`.
  public func train(
    _ ratings: InteractionMatrix, start: FactorMatrix, keepGoing: (TrainingProgress) -> Bool = { _ in true }
  ) throws -> ExplicitOutcome {
    precondition(start.rows == ratings.columns, "\(start.rows) rows of factors for \(ratings.columns) items")
    precondition(start.factors == parameters.rowLength, "a start of \(start.factors) numbers a row for \(parameters.rowLength)")
    let pool = WorkerPool(workers: options.workers)
    let transposed = ratings.transposed()
    var model = ExplicitModel(parameters, ratings, items: start)
    var losses: [ExplicitLoss] = []
    let halfSteps = parameters.iterations * 2 + 1
    var clock = TrainingClock()
    for halfStep in 0..<halfSteps {
      guard clock.paused({ keepGoing(TrainingProgress(halfStep: halfStep, halfSteps: halfSteps)) }) else { throw TrainingError.cancelled }
      let failures =
        halfStep % 2 == 0
        ? step(ratings, others: model.items, transposed, mean: model.mean, into: &model.users, &losses, pool, &clock)
        : step(transposed, others: model.users, ratings, mean: model.mean, into: &model.items, &losses, pool, &clock)
      guard failures == 0 else { throw TrainingError.notFinite(halfStep: halfStep, rows: failures) }
    }
    let seconds = clock.seconds
    let operations =
      ratings.operationsOfExactRows(factors: parameters.rowLength) * Double(parameters.iterations + 1)
      + transposed.operationsOfExactRows(factors: parameters.rowLength) * Double(parameters.iterations)
    return ExplicitOutcome(
      model: model, losses: losses, seconds: seconds, secondsPerIteration: seconds / Double(max(1, parameters.iterations)),
      gigaflops: operations / max(seconds, 1e-9) / 1e9)
  }

  /// Runs one half-step and computes the loss without counting its time. Returns the number of rows without a finite solution.
  private func step(
    _ matrix: InteractionMatrix, others: FactorMatrix, _ transposed: InteractionMatrix, mean: Double, into result: inout FactorMatrix,
    _ losses: inout [ExplicitLoss], _ pool: WorkerPool, _ clock: inout TrainingClock
  ) -> Int {
    let side = ExplicitRowSolver.Side(others, mean: Float(mean))
    let failures = solveRows(of: matrix, side, into: &result, pool)
    let loss = clock.paused {
      ExplicitLoss(
        squaredErrors: squaredErrors(matrix, result, side, pool),
        regularizer: regularizer(matrix, result, pool) + regularizer(transposed, others, pool))
    }
    losses.append(loss)
    return failures
  }

  private func solveRows(
    of matrix: InteractionMatrix, _ side: ExplicitRowSolver.Side, into result: inout FactorMatrix, _ pool: WorkerPool
  ) -> Int {
    let solver = ExplicitRowSolver(parameters, kernels: options.kernels)
    let workspaces = WorkerShared((0..<pool.workers).map { _ in ExplicitRowSolver.Workspace(factors: parameters.rowLength) })
    let failures = Atomic<Int>(0)
    let stride = result.stride
    let shared = WorkerShared(side)
    result.withMutablePointer { pointer in
      let output = WorkerShared(pointer)
      pool.run(count: matrix.rows, chunk: 32) { range, worker in
        matrix.indices.withUnsafeBufferPointer { indices in
          matrix.strengths.withUnsafeBufferPointer { ratings in
            for row in range where matrix.starts[row] < matrix.starts[row + 1] {
              let entries = matrix.starts[row]..<matrix.starts[row + 1]
              let solved = solver.solve(
                indices: indices.baseAddress! + entries.lowerBound, ratings: UnsafeBufferPointer(rebasing: ratings[entries]),
                side: shared.value, into: output.value + row * stride, workspace: workspaces.value[worker])
              if !solved { failures.add(1, ordering: .relaxed) }
            }
          }
        }
      }
      for row in 0..<matrix.rows where matrix.starts[row] == matrix.starts[row + 1] {
        (pointer + row * stride).update(repeating: 0, count: stride)
      }
    }
    return failures.load(ordering: .relaxed)
  }

  private func squaredErrors(
    _ matrix: InteractionMatrix, _ rows: FactorMatrix, _ side: ExplicitRowSolver.Side, _ pool: WorkerPool
  ) -> Double {
    let shared = WorkerShared(side)
    return pool.sum(count: matrix.rows) { row in
      let x = rows.pointer + row * rows.stride
      var total = 0.0
      for entry in matrix.starts[row]..<matrix.starts[row + 1] {
        let other = Int(matrix.indices[entry])
        let z = shared.value.rows.pointer + other * rows.stride
        let error = Double(matrix.strengths[entry] - shared.value.offsets[other]) - Double(options.kernels.dot(x, z, rows.stride))
        total += error * error
      }
      return total
    }
  }

  private func regularizer(_ matrix: InteractionMatrix, _ rows: FactorMatrix, _ pool: WorkerPool) -> Double {
    pool.sum(count: matrix.rows) { row in
      let count = matrix.starts[row + 1] - matrix.starts[row]
      // A row without ratings is zero, except for initial values.
      guard count > 0 else { return 0 }
      let x = rows.pointer + row * rows.stride
      return parameters.regularization.ofRow(weights: Double(count), unobserved: 0, others: 0)
        * Double(options.kernels.dot(x, x, rows.stride))
    }
  }
}
