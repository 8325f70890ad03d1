import Evaluation
import Foundation
import StreamingRecommender

/// `freshet evaluate prequential`: test, then learn.
struct EvaluateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func prequential() throws {
    let loaded = try context.loaded()
    let path = context.options.string("data")!
    let data = try EvaluationData(path: path, limit: context.options.int("limit"))
    if let report = data.report, report.badLines > 0 { context.note("\(report.badLines) lines could not be read") }
    var settings = PrequentialEvaluator.Settings()
    settings.warmup = context.options.double("warmup") ?? 0.2
    settings.unscored = context.options.double("unscored") ?? 0.1
    settings.retrainEvery = loaded.configuration.retrain.everyEvents
    settings.threads = loaded.configuration.retrain.threads ?? ProcessInfo.processInfo.activeProcessorCount
    guard settings.warmup + settings.unscored < 1 else {
      throw CommandFailure("--warmup and --unscored leave nothing to score: their sum must be below 1", status: .usage)
    }
    guard data.interactions.count >= 100 else {
      throw CommandFailure("\(path) holds \(data.interactions.count) events; that is too few to evaluate")
    }
    var progress = context.progress("events", total: data.interactions.count)
    let outcome = PrequentialEvaluator(configuration: loaded.configuration, settings: settings).run(data) { ratio, _ in
      progress.update(Int(ratio * Double(data.interactions.count)))
    }
    progress.finish(data.interactions.count)
    if context.json { context.print(json(outcome, settings, loaded).description) } else { show(outcome) }
  }

  private func json(_ outcome: PrequentialEvaluator.Outcome, _ settings: PrequentialEvaluator.Settings, _ loaded: LoadedConfiguration)
    -> JSONOutput
  {
    var changed = JSONOutput()
    for row in loaded.rows where row.key.hasPrefix("model.") || row.key.hasPrefix("foldin.items") || row.key.hasPrefix("retrain.") {
      changed[row.key] = .string(row.value)
    }
    changed["warmup"] = .double(settings.warmup)
    changed["unscored"] = .double(settings.unscored)
    changed["protocol"] = "P2, middle rule for ties"
    return [
      "recall_at_10": .double(outcome.engine.recall), "published_recall_at_10": .double(outcome.published.recall),
      "mean_percentile_rank": .double(outcome.engine.meanPercentileRank),
      "popularity_recall_at_10": .double(outcome.popularity.recall),
      "popularity_mean_percentile_rank": .double(outcome.popularity.meanPercentileRank),
      "events_scored": .int(outcome.engine.events), "events_per_second": .double(outcome.eventsPerSecond),
      "retrains": .int(outcome.retrains), "retrains_rejected": .int(outcome.rejectedRetrains), "seconds": .double(outcome.seconds),
      "recommend_microseconds": .double(outcome.recommendSeconds / Double(max(1, outcome.engine.events)) * 1e6),
      "update_microseconds": .double(outcome.updateSeconds / Double(max(1, outcome.events)) * 1e6),
      "training_seconds": .double(outcome.trainingSeconds), "settings": .object(changed),
    ]
  }

  private func show(_ outcome: PrequentialEvaluator.Outcome) {
    var table = TextTable([.left, .right, .right], header: ["protocol P2, \(outcome.engine.events) events scored", "recall@10", "MPR"])
    table.add(["freshet", ListText.fixed(outcome.engine.recall, 4), ListText.fixed(outcome.engine.meanPercentileRank, 3)])
    table.add(["freshet, the list published before", ListText.fixed(outcome.published.recall, 4), ""])
    table.add([
      "popularity (counts so far)", ListText.fixed(outcome.popularity.recall, 4), ListText.fixed(outcome.popularity.meanPercentileRank, 3),
    ])
    context.print(String(table.description.dropLast()))
    context.print(
      "\(ListText.fixed(outcome.eventsPerSecond, 0)) events a second, \(outcome.retrains) retrains (\(outcome.rejectedRetrains) rejected) included; a list takes \(ListText.fixed(outcome.recommendSeconds / Double(max(1, outcome.engine.events)) * 1e6, 1)) us with its fold-in and ranking"
    )
  }
}
