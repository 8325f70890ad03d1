/// Which command was asked for.
enum CommandID: String, CaseIterable, Sendable {
  case demo, serve, gateway, produce, validate, recommend, popular, similar, titles, retrain, status, doctor, models, forget, train
  case modelsRollback, modelsPromote, modelsKeep, modelsRemove, shadowSet, shadowRemove, importFactors, republish
  case evaluatePrequential, evaluateHoldout, evaluateModel, tune, split, runJob
  case benchmarkFreshness, benchmarkTrain, benchmarkFoldIn, benchmarkTopN, benchmarkKernels, benchmarkRetrain, benchmarkServe
  case storeList, storeGet, storePut, storeRemove, storeCreate, storeClean, export, build, importLists
  case runsList, runsShow, runsRerun, runsClean, compare
  case topicsCreate, tokenNew, estimate, snapshot, configShow, configCheck, completion, version, help
}

/// One command: what it is called, what it takes, what it is for.
struct Command: Sendable {
  struct Operand: Sendable {
    let name: String
    let sentence: String
    var isRequired = true
    var isRepeated = false
  }

  struct Example: Sendable {
    let line: String
    let sentence: String
  }

  let id: CommandID
  /// One word, or two: `["config", "show"]`.
  let path: [String]
  let summary: String
  var operands: [Operand] = []
  var options: [CommandOption] = []
  /// Long names of options of which at most one may be given.
  var exclusive: [[String]] = []
  let examples: [Example]
  /// Defaults of configuration keys where this command differs from the engine; every other source overrides them.
  var presets: [(key: String, value: String)] = []

  var name: String { path.joined(separator: " ") }

  var usage: String {
    var words = ["freshet", name]
    for operand in operands {
      let word = operand.isRepeated ? "\(operand.name)..." : operand.name
      words.append(operand.isRequired ? word : "[\(word)]")
    }
    if !options.isEmpty { words.append("[options]") }
    return words.joined(separator: " ")
  }

  func option(named name: String) -> CommandOption? { options.first { $0.long == name } }
}

/// One option of a command, or one that every command takes.
struct CommandOption: Sendable {
  enum Kind: Sendable, Equatable {
    case flag
    case text
    case int(ClosedRange<Int>)
    case double(ClosedRange<Double>)
    case choice([String])
  }

  let long: String
  var short: Character?
  let kind: Kind
  /// What stands for the value in help, such as `FILE`.
  var valueName = ""
  /// The value without the option; `nil`: none, or that of the configuration.
  var defaultValue: String?
  let sentence: String
  var isRequired = false
  var isRepeated = false
  /// The configuration key that this option sets; its values are checked there.
  var key: String?

  /// `-n, --count N`
  var form: String {
    let names = short.map { "-\($0), --\(long)" } ?? "--\(long)"
    return kind == .flag ? names : "\(names) \(valueName)"
  }

  /// What is wrong with a value, or `nil`.
  func complaint(about value: String) -> String? {
    switch kind {
    case .flag, .text: return nil
    case .int(let range):
      if let number = Int(value), range.contains(number) { return nil }
      return range.upperBound == .max
        ? "a whole number, at least \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .double(let range):
      if let number = Double(value), number.isFinite, range.contains(number) { return nil }
      return range.upperBound.isInfinite
        ? "a number, at least \(range.lowerBound)" : "a number from \(range.lowerBound) to \(range.upperBound)"
    case .choice(let words):
      return words.contains(value) ? nil : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
    }
  }
}
