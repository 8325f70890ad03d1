import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet evaluate prequential`: scores each event before learning from it (test-then-train).
struct EvaluateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func prequential() throws {
    let rows = try self.rows()
    let loaded = try context.loaded()
    var evaluator = PrequentialEvaluator()
    evaluator.warmup = context.options.double("warmup") ?? evaluator.warmup
    evaluator.unscored = context.options.double("unscored") ?? evaluator.unscored
    guard evaluator.warmup + evaluator.unscored < 1 else {
      throw CommandFailure("--warmup and --unscored leave nothing to score: their sum must be below 1", status: .usage)
    }
    let data = try self.data()
    let threads = context.threads(loaded.configuration)
    let results = rows.map { row in
      var progress = context.progress(context.options.flag("ablation") ? "\(row.rawValue), events" : "events", total: data.events)
      let outcome = evaluator.run(data.data, row.ranker(loaded.configuration, threads: threads)) { progress.update($0) }
      progress.finish(data.events)
      return (row: row, outcome: outcome)
    }
    let report = PrequentialReport(results: results, settings: settings(evaluator, loaded, data, threads))
    if context.options.flag("ablation") {
      context.report(report.ablationJSON, text: report.ablationText)
    } else {
      context.report(report.json, text: report.text)
    }
  }

  /// The rows of an ablation in the order of its table; without one, the engine and popularity.
  private func rows() throws -> [PrequentialRow] {
    guard context.options.flag("ablation") else {
      if context.options.isSet("rows") { throw CommandFailure("--rows goes with --ablation", status: .usage) }
      return [.full, .popularity]
    }
    let names = context.options.strings("rows").flatMap { $0.split(separator: ",").map(String.init) }
    let known = PrequentialRow.allCases.map(\.rawValue)
    if let unknown = names.first(where: { !known.contains($0) }) {
      let near = Suggestion.nearest(to: unknown, in: known).map { "did you mean \($0)?" } ?? "allowed: \(known.joined(separator: ", "))"
      throw CommandFailure("--rows \(unknown): there is no such row; \(near)", status: .usage)
    }
    return names.isEmpty ? PrequentialRow.allCases : PrequentialRow.allCases.filter { names.contains($0.rawValue) }
  }

  private struct Stream {
    var data: EvaluationData
    /// The number of events that `--first-occurrences` left out.
    var repeats = 0
    var events: Int { data.interactions.count }
  }

  private func data() throws -> Stream {
    let path = context.options.string("data")!
    let source = try context.open(path, .ignore, usesTimes: true, rejects: try context.rejects())
    let read = try EvaluationData(source, limit: context.options.int("limit"))
    try context.close(source)
    guard !read.interactions.isEmpty else { throw context.nothing(in: source.file) }
    var stream = Stream(data: read)
    if context.options.flag("first-occurrences") {
      stream.data = stream.data.firstOccurrences()
      stream.repeats = read.interactions.count - stream.events
    }
    if let seed = context.options.int("shuffle-ties") { stream.data = stream.data.shufflingTies(seed: UInt64(seed)) }
    guard stream.events >= 100 else { throw CommandFailure("\(path) holds \(stream.events) events; that is too few to evaluate") }
    return stream
  }

  private func settings(_ evaluator: PrequentialEvaluator, _ loaded: LoadedConfiguration, _ stream: Stream, _ threads: Int) -> JSONValue {
    var settings = JSONValue.object([])
    for row in loaded.rows where row.key.hasPrefix("model.") || row.key.hasPrefix("foldin.items") || row.key.hasPrefix("retrain.") {
      settings[row.key] = .string(row.value)
    }
    settings["threads"] = .integer(threads)
    settings["warmup"] = .number(evaluator.warmup)
    settings["unscored"] = .number(evaluator.unscored)
    settings["first_occurrences"] = .bool(context.options.flag("first-occurrences"))
    settings["shuffle_ties"] = context.options.int("shuffle-ties").map { .integer($0) } ?? .null
    settings["repeats_left_out"] = .integer(stream.repeats)
    settings["protocol"] = "P2, middle rule for ties"
    return settings
  }
}

/// Formats a comparison of methods as text or JSON.
private struct PrequentialReport {
  let results: [(row: PrequentialRow, outcome: PrequentialEvaluator.Outcome)]
  let settings: JSONValue

  private var engine: PrequentialEvaluator.Outcome { results[0].outcome }
  private var popularity: PrequentialEvaluator.Outcome { results[1].outcome }
  private var eventsScored: Int { results.first?.outcome.ranks.events ?? 0 }

  // MARK: The engine and popularity

  var json: JSONValue {
    [
      "recall_at_10": .number(engine.ranks.recall), "published_recall_at_10": .number(engine.published?.recall ?? 0),
      "mean_percentile_rank": .number(engine.ranks.meanPercentileRank), "popularity_recall_at_10": .number(popularity.ranks.recall),
      "popularity_mean_percentile_rank": .number(popularity.ranks.meanPercentileRank), "events_scored": .integer(eventsScored),
      "events_per_second": .number(engine.eventsPerSecond), "retrains": .integer(engine.training.accepted),
      "retrains_rejected": .integer(engine.training.rejected), "seconds": .number(engine.seconds),
      "recommend_microseconds": .number(Self.microseconds(engine.listSeconds, engine.lists)),
      "update_microseconds": .number(Self.microseconds(engine.updateSeconds, engine.updates)),
      "training_seconds": .number(engine.training.seconds), "settings": settings,
    ]
  }

  var text: String {
    var table = TextTable([.left, .right, .right], header: ["protocol P2, \(eventsScored) events scored", "recall@10", "MPR"])
    table.add(["freshet"] + Self.figures(engine.ranks))
    table.add(["freshet, the list published before", Self.recall(engine.published), ""])
    table.add(["popularity (counts so far)"] + Self.figures(popularity.ranks))
    return table.description
      + "\(ListText.fixed(engine.eventsPerSecond, 0)) events a second, \(engine.training.accepted) retrains (\(engine.training.rejected) rejected) included; a list takes \(ListText.fixed(Self.microseconds(engine.listSeconds, engine.lists), 1)) us with its fold-in"
  }

  // MARK: Ablation

  var ablationJSON: JSONValue {
    [
      "rows": .array(results.map { Self.json($0.row, $0.outcome) }), "events_scored": .integer(eventsScored),
      "settings": settings,
    ]
  }

  private static func json(_ row: PrequentialRow, _ outcome: PrequentialEvaluator.Outcome) -> JSONValue {
    [
      "name": .string(row.rawValue), "recall_at_10": .number(outcome.ranks.recall),
      "published_recall_at_10": outcome.published.map { .number($0.recall) } ?? .null,
      "mean_percentile_rank": .number(outcome.ranks.meanPercentileRank), "seconds": .number(outcome.seconds),
      "recommend_microseconds": outcome.lists > 0 ? .number(microseconds(outcome.listSeconds, outcome.lists)) : .null,
      "update_microseconds": .number(microseconds(outcome.updateSeconds, outcome.updates)),
      "trainings": .integer(outcome.training.accepted), "trainings_rejected": .integer(outcome.training.rejected),
    ]
  }

  var ablationText: String {
    var table = TextTable(
      [.left, .right, .right, .right, .right],
      header: ["protocol P2, \(eventsScored) events scored", "recall@10", "as published", "MPR", "seconds"])
    for (row, outcome) in results {
      let figures = Self.figures(outcome.ranks)
      table.add([row.rawValue, figures[0], Self.recall(outcome.published), figures[1], ListText.fixed(outcome.seconds, 1)])
    }
    let isgd = IncrementalSGD.Settings()
    return table.description
      + "as published: by the list that was published when the event arrived; recent-popularity: counts of half-life \(ListText.fixed(PopularityBaseline.recentHalfLife, 0)) events; isgd: \(isgd.factors) factors, rate \(isgd.learningRate), regularization \(isgd.regularization), ranked by x.y"
  }

  private static func figures(_ ranks: RankSummary) -> [String] {
    [ListText.fixed(ranks.recall, 4), ListText.fixed(ranks.meanPercentileRank, 3)]
  }

  private static func recall(_ hits: HitSummary?) -> String { hits.map { ListText.fixed($0.recall, 4) } ?? "-" }

  private static func microseconds(_ seconds: Double, _ events: Int) -> Double { seconds / Double(max(1, events)) * 1e6 }
}
