import RunRecords

/// The commands on records of runs, and what recorded commands have in common.
extension CommandTable {
  static let idempotencyKey = CommandOption(
    long: "idempotency-key", kind: .text, valueName: "KEY",
    sentence: "Do it once: where a run with this key is done, print its result in place of running again; where one is running, fail.")

  private static let run = "Id of a run, a part of it that no other has, last, or last:KIND."

  private static let states = CommandOption(
    long: "state", kind: .choice(RunRecord.State.allCases.map(\.rawValue)),
    valueName: RunRecord.State.allCases.map(\.rawValue).joined(separator: "|"), sentence: "Only runs in this state.", isRepeated: true)

  private static let kind = CommandOption(
    long: "kind", kind: .text, valueName: "KIND", sentence: "Only runs of this kind: the words of a command, such as \"evaluate holdout\".")

  static let runsList = Command(
    id: .runsList, path: ["runs", "list"],
    summary: "List the records of jobs: retrains, trainings, evaluations, searches, builds, exports, tasks; newest first.",
    options: [
      kind, states,
      CommandOption(long: "last", kind: .int(1...1_000_000), valueName: "N", defaultValue: "20", sentence: "At most N runs."),
    ],
    examples: [
      Command.Example(line: "freshet runs list", sentence: "The newest ones, with their state, seconds, memory and figures."),
      Command.Example(line: "freshet runs list --kind retrain --state failed --json", sentence: "Whole records, for a program."),
    ])

  static let runsShow = Command(
    id: .runsShow, path: ["runs", "show"],
    summary: "Show the record of a run: its input, settings, time, memory, result and artifacts.",
    operands: [Command.Operand(name: "RUN", sentence: run)],
    examples: [
      Command.Example(line: "freshet runs show last", sentence: "The newest one."),
      Command.Example(line: "freshet runs show last:tune --json", sentence: "The whole record."),
    ])

  static let runsRerun = Command(
    id: .runsRerun, path: ["runs", "rerun"],
    summary: "Run a command again, in its directory and with the settings that it had; says what has changed.",
    operands: [Command.Operand(name: "RUN", sentence: run)],
    examples: [Command.Example(line: "freshet runs rerun last:train", sentence: "The last training; compare shows both.")])

  static let runsClean = Command(
    id: .runsClean, path: ["runs", "clean"], summary: "Remove records of runs that have ended, and with --artifacts what they wrote.",
    operands: [Command.Operand(name: "RUN", sentence: run, isRequired: false, isRepeated: true)],
    options: [
      CommandOption(long: "older-than", kind: .text, valueName: "DURATION", sentence: "Runs that began longer ago, such as 30d."),
      CommandOption(long: "keep", kind: .int(0...1_000_000), valueName: "N", sentence: "All but the newest N."), kind, states,
      CommandOption(
        long: "artifacts", kind: .flag, sentence: "Remove the files that they wrote, too, unless those have changed since."),
      CommandOption(long: "force", kind: .flag, sentence: "Do not ask."),
    ],
    examples: [
      Command.Example(line: "freshet runs clean --older-than 90d --force", sentence: "From time to time."),
      Command.Example(line: "freshet runs clean last:export --artifacts", sentence: "Undo one step: its record, its key and its files."),
    ])
}

extension CommandID {
  /// Whether the command leaves a record of its run.
  var isRecorded: Bool {
    switch self {
    case .train, .evaluatePrequential, .evaluateHoldout, .evaluateModel, .tune, .split, .build, .export, .importLists, .runJob: true
    default: false
    }
  }
}

extension Command {
  /// The command with the options that all recorded ones have.
  var withOptionsOfRecords: Command {
    guard id.isRecorded else { return self }
    var command = self
    command.options.append(CommandTable.idempotencyKey)
    return command
  }
}
