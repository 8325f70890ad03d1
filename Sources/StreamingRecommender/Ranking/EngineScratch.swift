import Factorization

/// Memory for fold-in and top-N; the owner of the engine keeps one and lends it to each call.
public final class EngineScratch {
  let workspaces: [FoldIn.Workspace]
  let selectors: [TopNSelector]
  let pool: WorkerPool
  var scores: [Float] = []

  public init(factors: Int, workers: Int = 1) {
    workspaces = (0..<workers).map { _ in FoldIn.Workspace(factors: factors) }
    selectors = (0..<workers).map { _ in TopNSelector() }
    pool = WorkerPool(workers: workers)
  }
}
