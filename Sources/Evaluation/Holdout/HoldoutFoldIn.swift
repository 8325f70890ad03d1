import Factorization

/// Folds whole histories in against trained items, with the same solver as the live stream.
enum HoldoutFoldIn {
  /// Returns one row of factors per row of `histories`, bit-identical for any number of workers.
  ///
  /// - Parameter items: one row of factors per column of `histories`.
  static func rows(_ histories: InteractionMatrix, items: FactorMatrix, _ parameters: ALSParameters, _ options: SolverOptions)
    -> FactorMatrix
  {
    let pool = WorkerPool(workers: options.workers)
    let foldIn = FoldIn(solver: RowSolver(parameters, kernels: options.kernels), recency: nil)
    let gramian = Gramian(of: items, pool: pool, kernels: options.kernels)
    var result = FactorMatrix(rows: histories.rows, factors: parameters.factors)
    let stride = result.stride
    result.withMutablePointer { pointer in
      let output = WorkerShared(pointer)
      pool.run(count: histories.rows, chunk: 32) { range, _ in
        let workspace = FoldIn.Workspace(factors: parameters.factors)
        let side = RowSolver.Side(rows: items.pointer, gramian: gramian, count: items.rows)
        for row in range {
          workspace.begin()
          for entry in histories.starts[row]..<histories.starts[row + 1] {
            foldIn.add(item: histories.indices[entry], strength: histories.strengths[entry], timeMilliseconds: 0, to: workspace)
          }
          // As in the engine, a row without a finite solution is set to zeros.
          _ = foldIn.solve(side: side, into: output.value + row * stride, workspace: workspace)
        }
      }
    }
    return result
  }
}
