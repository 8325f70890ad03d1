import Factorization

/// Scratch memory for fold-in and top-N. The owner of the engine allocates it once and passes it to each call. Not thread-safe.
public final class EngineScratch {
  package let factors: Int
  let workspaces: [FoldIn.Workspace]
  let selectors: [TopNSelector]
  let pool: WorkerPool
  var scores: [Float] = []
  package var workers: Int { workspaces.count }

  public init(factors: Int, workers: Int = 1) {
    self.factors = factors
    workspaces = (0..<workers).map { _ in FoldIn.Workspace(factors: factors) }
    selectors = (0..<workers).map { _ in TopNSelector() }
    pool = WorkerPool(workers: workers)
  }
}
