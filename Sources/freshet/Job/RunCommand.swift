import Foundation
import StreamingRecommender
import Synchronization
import Telemetry

/// `freshet run`: runs the steps of a document, each with the code of its own command.
struct RunCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private func usage(_ message: String) -> UsageError { UsageError(message, usage: context.parsed.command.usage) }

  func run() throws {
    let path = context.parsed.operands[0]
    let directory = try self.directory(path)
    context.recorder?.reads(path)
    let pinned = context.parsed.pinned.map { "\($0.key)=\($0.value)" }
    let all = try JobPlan(
      document: directory.document, home: directory.home, output: directory.output, pinned: pinned, globalArguments: globalArguments
    ).steps()
    let steps = try selected(all)
    // A mistake in the section of a later step is said before the first one runs.
    let commands = try steps.map { try parsed($0, path) }
    if context.options.flag("dry-run") {
      let lines: [JSONValue] = steps.map { ["step": .string($0.id.rawValue), "command": .string(Redaction.text($0.line))] }
      return context.report(
        ["job": .string(path), "output": .string(directory.output), "steps": .array(lines)],
        text: steps.map { Redaction.text($0.line) }.joined(separator: "\n"))
    }
    try prepare(directory.output, for: steps)
    try run(steps, commands, path, directory.output)
  }

  // MARK: What is run

  private func directory(_ path: String) throws -> (document: JobDocument, home: String, output: String) {
    let document = try JobDocument(path: path)
    let home = (path as NSString).deletingLastPathComponent
    let name = path.lowercased().hasSuffix(".json") ? String(path.dropLast(5)) : path + ".out"
    let output = context.options.string("output-dir") ?? document.output.map { JobPlan.join(home, $0) } ?? name
    return (document, home, output)
  }

  /// What this command was given besides the document, for every step.
  private var globalArguments: [String] {
    CommandTable.globalOptions.filter { !["json", "help"].contains($0.long) && context.options.isSet($0.long) }.flatMap { option in
      option.kind == .flag
        ? (context.options.flag(option.long) ? ["--\(option.long)"] : [])
        : context.options.strings(option.long).flatMap { ["--\(option.long)", $0] }
    }
  }

  private func selected(_ steps: [JobStep]) throws -> [JobStep] {
    func known(_ word: String) throws -> JobStep.ID {
      if let step = steps.first(where: { $0.id.rawValue == word }) { return step.id }
      throw usage("this job has no step \(word); it has: \(steps.map(\.id.rawValue).joined(separator: ", "))")
    }
    if let first = try context.options.string("from").map(known) { return Array(steps.drop { $0.id != first }) }
    let only = Set(try context.options.strings("only").flatMap { $0.split(separator: ",") }.map { try known(String($0)) })
    return only.isEmpty ? steps : steps.filter { only.contains($0.id) }
  }

  private func parsed(_ step: JobStep, _ path: String) throws -> ParsedCommand {
    do {
      let parsed = try CommandLineParser.parse(step.arguments)
      _ = try parsed.loadConfiguration(environment: ProcessInfo.processInfo.environment)
      return parsed
    } catch let error as UsageError {
      throw ConfigurationError(problems: [.init(key: nil, message: "\(path): \(step.id.rawValue): \(error.message)")])
    } catch let error as ConfigurationError {
      // The settings of the document are given to the steps as --set, and so are those of this command.
      throw ConfigurationError(problems: error.problems.map { .init(key: $0.key, message: "\(path) or --set: \($0.message)") })
    }
  }

  private func prepare(_ output: String, for steps: [JobStep]) throws {
    let copies = steps.contains { $0.id == .get } ? ["/" + JobStep.ID.get.outputName] : []
    for directory in [""] + copies {
      do { try FileManager.default.createDirectory(atPath: output + directory, withIntermediateDirectories: true) } catch {
        throw CommandFailure("cannot make the directory \(output): \(error.localizedDescription); choose another with --output-dir")
      }
    }
  }

  // MARK: Running

  private func run(_ steps: [JobStep], _ commands: [ParsedCommand], _ path: String, _ output: String) throws {
    var done: [JSONValue] = []
    var table = TextTable([.left, .right], header: ["step", "seconds"])
    for (step, command) in zip(steps, commands) {
      context.note("step \(done.count + 1) of \(steps.count), \(step.id.rawValue): \(Redaction.text(step.line))")
      let began = ContinuousClock.now
      let (result, failure) = result(of: command)
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      table.add([step.id.rawValue, ListText.fixed(seconds, 2)])
      var entry: JSONValue = [
        "step": .string(step.id.rawValue), "command": .string(Redaction.text(step.line)), "seconds": .number(seconds),
        "status": .integer(Int(failure?.status.rawValue ?? 0)), "result": result ?? .null,
      ]
      if let failure { entry["error"] = .string(failure.problems.joined(separator: "; ")) }
      done.append(entry)
      if let failure {
        let report: JSONValue = [
          "job": .string(path), "output": .string(output), "steps": .array(done), "failed": .string(step.id.rawValue),
        ]
        if context.json { context.report(report, text: "") } else { context.onReport?(report) }
        throw CommandFailure(sentence(step, failure, seconds, path), status: failure.status)
      }
    }
    let total = ListText.fixed(done.reduce(0) { if case .number(let seconds)? = $1["seconds"] { $0 + seconds } else { $0 } }, 2)
    table.add(["all", total])
    context.report(
      ["job": .string(path), "output": .string(output), "steps": .array(done), "failed": .null],
      text: table.description + "the results are in \(output)")
  }

  private func sentence(_ step: JobStep, _ failure: ErrorReport, _ seconds: Double, _ path: String) -> String {
    """
    step \(step.id.rawValue) failed after \(ListText.fixed(seconds, 2)) s: \(failure.problems.joined(separator: "; "))
    To repeat it: \(Redaction.text(step.line))
    To go on from there: freshet run \(ShellWord.quoted(path)) --from \(step.id.rawValue)\(rerun)
    """
  }

  /// What this command was given, for the line that repeats it.
  private var rerun: String {
    let output = context.options.string("output-dir").map { ["--output-dir", $0] } ?? []
    return (output + globalArguments).map { " " + ShellWord.quoted(Redaction.text($0)) }.joined()
  }

  /// Runs a step as the command line would, and takes what it reports.
  private func result(of command: ParsedCommand) -> (JSONValue?, ErrorReport?) {
    let taken = Taken()
    var step = CommandContext(command)
    step.onReport = { json in taken.value.withLock { $0 = json } }
    step.printsReport = !context.json
    var failure: ErrorReport?
    do {
      let status = try CommandRunner.run(step)
      if status != .done { failure = ErrorReport(CommandFailure("it ended with status \(status.rawValue)", status: status)) }
    } catch { failure = ErrorReport(error) }
    return (taken.value.withLock { $0 }, failure)
  }

  private final class Taken: Sendable {
    let value = Mutex<JSONValue?>(nil)
  }
}
