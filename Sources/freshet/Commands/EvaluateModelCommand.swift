import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet evaluate model`: measures factors that `freshet train --output` has written, without training again.
struct EvaluateModelCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let directory = context.options.string("model")!
    let isExplicit = FileManager.default.fileExists(atPath: directory + "/" + ExplicitFiles.factsName)
    if isExplicit, let option = ["value", "baselines", "resamples", "split-seed"].first(where: context.options.isSet) {
      throw CommandFailure("--\(option) has no meaning for the model of ratings in \(directory): leave it away", status: .usage)
    }
    let file = try context.options.string("output").map { try NewFile($0, replaces: context.options.flag("force")) }
    let (json, text) = isExplicit ? try ExplicitCommand(context).evaluate(directory) : try ranking(directory)
    if let file {
      try Array((json.text + "\n").utf8).withUnsafeBytes { try file.write($0) }
      try file.finish()
      context.recorder?.wrote(context.options.string("output")!)
    }
    context.report(json, text: text)
  }

  private func ranking(_ directory: String) throws -> (json: JSONValue, text: String) {
    let model = try StaticModel(context)
    let rejects = try context.rejects()
    let train = try context.pairs(context.options.string("train")!, context.valueRule, rejects: rejects)
    let path = context.options.string("test")!
    let test = try context.pairs(path, context.valueRule, rejects: rejects)
    let (users, items) = try FactorFiles.read(directory, users: train.users.strings, items: train.items.strings)
    guard users.factors == items.factors else {
      throw CommandFailure("\(directory): \(users.factors) factors of users and \(items.factors) of items do not go together: train again")
    }
    let baselines = HoldoutEvaluation.Baselines(rawValue: context.options.string("baselines") ?? "") ?? .all
    let outcome = try context.splitting(path) {
      try HoldoutEvaluation(training: model.training, baselines: baselines).run(users: users, items: items, trainedOn: train, test: test)
    }
    let bootstrap = HoldoutBootstrap(
      resamples: context.options.int("resamples") ?? 1000, seed: UInt64(context.options.int("split-seed") ?? 98_765), workers: model.threads
    )
    let report = HoldoutReport(methods: outcome.methods, bootstrap: bootstrap)
    let tests = outcome.methods[0].tests
    var output = report.json
    output["fit_seconds"] = nil
    output["users"] = .integer(tests)
    output["cold_users"] = .integer(outcome.coldUsers)
    output["repeated_pairs"] = .integer(outcome.repeatedPairs)
    output["factors"] = .integer(users.factors)
    output["value"] = .string(context.valueRule.rawValue)
    let lines = [
      "tested: \(tests) known users, \(outcome.coldUsers) unknown ones are not ranked; \(outcome.repeatedPairs) test pairs that are also in the training part are left out",
      report.table,
    ]
    return (output, lines.joined(separator: "\n"))
  }
}
