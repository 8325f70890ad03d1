/// The keys of a document of `freshet run`, derived from the options of the commands that the steps are.
enum JobTable {
  /// Keys of the document beside the sections and the groups of the configuration.
  static let feedback = "feedback"
  static let output = "output"
  /// Names the schema, for editors.
  static let schema = "$schema"
  static let dataSection = "data"
  static let kinds = ["implicit", "explicit"]

  /// Keys of the section `data`: where the interactions are, and how a file is read.
  static let dataKeys = ["file", "test", "value"] + reading.map(key)

  /// How a file is read, in the words of every command that reads one.
  static let reading = CommandTable.reading.filter { $0.long != "rejects" }

  /// What a step's section may say: the options of its command, without those that the job itself gives and those that set a key of the
  /// configuration.
  static func options(of step: JobStep.ID) -> [CommandOption] {
    let known = Set(CommandTable.reading.map(\.long) + given(step) + [CommandTable.idempotencyKey.long])
    return CommandTable.command(step.command).options.filter { $0.key == nil && (!known.contains($0.long) || step.keeps.contains($0.long)) }
  }

  static func keys(of step: JobStep.ID) -> [String] { options(of: step).map(key) }

  /// `test-share` is written `test_share`, as everywhere in JSON.
  static func key(_ option: CommandOption) -> String { option.long.replacing("-", with: "_") }

  private static func given(_ step: JobStep.ID) -> [String] {
    switch step {
    case .get: ["force"]
    case .split: ["data", "force"]
    case .train: ["train", "test", "explicit", "value"]
    case .evaluate: ["model", "train", "test", "value", "force"]
    case .save: ["data", "value", "force"]
    case .predict: ["exclude", "force"]
    }
  }

  /// Options whose values are files to read.
  static let inputs: Set<String> = ["model", "users"]
}

/// One step of a job: a command line of Freshet.
struct JobStep: Equatable {
  enum ID: String, CaseIterable {
    case get, split, train, evaluate, save, predict

    var command: CommandID {
      switch self {
      case .get: .storeGet
      case .split: .split
      case .train: .train
      case .evaluate: .evaluateModel
      case .save: .build
      case .predict: .recommend
      }
    }

    /// Options that have the name of one that says how a file is read, and another meaning.
    var keeps: Set<String> { self == .predict ? ["format"] : [] }

    /// What the step makes, in the directory of the job.
    var outputName: String {
      switch self {
      case .get: "data"
      case .split: "split"
      case .train: "factors"
      case .evaluate: "metrics.json"
      case .save: "model"
      case .predict: "lists.parquet"
      }
    }
  }

  let id: ID
  /// Without the name of the program.
  let arguments: [String]

  /// The line that does the same, for a shell.
  var line: String { "freshet " + arguments.map(ShellWord.quoted).joined(separator: " ") }
}
