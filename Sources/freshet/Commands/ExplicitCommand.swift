import Datasets
import Evaluation
import Factorization
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet train --explicit` and `freshet evaluate holdout --split kfold --explicit`: explicit-feedback models.
struct ExplicitCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  /// Defaults for ratings where they differ from the engine's; chosen on 5-fold splits with other seeds than the published one.
  static let presets: [(key: String, value: String)] =
    [("model.factors", "32"), ("model.iterations", "15"), ("model.regularization", "1.5"), ("model.regularization_exponent", "0.5")]
    + CommandTable.withoutLiveParts

  func train() throws {
    let (parameters, options, seed) = try settings()
    let rejects = try context.rejects()
    let train = try read(context.options.string("train")!, rejects)
    let test = try context.options.string("test").map { try read($0, rejects) }
    var progress = context.progress("half-steps", total: parameters.iterations * 2 + 1)
    let outcome = try ExplicitTraining(parameters: parameters, options: options, seed: seed).run(train: train, test: test) {
      progress.update($0.halfStep)
      return true
    }
    progress.finish(parameters.iterations * 2 + 1)
    if let directory = context.options.string("output") {
      for path in try ExplicitFiles.write(outcome.training.model, train, to: directory) { context.recorder?.wrote(path) }
    }
    let report = ExplicitReport(parameters: parameters, workers: options.workers, seed: seed)
    let droppedRows = test?.droppedRows ?? 0
    context.report(report.json(outcome, train, droppedRows: droppedRows), text: report.text(outcome, train, droppedRows: droppedRows))
  }

  func kfold() throws {
    let (parameters, options, seed) = try settings()
    let path = context.options.string("data")!
    let ratings = try read(path, try context.rejects())
    let folds = has("folds") ? context.options.int("folds") ?? 5 : 5
    guard folds >= 2, folds <= ratings.ratings.count else {
      throw CommandFailure("\(path) holds \(ratings.ratings.count) ratings: --folds must be 2 to that many", status: .usage)
    }
    let halfSteps = parameters.iterations * 2 + 1
    var progress = context.progress("half-steps", total: halfSteps * folds)
    let qualities = try ExplicitTraining(parameters: parameters, options: options, seed: seed).folds(ratings, count: folds) {
      progress.update($0 * halfSteps + $1.halfStep)
      return true
    }
    progress.finish(halfSteps * folds)
    let report = ExplicitReport(parameters: parameters, workers: options.workers, seed: seed)
    context.report(report.json(qualities, ratings), text: report.text(qualities, ratings))
  }

  /// `freshet evaluate model`, of factors that `train --explicit` has written.
  ///
  /// - Returns: the figures, and the same for people.
  func evaluate(_ directory: String) throws -> (json: JSONValue, text: String) {
    let rejects = try context.rejects()
    let train = try read(context.options.string("train")!, rejects)
    let test = try read(context.options.string("test")!, rejects)
    let quality = ExplicitTraining.quality(of: try ExplicitFiles.read(directory, train), trainedOn: train, test: test)
    return (ExplicitReport.json(quality, droppedRows: test.droppedRows), ExplicitReport.text(quality, droppedRows: test.droppedRows))
  }

  private func settings() throws -> (parameters: ExplicitParameters, options: SolverOptions, seed: UInt64) {
    for option in ["unobserved-weight", "solver", "value"] where has(option) && context.options.isSet(option) {
      throw CommandFailure("--\(option) has no meaning with --explicit: rated pairs alone count, each as its rating says", status: .usage)
    }
    let parsed = context.parsed
    let configuration = try ConfigurationLoader.load(
      flags: parsed.configurationFlags, environment: ProcessInfo.processInfo.environment, file: parsed.global.config,
      presets: ("\(parsed.command.name) --explicit", Self.presets)
    ).configuration.resolved()
    let model = configuration.model
    try StaticModel.refuseLiveParts(of: model, parsed.command)
    return (
      ExplicitParameters(
        factors: model.factors,
        regularization: Regularization(lambda: Float(model.regularization), exponent: Float(model.regularizationExponent)),
        iterations: model.coldIterations, isNonnegative: has("nonnegative") && context.options.flag("nonnegative")),
      SolverOptions(workers: context.threads(configuration)), model.seed
    )
  }

  /// Returns whether the command has the option; two commands with different options share this type.
  private func has(_ option: String) -> Bool { context.parsed.command.option(named: option) != nil }

  private func read(_ path: String, _ rejects: RejectedLines?) throws -> ExplicitRatings {
    let source = try context.open(path, .weight, usesTimes: false, rejects: rejects)
    let ratings = try ExplicitRatings(source)
    try context.close(source)
    guard !ratings.ratings.isEmpty else { throw CommandFailure("\(path) holds no ratings: --explicit needs a third column with numbers") }
    return ratings
  }
}

/// Formats the output of both commands.
private struct ExplicitReport {
  let parameters: ExplicitParameters
  let workers: Int
  let seed: UInt64

  private static let clipping = "predictions are clipped to the range of the training ratings"

  // MARK: A training

  func json(_ outcome: ExplicitTraining.Outcome, _ train: ExplicitRatings, droppedRows: Int) -> JSONValue {
    let training = outcome.training
    var output: JSONValue = [
      "seconds_per_iteration": .number(training.secondsPerIteration), "seconds_total": .number(training.seconds),
      "loss": .array(training.losses.map { .number($0.total) }), "gflops": .number(training.gigaflops),
      "factors": .integer(parameters.factors), "interactions": .integer(outcome.interactions), "users": .integer(train.users.count),
      "items": .integer(train.items.count), "threads": .integer(workers), "kernel": .string(Kernels.best.name),
      "rows_dropped_in_training": .integer(train.droppedRows),
    ]
    if let quality = outcome.quality { Self.add([quality], to: &output, droppedRows: droppedRows) }
    output["settings"] = settings
    return output
  }

  func text(_ outcome: ExplicitTraining.Outcome, _ train: ExplicitRatings, droppedRows: Int) -> String {
    let training = outcome.training
    var table = TextTable([.left, .right, .right, .right], header: ["half-step", "loss", "squared errors", "regularizer"])
    for (index, loss) in training.losses.enumerated() {
      table.add([
        "\(index / 2 + 1) \(index % 2 == 0 ? "users" : "items")", ListText.fixed(loss.total, 2), ListText.fixed(loss.squaredErrors, 2),
        ListText.fixed(loss.regularizer, 2),
      ])
    }
    var lines = [
      "\(outcome.interactions) ratings, \(train.users.count) users, \(train.items.count) items, \(described)",
      String(table.description.dropLast()),
      "\(ListText.fixed(training.secondsPerIteration, 4)) s an iteration, \(ListText.fixed(training.gigaflops, 1)) GFLOP/s on \(workers) threads (\(Kernels.best.name))",
    ]
    if let quality = outcome.quality {
      lines.append(Self.text(quality, droppedRows: droppedRows))
    }
    return lines.joined(separator: "\n")
  }

  // MARK: Test ratings

  static func json(_ quality: ExplicitTraining.Quality, droppedRows: Int) -> JSONValue {
    var output = JSONValue.object([])
    add([quality], to: &output, droppedRows: droppedRows)
    return output
  }

  static func text(_ quality: ExplicitTraining.Quality, droppedRows: Int) -> String {
    String(errors([("test", quality)]).description)
      + "\(quality.model.rows) ratings scored, \(quality.rowsOfUnknown) of them of a user or an item without ratings in the training, \(droppedRows) rows dropped; \(clipping)"
  }

  // MARK: Folds

  func json(_ folds: [ExplicitTraining.Quality], _ ratings: ExplicitRatings) -> JSONValue {
    var output = JSONValue.object([])
    Self.add(folds, to: &output, droppedRows: ratings.droppedRows)
    output["folds"] = .array(
      folds.map { fold in
        var entry = Self.json(fold, droppedRows: 0)
        entry["rows_dropped"] = nil
        return entry
      })
    output["users"] = .integer(ratings.users.count)
    output["items"] = .integer(ratings.items.count)
    output["threads"] = .integer(workers)
    var settings = settings
    settings["protocol"] = .string("\(folds.count)-fold, random; means over folds; \(Self.clipping)")
    output["settings"] = settings
    return output
  }

  func text(_ folds: [ExplicitTraining.Quality], _ ratings: ExplicitRatings) -> String {
    let rows = folds.enumerated().map { ("fold \($0 + 1)", $1) }
    var table = Self.errors(rows)
    table.add(
      ["mean"]
        + [\.model.rootMeanSquare, \.model.meanAbsolute, \.mean.rootMeanSquare, \.biases.rootMeanSquare]
        .map { ListText.fixed(Self.mean(folds, $0), 4) } + [String(folds.reduce(0) { $0 + $1.model.rows })])
    return [
      "\(ratings.ratings.count) ratings, \(ratings.users.count) users, \(ratings.items.count) items, \(described)",
      String(table.description.dropLast()), "random split of seed \(seed), \(ratings.droppedRows) rows dropped; \(Self.clipping)",
    ].joined(separator: "\n")
  }

  // MARK: Parts

  private var described: String {
    "\(parameters.factors) factors\(parameters.isNonnegative ? ", none below 0" : ""), lambda \(parameters.regularization.lambda), exponent \(parameters.regularization.exponent)"
  }

  private var settings: JSONValue {
    [
      "factors": .integer(parameters.factors), "iterations": .integer(parameters.iterations),
      "regularization": .number(Double("\(parameters.regularization.lambda)") ?? 0),
      "regularization_exponent": .number(Double("\(parameters.regularization.exponent)") ?? 0), "seed": .integer(Int(clamping: seed)),
      "nonnegative": .bool(parameters.isNonnegative),
    ]
  }

  /// Adds the means over the folds; there may be only one fold.
  private static func add(_ folds: [ExplicitTraining.Quality], to output: inout JSONValue, droppedRows: Int) {
    output["rmse"] = .number(mean(folds, \.model.rootMeanSquare))
    output["mae"] = .number(mean(folds, \.model.meanAbsolute))
    output["rmse_unclipped"] = .number(mean(folds, \.unclipped.rootMeanSquare))
    output["mae_unclipped"] = .number(mean(folds, \.unclipped.meanAbsolute))
    output["rmse_mean_baseline"] = .number(mean(folds, \.mean.rootMeanSquare))
    output["mae_mean_baseline"] = .number(mean(folds, \.mean.meanAbsolute))
    output["rmse_bias_baseline"] = .number(mean(folds, \.biases.rootMeanSquare))
    output["mae_bias_baseline"] = .number(mean(folds, \.biases.meanAbsolute))
    output["rows_scored"] = .integer(folds.reduce(0) { $0 + $1.model.rows })
    output["rows_of_unknown"] = .integer(folds.reduce(0) { $0 + $1.rowsOfUnknown })
    output["rows_dropped"] = .integer(droppedRows)
  }

  private static func mean(_ folds: [ExplicitTraining.Quality], _ path: KeyPath<ExplicitTraining.Quality, Double>) -> Double {
    folds.reduce(0) { $0 + $1[keyPath: path] } / Double(max(1, folds.count))
  }

  private static func errors(_ rows: [(name: String, quality: ExplicitTraining.Quality)]) -> TextTable {
    var table = TextTable(
      [.left, .right, .right, .right, .right, .right], header: ["", "RMSE", "MAE", "RMSE of the mean", "RMSE of the biases", "ratings"])
    for row in rows {
      let quality = row.quality
      table.add(
        [row.name]
          + [
            quality.model.rootMeanSquare, quality.model.meanAbsolute, quality.mean.rootMeanSquare, quality.biases.rootMeanSquare,
          ].map { ListText.fixed($0, 4) } + [String(quality.model.rows)])
    }
    return table
  }
}

/// Writes factors and biases for other programs: NumPy arrays, the ids of their rows, and the mean.
enum ExplicitFiles {
  static let factsName = "ratings.json"

  private static func lines(_ names: [[UInt8]]) -> Data { Data(names.flatMap { $0 + [UInt8(ascii: "\n")] }) }

  /// - Returns: the paths of the files.
  static func write(_ model: ExplicitModel, _ ratings: ExplicitRatings, to directory: String) throws -> [String] {
    var paths: [String] = []
    func url(_ name: String) -> URL {
      paths.append(directory + "/" + name)
      return URL(fileURLWithPath: directory + "/" + name)
    }
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      for (name, rows, ids) in [("user", model.users, ratings.users), ("item", model.items, ratings.items)] {
        try FactorFiles.npy(part(of: rows, 1..<model.parameters.rowLength)).write(to: url("\(name)_factors.npy"))
        try FactorFiles.npy(part(of: rows, 0..<1)).write(to: url("\(name)_biases.npy"))
        try lines(ids).write(to: url("\(name)_ids.txt"))
      }
      let facts: JSONValue = [
        "mean": .number(model.mean), "lowest": .number(model.range.lowerBound), "highest": .number(model.range.upperBound),
      ]
      try Data((facts.text + "\n").utf8).write(to: url(factsName))
      return paths
    } catch { throw CommandFailure("cannot write to \(directory): \(error.localizedDescription)") }
  }

  private struct Facts: Decodable {
    var mean: Double
    var lowest: Double
    var highest: Double
  }

  /// Reads a model that `write` has written.
  ///
  /// - Parameter ratings: what it was trained on.
  static func read(_ directory: String, _ ratings: ExplicitRatings) throws -> ExplicitModel {
    let facts = try? JSONDecoder().decode(Facts.self, from: try FactorFiles.contents(directory, factsName))
    guard let facts, facts.lowest <= facts.highest else {
      throw CommandFailure("\(directory)/\(factsName) does not say the mean and the range of the ratings: train again")
    }
    return ExplicitModel(
      mean: facts.mean, range: facts.lowest...facts.highest, users: try rows(directory, "user", ratings.users),
      items: try rows(directory, "item", ratings.items))
  }

  /// A row of the model is the bias, then the factors.
  private static func rows(_ directory: String, _ side: String, _ names: [[UInt8]]) throws -> FactorMatrix {
    let ids = lines(names)
    let biases = try FactorFiles.matrix(directory, "\(side)_biases.npy", rows: "\(side)_ids.txt", ids)
    let factors = try FactorFiles.matrix(directory, "\(side)_factors.npy", rows: "\(side)_ids.txt", ids)
    var result = FactorMatrix(rows: factors.rows, factors: factors.factors + 1)
    for row in 0..<factors.rows { result.setRow(row, to: [biases[row][0]] + factors.array(row)) }
    return result
  }

  private static func part(of rows: FactorMatrix, _ columns: Range<Int>) -> FactorMatrix {
    var result = FactorMatrix(rows: rows.rows, factors: columns.count)
    for row in 0..<rows.rows { result.setRow(row, to: rows.array(row)[columns]) }
    return result
  }
}
