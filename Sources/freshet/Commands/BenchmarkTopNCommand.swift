import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet benchmark top-n`: measures exact top-N lists over all items.
struct BenchmarkTopNCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    var benchmark = TopNBenchmark()
    let configuration = try context.loaded().configuration
    benchmark.items = context.options.int("items")!
    benchmark.factors = configuration.model.factors
    benchmark.batch = context.options.int("batch")!
    benchmark.n = context.options.int("count")!
    benchmark.threads = context.options.int("threads") ?? ProcessInfo.processInfo.activeProcessorCount
    if let path = context.options.string("data") {
      let pairs = try context.pairs(path, .ignore)
      let training = StaticTraining(
        parameters: EngineSettings(configuration).parameters, options: SolverOptions(workers: benchmark.threads),
        seed: configuration.model.seed)
      let model = try training.train(pairs.matrix)
      benchmark.trained = .init(users: model.rowFactors, items: model.columnFactors, seen: pairs.matrix)
      (benchmark.batch, benchmark.items) = (model.rowFactors.rows, model.columnFactors.rows)
    }
    let outcome = benchmark.run()
    if context.json {
      let output: JSONValue = [
        "lists_per_second": .number(outcome.listsPerSecond), "batch": .integer(benchmark.batch), "items": .integer(benchmark.items),
        "factors": .integer(benchmark.factors), "threads": .integer(benchmark.threads), "exact": .bool(outcome.isExact),
        "microseconds_per_list": .number(outcome.microsecondsPerList), "n": .integer(benchmark.n),
        "lists_checked": .integer(min(benchmark.usersChecked, benchmark.batch)), "kernel": .string(Kernels.best.name),
        "result_hash": .string(outcome.hash.description),
      ]
      context.print(output.text)
    } else {
      context.print(
        """
        \(ListText.fixed(outcome.listsPerSecond, 0)) lists a second, \(ListText.fixed(outcome.microsecondsPerList, 1)) us a list: top \(benchmark.n) of \(benchmark.items) items, \(benchmark.factors) factors, batches of \(benchmark.batch) on \(benchmark.threads) threads (\(Kernels.best.name))
        \(outcome.isExact ? "equal to a full sort" : "NOT equal to a full sort"); result \(outcome.hash)
        """)
    }
    guard outcome.isExact else { throw CommandFailure("a list differs from that of a full sort") }
  }
}
