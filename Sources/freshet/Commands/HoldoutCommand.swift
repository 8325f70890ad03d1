import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet evaluate holdout`: trains on one part of a file, and ranks all items or predicts the ratings of the rest.
struct HoldoutCommand {
  let context: CommandContext
  private let began = ContinuousClock.now

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    try checkOptions()
    switch context.options.string("split") {
    case "kfold": try ExplicitCommand(context).kfold()
    case "strong": try strong()
    default: try time()
    }
  }

  private func checkOptions() throws {
    let split = context.options.string("split") ?? "time"
    let isExplicit = context.options.flag("explicit")
    if split == "kfold", !isExplicit { throw usage("--split kfold is for ratings: add --explicit, or choose --split time or strong") }
    if split != "kfold", isExplicit { throw usage("--explicit goes with --split kfold, not with \(split)") }
    if split != "kfold", context.options.flag("nonnegative") { throw usage("--nonnegative goes with --split kfold --explicit") }
    let splits = [
      "folds": ["strong", "kfold"], "seeds": ["strong"], "compare-trained": ["strong"], "test-share": ["time", "strong"],
      "split-seed": ["time", "strong"], "resamples": ["time", "strong"], "baselines": ["time", "strong"],
    ]
    for (name, allowed) in splits.sorted(by: { $0.key < $1.key }) where context.options.isSet(name) && !allowed.contains(split) {
      let seed = name == "split-seed" ? "; --seed seeds its folds" : ""
      throw usage("--\(name) goes with --split \(allowed.joined(separator: " or ")), not with \(split)\(seed)")
    }
    if context.options.isSet("folds"), context.options.isSet("test-share") {
      throw usage("--folds N holds 1/N of the users out: leave --test-share away")
    }
  }

  private func usage(_ message: String) -> CommandFailure { CommandFailure(message, status: .usage) }

  private func evaluation(_ model: StaticModel) -> HoldoutEvaluation {
    HoldoutEvaluation(training: model.training, baselines: .init(rawValue: context.options.string("baselines") ?? "") ?? .all)
  }

  private func bootstrap(_ model: StaticModel) -> HoldoutBootstrap {
    HoldoutBootstrap(resamples: context.options.int("resamples") ?? 1000, seed: splitSeed, workers: model.threads)
  }

  private var splitSeed: UInt64 { UInt64(context.options.int("split-seed") ?? 98_765) }

  // MARK: Time

  private func time() throws {
    let model = try StaticModel(context)
    let share = context.options.double("test-share") ?? 0.2
    let path = context.options.string("data")!
    let interactions = try context.interactions(path, context.valueRule, keepsTimes: true)
    let split = try context.splitting(path) { try HoldoutTimeSplit(interactions, testShare: share) }
    var progress = context.progress("half-steps", total: model.halfSteps)
    let outcome = try evaluation(model).run(split) {
      progress.update($0)
      return true
    }
    progress.finish(model.halfSteps)
    let report = HoldoutReport(methods: outcome.methods, bootstrap: bootstrap(model))
    var output = report.json
    output["users"] = .integer(split.users.count)
    output["cold_users"] = .integer(split.coldUsers.count)
    output["cold_popularity"] = HoldoutReport(methods: [outcome.cold], bootstrap: bootstrap(model)).means(of: 0)
    output["repeated_pairs"] = .integer(split.repeatedPairs)
    finish(
      output, model, [("split", .string("time")), ("test_share", .number(share)), ("split_time", .string(Self.text(split)))],
      [
        "trained before \(Self.text(split)): \(split.training.matrix.entries) pairs, \(split.training.users.count) users, \(split.training.items.count) items",
        "tested: \(split.users.count) known users; \(split.repeatedPairs) test pairs that are also in the training part are left out",
        report.table,
        "\(split.coldUsers.count) users unknown to the training, by popularity: recall_at_20 \(ListText.fixed(outcome.cold.mean(.recall(20)), 4)), ndcg_at_20 \(ListText.fixed(outcome.cold.mean(.ndcg(20)), 4))",
        closing(report, model),
      ])
  }

  private static func text(_ split: HoldoutTimeSplit) -> String {
    Date(timeIntervalSince1970: Double(split.splitMilliseconds) / 1000).formatted(.iso8601)
  }

  // MARK: Strong generalisation

  private func strong() throws {
    let model = try StaticModel(context)
    let path = context.options.string("data")!
    let pairs = try context.pairs(path, context.valueRule)
    let parts = self.parts
    let comparesTrained = context.options.flag("compare-trained")
    let halfSteps = model.halfSteps * parts.count * (comparesTrained ? 2 : 1)
    var progress = context.progress("half-steps", total: halfSteps)
    let splits = parts.lazy.map { part in { try StrongGeneralisationSplit(pairs.matrix, part: part.part, seed: part.seed) } }
    let outcome = try context.splitting(path) {
      try evaluation(model).run(splits, comparesTrained: comparesTrained, bootstrap: bootstrap(model)) {
        progress.update($0)
        return true
      }
    }
    progress.finish(halfSteps)
    let report = HoldoutReport(methods: outcome.methods, bootstrap: bootstrap(model))
    let tests = outcome.methods[0].tests
    var output = report.json
    output["users"] = .integer(tests)
    if let comparison = outcome.comparison { output["fold_in_comparison"] = HoldoutReport.json(comparison) }
    let folds = context.options.int("folds")
    finish(
      output, model,
      [
        ("split", .string("strong")), ("seeds", .integer(parts.count / (folds ?? 1))), ("folds", folds.map { .integer($0) } ?? .null),
        ("test_share", .number(testShareOfUsers)), ("target_share", .number(0.2)),
      ],
      [
        "strong generalisation, splits: \(parts.count); \(tests) tests of held-out users, folded in from 80 % of their pairs",
        report.table,
      ] + (outcome.comparison.map { [HoldoutReport.text($0)] } ?? []) + [closing(report, model)])
  }

  private var testShareOfUsers: Double {
    context.options.int("folds").map { 1 / Double($0) } ?? context.options.double("test-share") ?? 0.1
  }

  private var parts: [(part: StrongGeneralisationSplit.Part, seed: UInt64)] {
    let folds = context.options.int("folds")
    let onePermutation: [StrongGeneralisationSplit.Part] =
      folds.map { count in (0..<count).map { .fold(number: $0, count: count) } } ?? [.test(share: testShareOfUsers)]
    let repetitions = context.options.int("seeds") ?? 1
    return (0..<repetitions).flatMap { repetition in onePermutation.map { ($0, splitSeed &+ UInt64(repetition)) } }
  }

  private var seconds: Double { (ContinuousClock.now - began) / .seconds(1) }

  private func closing(_ report: HoldoutReport, _ model: StaticModel) -> String {
    "\(report.times); \(ListText.fixed(seconds, 1)) s in all on \(model.threads) threads"
  }

  /// - Parameters:
  ///   - more: settings beside those of the model.
  ///   - lines: the same for people.
  private func finish(_ output: JSONValue, _ model: StaticModel, _ more: [(String, JSONValue)], _ lines: [String]) {
    var output = output
    output["seconds"] = .number(seconds)
    output["threads"] = .integer(model.threads)
    var settings = model.settings
    for (key, value) in more { settings[key] = value }
    settings["split_seed"] = .integer(Int(clamping: splitSeed))
    settings["value"] = .string(context.valueRule.rawValue)
    output["settings"] = settings
    context.report(output, text: lines.joined(separator: "\n"))
  }
}

/// Formats a comparison of methods as text or JSON.
struct HoldoutReport {
  let methods: [HoldoutEvaluation.Method]
  private let intervals: [[ClosedRange<Double>]]

  init(methods: [HoldoutEvaluation.Method], bootstrap: HoldoutBootstrap) {
    self.methods = methods
    intervals = methods.map { $0.intervals(RankingMetric.all, bootstrap) }
  }

  /// The first method's metrics at the top level, the others' under their names.
  var json: JSONValue {
    var output = figures(of: 0)
    var others = JSONValue.object([])
    for index in methods.indices.dropFirst() {
      others[methods[index].name.lowercased().replacing(", ", with: "_").replacing("-", with: "_").replacing(" ", with: "_")] =
        figures(of: index)
    }
    output["beside"] = others
    return output
  }

  private func figures(of index: Int) -> JSONValue {
    var output = means(of: index)
    var bounds = JSONValue.object([])
    for (metric, interval) in zip(RankingMetric.all, intervals[index]) {
      bounds["\(metric)"] = [.number(interval.lowerBound), .number(interval.upperBound)]
    }
    output["intervals_95"] = bounds
    output["fit_seconds"] = .number(methods[index].fitSeconds)
    output["rank_seconds"] = .number(methods[index].rankSeconds)
    return output
  }

  func means(of index: Int) -> JSONValue {
    var output = JSONValue.object([])
    for metric in RankingMetric.all { output["\(metric)"] = .number(methods[index].mean(metric)) }
    for k in HeldOutRanking.cutoffs { output["coverage_at_\(k)"] = .number(methods[index].coverage(k)) }
    return output
  }

  var table: String {
    var table = TextTable([.left] + methods.map { _ in .left }, header: ["mean over users [95 %]"] + methods.map(\.name))
    let shown = HeldOutRanking.cutoffs.map(RankingMetric.recall) + [.recallCapped(20)] + HeldOutRanking.cutoffs.map(RankingMetric.ndcg)
    for metric in shown {
      let column = RankingMetric.all.firstIndex(of: metric)!
      table.add(
        ["\(metric)"]
          + methods.indices.map { Figure(mean: methods[$0].mean(metric), interval: intervals[$0][column]).description })
    }
    table.add(["coverage_at_20"] + methods.map { ListText.fixed($0.coverage(20), 4) })
    return String(table.description.dropLast())
  }

  var times: String {
    methods.map { "\($0.name): fitted in \(ListText.fixed($0.fitSeconds, 2)) s, ranked in \(ListText.fixed($0.rankSeconds, 2)) s" }
      .joined(separator: "; ")
  }

  static func json(_ comparison: HoldoutEvaluation.FoldInComparison) -> JSONValue {
    [
      "metric": .string("\(HoldoutEvaluation.FoldInComparison.metric)"), "folded_in": .number(comparison.foldedIn),
      "trained_in": .number(comparison.trainedIn), "difference": .number(comparison.difference),
      "difference_interval_95": [.number(comparison.interval.lowerBound), .number(comparison.interval.upperBound)],
      "relative_difference": .number(comparison.relativeDifference),
      "relative_difference_interval_95": [
        .number(comparison.relativeInterval.lowerBound), .number(comparison.relativeInterval.upperBound),
      ], "split_differences": .array(comparison.splitDifferences.map { .number($0) }),
    ]
  }

  static func text(_ comparison: HoldoutEvaluation.FoldInComparison) -> String {
    let percent = { ListText.fixed($0 * 100, 2) }
    let (difference, interval) = (comparison.relativeDifference, comparison.relativeInterval)
    return
      "\(HoldoutEvaluation.FoldInComparison.metric): folded in \(ListText.fixed(comparison.foldedIn, 4)), trained in \(ListText.fixed(comparison.trainedIn, 4)); "
      + "difference \(ListText.fixed(comparison.difference, 5)) = \(percent(difference)) % [95 %: \(percent(interval.lowerBound)) % to \(percent(interval.upperBound)) %]"
  }
}
