import StreamingRecommender
import Telemetry

/// A parsed command line.
struct ParsedCommand: Sendable {
  /// What every command takes.
  struct Global: Sendable, Equatable {
    var json = false
    var quiet = false
    var verbose = false
    var noColor = false
    var config: String?
    var dataDirectory: String?
    var set: [Setting] = []
  }

  struct Setting: Sendable, Equatable {
    let key: String
    let value: String

    init(key: String, value: String) {
      self.key = key
      self.value = value
    }

    /// `KEY=VALUE`; only the first `=` counts.
    init(text: String) {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      self.init(key: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
    }
  }

  let command: Command
  let options: OptionValues
  let operands: [String]
  var global: Global
  /// Settings of a run that is repeated, which come before those of a document that the command reads.
  var pinned: [Setting] = []

  /// Keys of the configuration in the order of precedence of `ConfigurationLoader.load(flags:)`: an option of its own beats `--set`.
  var configurationFlags: [(key: String, value: String)] {
    let ownOptions = (CommandTable.globalOptions + command.options).compactMap { option -> (key: String, value: String)? in
      guard let key = option.key, options.isSet(option.long) else { return nil }
      return (key, options.strings(option.long).joined(separator: ","))
    }
    return global.set.map { ($0.key, $0.value) } + ownOptions
  }

  /// Options of every command that say how this one reports, not what it works on.
  private static let reporting: Set<String> = ["json", "quiet", "verbose", "no-color", "help"]

  /// The options that say which engine and which servers are meant, as they were given: ` --data-dir /srv/a --config b.json`.
  var targetOptions: String {
    CommandTable.globalOptions.filter { !Self.reporting.contains($0.long) && options.isSet($0.long) }.flatMap { option in
      options.strings(option.long).map { " --\(option.long) \(ShellWord.quoted(Redaction.text($0)))" }
    }.joined()
  }

  /// The command line that gives this command, without what says how it reports and without its idempotency key.
  var arguments: [String] {
    let given = (CommandTable.globalOptions + command.options).filter { option in
      options.isSet(option.long) && !Self.reporting.contains(option.long) && option.long != CommandTable.idempotencyKey.long
    }
    let words = given.flatMap { option in
      option.kind == .flag ? ["--\(option.long)"] : options.strings(option.long).flatMap { ["--\(option.long)", $0] }
    }
    return command.path + words + (operands.contains { $0.hasPrefix("-") && $0 != "-" } ? ["--"] : []) + operands
  }

  /// Words as a shell takes them.
  static func line(_ words: [String]) -> String { words.map(ShellWord.quoted).joined(separator: " ") }

  /// The configuration that this command runs with.
  func loadConfiguration(environment: [String: String]) throws(ConfigurationError) -> LoadedConfiguration {
    try ConfigurationLoader.load(
      flags: configurationFlags, environment: environment, file: global.config,
      presets: command.presets.isEmpty ? nil : (command.name, command.presets))
  }
}

/// The values of options by long name, each checked against its row of the table.
///
/// Asking for an option that the command does not have, or as another type, is a programmer's mistake.
struct OptionValues: Sendable {
  private let values: [String: [String]]
  private let options: [String: CommandOption]

  init(values: [String: [String]], options: [CommandOption]) {
    self.values = values
    self.options = Dictionary(options.map { ($0.long, $0) }) { first, _ in first }
  }

  /// Whether the option was given; a default does not count.
  func isSet(_ long: String) -> Bool { values[option(long).long] != nil }

  func flag(_ long: String) -> Bool {
    precondition(option(long).kind == .flag, "--\(long) takes a value")
    return values[long]?.last == "true"
  }

  func string(_ long: String) -> String? { values[long]?.last ?? option(long).defaultValue }

  /// All values of a repeated option.
  func strings(_ long: String) -> [String] { values[long] ?? option(long).defaultValue.map { [$0] } ?? [] }

  func int(_ long: String) -> Int? {
    guard case .int = option(long).kind else { preconditionFailure("--\(long) is not a whole number") }
    return string(long).flatMap { Int($0) }
  }

  func double(_ long: String) -> Double? {
    guard case .double = option(long).kind else { preconditionFailure("--\(long) is not a number") }
    return string(long).flatMap { Double($0) }
  }

  private func option(_ long: String) -> CommandOption {
    guard let option = options[long] else { preconditionFailure("this command has no option --\(long)") }
    return option
  }
}
