import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet benchmark train`: measures the same training with one worker and with several.
struct BenchmarkTrainCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let configuration = try context.loaded().configuration
    let settings = EngineSettings(configuration)
    let threads = context.threads(configuration)
    var benchmark = TrainingBenchmark(matrix: try matrix(), parameters: settings.parameters, workers: threads)
    benchmark.seed = settings.seed
    let outcome = try benchmark.run()
    if context.json {
      context.print(json(benchmark, outcome).text)
    } else {
      show(benchmark, outcome)
    }
    guard outcome.isSameForAnyNumberOfWorkers else {
      throw CommandFailure("one worker and \(threads) gave different results")
    }
  }

  private func matrix() throws -> InteractionMatrix {
    guard let text = context.options.string("generated") else {
      if let path = context.options.string("data") { return try context.pairs(path, .ignore).matrix }
      return TrainingBenchmark.matrix(of: try ShippedData.events(path: nil))
    }
    guard let generated = GeneratedInteractions(text: text) else {
      throw CommandFailure("--generated \(text): USERSxITEMSxPAIRS is wanted, such as 30000x41000x810000", status: .usage)
    }
    return generated.matrix
  }

  private func json(_ benchmark: TrainingBenchmark, _ outcome: TrainingBenchmark.Outcome) -> JSONValue {
    let training = outcome.training
    var output: JSONValue = [
      "seconds_per_iteration": .number(training.secondsPerIteration), "seconds_total": .number(training.seconds),
      "loss": .array(training.losses.map { .number($0.total) }), "gflops": .number(training.gigaflops),
      "factors": .integer(training.columnFactors.factors), "interactions": .integer(benchmark.matrix.entries),
      "users": .integer(benchmark.matrix.rows), "items": .integer(benchmark.matrix.columns),
      "iterations": .integer(benchmark.parameters.iterations),
      "threads": .integer(benchmark.workers), "kernel": .string(Kernels.best.name), "solver": .string("\(benchmark.parameters.solver)"),
    ]
    if let alone = outcome.secondsPerIterationAlone, let speedUp = outcome.speedUp {
      output["seconds_per_iteration_one_worker"] = .number(alone)
      output["speed_up"] = .number(speedUp)
    }
    output["result_hash"] = .string(outcome.hash.description)
    return output
  }

  private func show(_ benchmark: TrainingBenchmark, _ outcome: TrainingBenchmark.Outcome) {
    let training = outcome.training
    context.print(
      "\(benchmark.matrix.entries) interactions, \(benchmark.matrix.rows) users, \(benchmark.matrix.columns) items, \(training.columnFactors.factors) factors (\(benchmark.parameters.solver); \(Kernels.best.name))"
    )
    context.print(
      "\(ListText.fixed(training.secondsPerIteration, 4)) s an iteration, \(ListText.fixed(training.gigaflops, 1)) GFLOP/s on \(benchmark.workers) threads"
    )
    if let alone = outcome.secondsPerIterationAlone, let speedUp = outcome.speedUp {
      context.print("\(ListText.fixed(alone, 4)) s on one thread: \(ListText.fixed(speedUp, 2)) times as fast")
    }
    context.print("result \(outcome.hash)")
  }
}
