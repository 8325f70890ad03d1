import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// The configuration of a model for the commands that train from a file.
struct StaticModel {
  let loaded: LoadedConfiguration
  let training: StaticTraining
  let threads: Int

  /// - Throws: `ConfigurationError`; `CommandFailure` if a part of the model is on that needs the order of events.
  init(_ context: CommandContext) throws {
    loaded = try context.loaded()
    let configuration = loaded.configuration
    try Self.refuseLiveParts(of: configuration.model, context.parsed.command)
    threads = context.threads(configuration)
    training = StaticTraining(
      parameters: EngineSettings(configuration).parameters, options: SolverOptions(workers: threads), seed: configuration.model.seed)
  }

  /// - Throws: `CommandFailure` if a part of the model is on that needs the order of events.
  static func refuseLiveParts(of model: RecommenderConfiguration.Model, _ command: Command) throws(CommandFailure) {
    let live = [
      ("model.recency", model.recency != nil), ("model.training_block", model.trainingBlock != nil),
      ("model.trend", model.trend != nil), ("model.transitions", model.transitions != nil),
    ]
    guard let key = live.first(where: \.1)?.0 else { return }
    throw CommandFailure(
      "\(command.name) is static and cannot use \(key): leave it at none, or run freshet evaluate prequential", status: .usage)
  }

  /// The number of half-steps of one training.
  var halfSteps: Int { training.parameters.iterations * 2 + 1 }

  /// The keys that a static training uses, with their effective values.
  var values: [(key: String, value: String)] { loaded.rows.filter { Self.keys.contains($0.key) }.map { ($0.key, $0.value) } }

  /// `values` for `--json`.
  var settings: JSONValue {
    var settings = JSONValue.object([])
    for (key, value) in values { settings[key] = .string(value) }
    return settings
  }

  private static let keys: Set<String> = [
    "model.factors", "model.unobserved_weight", "model.alpha", "model.regularization", "model.regularization_exponent",
    "model.iterations", "model.solver", "model.cg_steps", "model.seed",
  ]
}
