import Datasets
import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet train`: trains a model from a file, without Kafka and Redis.
struct TrainCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    if context.options.flag("explicit") { return try ExplicitCommand(context).train() }
    guard !context.options.flag("nonnegative") else { throw CommandFailure("--nonnegative needs --explicit", status: .usage) }
    let model = try StaticModel(context)
    let rule = context.valueRule
    let rejects = try context.rejects()
    let train = try context.pairs(context.options.string("train")!, rule, rejects: rejects)
    let test = try context.options.string("test").map { try context.pairs($0, rule, rejects: rejects) }
    var progress = context.progress("half-steps", total: model.halfSteps)
    let outcome = try model.training.run(train: train, test: test) {
      progress.update($0.halfStep)
      return true
    }
    progress.finish(model.halfSteps)
    if let directory = context.options.string("output") {
      for path in try FactorFiles.write(outcome, to: directory) { context.recorder?.wrote(path) }
    }
    let solver = model.training.parameters.solver
    context.report(json(outcome, model.threads, solver), text: text(outcome, model.threads, solver))
  }

  private func json(_ outcome: StaticTraining.Outcome, _ threads: Int, _ solver: TrainingSolver) -> JSONValue {
    let training = outcome.training
    var output: JSONValue = [
      "seconds_per_iteration": .number(training.secondsPerIteration), "seconds_total": .number(training.seconds),
      "loss": .array(training.losses.map { .number($0.total) }), "gflops": .number(training.gigaflops),
      "factors": .integer(training.columnFactors.factors), "interactions": .integer(outcome.interactions),
      "users": .integer(outcome.users.count),
      "items": .integer(outcome.items.count), "threads": .integer(threads), "kernel": .string(Kernels.best.name),
      "solver": .string("\(solver)"),
    ]
    if let recall = outcome.recallAt20, let ndcg = outcome.ndcgAt20 {
      output["recall_at_20"] = .number(recall)
      output["ndcg_at_20"] = .number(ndcg)
      output["test_users"] = .integer(outcome.testUsers ?? 0)
    }
    return output
  }

  private func text(_ outcome: StaticTraining.Outcome, _ threads: Int, _ solver: TrainingSolver) -> String {
    let training = outcome.training
    var table = TextTable([.left, .right, .right, .right, .right], header: ["half-step", "loss", "observed", "unobserved", "regularizer"])
    for (index, loss) in training.losses.enumerated() {
      table.add([
        "\(index / 2 + 1) \(index % 2 == 0 ? "users" : "items")", ListText.fixed(loss.total, 2), ListText.fixed(loss.observed, 2),
        ListText.fixed(loss.unobserved, 2), ListText.fixed(loss.regularizer, 2),
      ])
    }
    var lines = [
      "\(outcome.interactions) interactions, \(outcome.users.count) users, \(outcome.items.count) items, \(training.columnFactors.factors) factors",
      String(table.description.dropLast()),
      "\(ListText.fixed(training.secondsPerIteration, 4)) s an iteration, \(ListText.fixed(training.gigaflops, 1)) GFLOP/s on \(threads) threads (\(solver); \(Kernels.best.name))",
    ]
    if let recall = outcome.recallAt20, let ndcg = outcome.ndcgAt20 {
      lines.append("recall@20 \(ListText.fixed(recall, 4)), ndcg@20 \(ListText.fixed(ndcg, 4)) over \(outcome.testUsers ?? 0) users")
    }
    return lines.joined(separator: "\n")
  }
}
