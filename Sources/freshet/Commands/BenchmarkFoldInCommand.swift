import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet benchmark fold-in`: measures the fold-in of one user, as the live stream computes it.
struct BenchmarkFoldInCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let settings = EngineSettings(try context.loaded().configuration)
    var benchmark = FoldInBenchmark(parameters: settings.parameters, recency: settings.recency)
    benchmark.items = context.options.int("items")!
    benchmark.history = context.options.int("history")!
    benchmark.batch = context.options.int("batch")!
    benchmark.threads = context.options.int("threads") ?? ProcessInfo.processInfo.activeProcessorCount
    guard benchmark.history <= benchmark.items else {
      throw CommandFailure("--history \(benchmark.history) needs as many items: raise --items", status: .usage)
    }
    let outcome = benchmark.run()
    if context.json {
      let output: JSONValue = [
        "microseconds_per_user": .number(outcome.microsecondsPerUser), "history": .integer(benchmark.history),
        "factors": .integer(settings.parameters.factors), "threads": .integer(benchmark.threads),
        "users_per_second": .number(outcome.usersPerSecond), "batch": .integer(benchmark.batch), "items": .integer(benchmark.items),
        "kernel": .string(Kernels.best.name), "result_hash": .string(outcome.hash.description),
      ]
      context.print(output.text)
      return
    }
    context.print(
      """
      \(ListText.fixed(outcome.microsecondsPerUser, 1)) us a user on one thread (\(benchmark.history) pairs, \(settings.parameters.factors) factors; \(Kernels.best.name))
      \(ListText.fixed(outcome.usersPerSecond, 0)) users a second in batches of \(benchmark.batch) on \(benchmark.threads) threads
      result \(outcome.hash)
      """)
  }
}
