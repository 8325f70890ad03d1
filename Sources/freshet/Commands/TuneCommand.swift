import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet tune`: searches for the model settings that rank the validation part of the data best.
struct TuneCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let model = try StaticModel(context)
    let grid = try self.grid(model)
    let data = try TuningData(context)
    let directory = context.options.string("resume") ?? Self.newDirectory()
    let journal = try failing { try TuningJournal(directory: directory) }
    context.note("\(grid.size) places in the grid; trials are kept in \(directory): continue with --resume \(directory)")
    let trials = try search(grid, try data.validation(), model, journal)
    guard let best = Tuning.ranked(trials).first, let judgement = best.best else {
      throw CommandFailure("no training succeeded: \(trials.compactMap(\.failure).first ?? "there was none")")
    }
    let settings = grid.settings(at: best.settings) + [("model.iterations", String(judgement.iterations))]
    let outcome = Outcome(
      trials: Tuning.ranked(trials), settings: settings, validation: judgement.value, directory: directory,
      winner: try data.test(try StaticModel(context.setting(settings))), configured: try data.test(model))
    let report = json(outcome, data, model)
    try save(report, directory + "/best.json")
    context.recorder?.wrote(directory + "/best.json")
    context.report(report, text: text(outcome, grid, data))
  }

  struct Outcome {
    /// Sorted by quality, best first.
    var trials: [TuningTrial]
    /// The settings of the best trial, including the number of iterations.
    var settings: [(key: String, value: String)]
    var validation: Double
    var directory: String
    /// The quality on the test part, which the search does not use.
    var winner: Figure
    var configured: Figure

    var setLine: String { settings.map { "--set \($0.key)=\($0.value)" }.joined(separator: " ") }
  }

  private static func newDirectory() -> String {
    let now = Date().formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
    return "tune-\(now)"
  }

  /// Returns the grid without the settings fixed on the command line. Mistakes in it are reported before the search starts.
  private func grid(_ model: StaticModel) throws -> TuningGrid {
    let grid = try context.options.string("grid").map { try self.grid($0, model) } ?? standardGrid(model)
    for axis in grid.axes { for value in axis.values { _ = try StaticModel(context.setting([(axis.key, value)])) } }
    return grid
  }

  private func standardGrid(_ model: StaticModel) -> TuningGrid {
    // This includes an alpha set in a file or the environment.
    var fixed = given.subtracting(["model.alpha"])
    if model.loaded.configuration.model.alpha != nil { fixed.insert("model.alpha") }
    return TuningGrid.standard.fixing(fixed, iterations: model.training.parameters.iterations)
  }

  private func grid(_ path: String, _ model: StaticModel) throws -> TuningGrid {
    guard let json = FileManager.default.contents(atPath: path) else { throw CommandFailure("\(path): no such file; check the path") }
    let grid = try failing { try TuningGrid(json: json, name: path, iterations: model.training.parameters.iterations) }
    if let key = grid.keys.first(where: given.contains) {
      let option = context.parsed.command.options.first { $0.key == key && context.options.isSet($0.long) }
      let setting = option.map { "--\($0.long)" } ?? "--set \(key)"
      throw CommandFailure("\(setting) and \(key) in \(path) say the same twice: leave one of them away", status: .usage)
    }
    return grid
  }

  /// The configuration keys given on the command line.
  private var given: Set<String> { Set(context.parsed.configurationFlags.map(\.key)) }

  private func search(_ grid: TuningGrid, _ validation: TuningValidation, _ model: StaticModel, _ journal: TuningJournal) throws
    -> [TuningTrial]
  {
    let trialsMax = context.options.int("trials") ?? 24
    let moved = Set(grid.axes.map(\.key) + ["model.iterations"])
    let tuning = Tuning(
      grid: grid, validation: validation, patience: context.options.int("patience") ?? 2, trialsMax: trialsMax,
      fixedSettings: model.values.filter { !moved.contains($0.key) }.map { "\($0.key)=\($0.value)" },
      makeTraining: { try StaticModel(context.setting($0)).training })
    var (number, halfSteps) = (0, 0)
    var progress = context.progress("half-steps", total: nil)
    let step = {
      halfSteps += 1
      progress.update(halfSteps)
      return true
    }
    return try failing {
      try tuning.run(journal, progress: step) { trial, isKnown in
        number += 1
        // The progress bar occupies the line on which the note would begin.
        if context.terminal.isErrorTerminal, !isKnown { progress.finish(halfSteps) }
        context.note("trial \(number)\(isKnown ? " (known)" : ""): \(Self.text(trial, grid))")
      }
    }
  }

  private static func text(_ trial: TuningTrial, _ grid: TuningGrid) -> String {
    let settings = grid.settings(at: trial.settings).map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    guard let best = trial.best else { return "\(settings): \(trial.failure ?? "failed")" }
    return "\(ListText.fixed(best.value, 4)) after \(best.iterations) iterations, \(settings), \(ListText.fixed(trial.seconds, 1)) s"
  }

  private func failing<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as TuningError { throw CommandFailure("\(error)") }
  }

  private func save(_ report: JSONValue, _ path: String) throws {
    do { try Data((report.text + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
      throw CommandFailure("\(path): cannot be written (\(error.localizedDescription))")
    }
  }

  // MARK: Result

  private func json(_ outcome: Outcome, _ data: TuningData, _ model: StaticModel) -> JSONValue {
    var settings = JSONValue.object([])
    for (key, value) in outcome.settings { settings[key] = .string(value) }
    var fixed = model.settings
    for (key, _) in outcome.settings { fixed[key] = nil }
    var output = JSONValue.object([])
    output["metric"] = .string("\(data.metric)")
    output["split"] = .string(data.split)
    output["test_share"] = .number(data.testShare)
    output["split_seed"] = .integer(Int(clamping: data.seed))
    output["settings"] = settings
    output["set"] = .string(outcome.setLine)
    output["validation"] = .number(outcome.validation)
    output["test"] = Self.json(outcome.winner)
    output["test_as_configured"] = Self.json(outcome.configured)
    output["fixed_settings"] = fixed
    output["directory"] = .string(outcome.directory)
    output["trials"] = .array(outcome.trials.map(Self.json))
    return output
  }

  private static func json(_ figure: Figure) -> JSONValue {
    [
      "value": .number(figure.mean), "interval_95": [.number(figure.interval.lowerBound), .number(figure.interval.upperBound)],
    ]
  }

  private static func json(_ trial: TuningTrial) -> JSONValue {
    var settings = JSONValue.object([])
    for (key, value) in trial.settings.sorted(by: { $0.key < $1.key }) { settings[key] = .string(value) }
    var output: JSONValue = [
      "value": trial.best.map { .number($0.value) } ?? .null, "iterations": trial.best.map { .integer($0.iterations) } ?? .null,
      "settings": settings, "stopped_early": .bool(trial.stoppedEarly), "seconds": .number(trial.seconds),
    ]
    if let failure = trial.failure { output["failure"] = .string(failure) }
    return output
  }

  private func text(_ outcome: Outcome, _ grid: TuningGrid, _ data: TuningData) -> String {
    let names = grid.axes.map { String($0.key.dropFirst("model.".count)) }
    let header: [String] = ["\(data.metric)", "iterations"] + names + ["seconds", ""]
    let alignments: [TextTable.Alignment] = header.dropLast().map { _ in .right } + [.left]
    var table = TextTable(alignments, header: header)
    for trial in outcome.trials {
      let value: String = trial.best.map { ListText.fixed($0.value, 4) } ?? "-"
      let iterations: String = trial.best.map { "\($0.iterations)" } ?? "-"
      let settings: [String] = grid.axes.map { trial.settings[$0.key] ?? "-" }
      let remark: String = trial.failure ?? (trial.stoppedEarly ? "stopped early" : "")
      table.add([value, iterations] + settings + [ListText.fixed(trial.seconds, 1), remark])
    }
    return [
      "\(data.sentence); best first:", String(table.description.dropLast()),
      "on the test part, which the search did not use: \(outcome.winner); as configured: \(outcome.configured)", outcome.setLine,
    ].joined(separator: "\n")
  }
}

/// The three parts of a file for a search. The test part is split off before the search, so that an impossible split is reported at once.
private struct TuningData {
  let metric: RankingMetric
  let split: String
  let testShare: Double
  let seed: UInt64
  private let context: CommandContext
  private let source: Source

  private enum Source {
    case time(StaticInteractions, test: HoldoutTimeSplit)
    case strong(StaticPairs, test: StrongGeneralisationSplit)
  }

  init(_ context: CommandContext) throws {
    self.context = context
    metric = RankingMetric.all.first { "\($0)" == context.options.string("metric") } ?? .ndcg(100)
    split = context.options.string("split") ?? "time"
    testShare = context.options.double("test-share") ?? (split == "time" ? 0.2 : 0.1)
    seed = UInt64(context.options.int("split-seed") ?? 98_765)
    source = try Self.source(context, split, testShare: testShare, seed: seed)
  }

  private static func source(_ context: CommandContext, _ split: String, testShare: Double, seed: UInt64) throws -> Source {
    let path = context.options.string("data")!
    if split == "time" {
      let interactions = try context.interactions(path, context.valueRule, keepsTimes: true)
      return .time(interactions, test: try context.splitting(path) { try HoldoutTimeSplit(interactions, testShare: testShare) })
    }
    let pairs = try context.pairs(path, context.valueRule)
    let test = try context.splitting(path) {
      try StrongGeneralisationSplit(pairs.matrix, part: .test(share: testShare), seed: seed)
    }
    return .strong(pairs, test: test)
  }

  var sentence: String {
    split == "time"
      ? "trained on the oldest \(ListText.fixed((1 - 2 * testShare) * 100, 0)) %, evaluated on the next \(ListText.fixed(testShare * 100, 0)) % of the interactions"
      : "evaluated on \(ListText.fixed(testShare * 100, 0)) % of the users, folded in from 80 % of their pairs"
  }

  func validation() throws -> TuningValidation {
    try context.splitting(context.options.string("data")!) {
      switch source {
      case .time(let interactions, _): try TuningValidation(time: interactions, testShare: testShare, metric: metric)
      case .strong(let pairs, _): try TuningValidation(strong: pairs.matrix, testShare: testShare, seed: seed, metric: metric)
      }
    }
  }

  /// Evaluates a model on the test part; the result equals that of `evaluate holdout` with the same split.
  func test(_ model: StaticModel) throws -> Figure {
    let evaluation = HoldoutEvaluation(training: model.training, baselines: .none)
    let bootstrap = HoldoutBootstrap(seed: seed, workers: model.threads)
    let method =
      switch source {
      case .time(_, let split): try evaluation.run(split).methods[0]
      case .strong(_, let split): try evaluation.run([{ split }], bootstrap: bootstrap).methods[0]
      }
    return Figure(mean: method.mean(metric), interval: method.intervals([metric], bootstrap)[0])
  }
}

extension CommandContext {
  /// Returns the same command with additional `--set` options.
  fileprivate func setting(_ settings: [(key: String, value: String)]) -> CommandContext {
    var global = parsed.global
    global.set += settings.map { ParsedCommand.Setting(key: $0.key, value: $0.value) }
    return CommandContext(
      ParsedCommand(command: parsed.command, options: parsed.options, operands: parsed.operands, global: global))
  }
}

extension TuningGrid {
  /// Returns a trial's settings in the order of the axes.
  fileprivate func settings(at settings: [String: String]) -> [(key: String, value: String)] {
    axes.compactMap { axis in settings[axis.key].map { (axis.key, $0) } }
  }
}
