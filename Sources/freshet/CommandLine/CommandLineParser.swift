import StreamingRecommender

/// Parses arguments into a command; an error says what would have been right.
///
/// Options may stand before or after operands, and those that every command takes before the command too.
struct CommandLineParser {
  private var arguments: ArraySlice<String>
  private var words: [String] = []
  private var command: Command?
  private var values: [String: [String]] = [:]
  private var operands: [String] = []
  private var isHelpWanted = false

  /// - Parameter arguments: without the name of the program.
  static func parse(_ arguments: [String]) throws(UsageError) -> ParsedCommand {
    var parser = CommandLineParser(arguments: arguments[...])
    return try parser.parse()
  }

  private init(arguments: ArraySlice<String>) {
    self.arguments = arguments
  }

  private mutating func parse() throws(UsageError) -> ParsedCommand {
    while let argument = arguments.popFirst() {
      if argument == "--" {
        for rest in arguments { try take(word: rest) }
        break
      } else if argument.hasPrefix("--") {
        try take(longOption: String(argument.dropFirst(2)))
      } else if argument.hasPrefix("-"), argument.count > 1 {
        try take(shortOption: argument)
      } else {
        try take(word: argument)
      }
    }
    return try finish()
  }

  // MARK: Words

  private mutating func take(word: String) throws(UsageError) {
    if command != nil {
      // `models` is a command, and so is `models rollback`.
      if operands.isEmpty, let longer = CommandTable.commands(under: words + [word]).first(where: { $0.path == words + [word] }) {
        words.append(word)
        command = longer
      } else {
        operands.append(word)
      }
      return
    }
    words.append(word)
    let candidates = CommandTable.commands(under: words)
    guard !candidates.isEmpty else { throw unknownCommand(word) }
    command = candidates.first { $0.path == words }
  }

  private func unknownCommand(_ word: String) -> UsageError {
    let known = CommandTable.commands(under: words.dropLast()).map { $0.path[words.count - 1] }
    let near = Suggestion.nearest(to: word, in: known).map { "; did you mean \((words.dropLast() + [$0]).joined(separator: " "))?" }
    if words.count > 1 {
      let group = words.dropLast().joined(separator: " ")
      return UsageError("unknown command \(words.joined(separator: " "))" + (near ?? "; \(group) has: \(known.joined(separator: ", "))"))
    }
    return UsageError("unknown command \(word)" + (near ?? "; freshet help lists them all"))
  }

  // MARK: Options

  private var known: [CommandOption] { (command?.options ?? []) + CommandTable.globalOptions }

  private mutating func take(longOption text: String) throws(UsageError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let name = parts.first ?? ""
    if name == "version", command == nil {
      command = CommandTable.command(.version)
      words = ["version"]
    } else if let option = known.first(where: { $0.long == name }) {
      try take(option, "--\(name)", attached: parts.count > 1 ? parts[1] : nil)
    } else if name.hasPrefix("no-"), parts.count == 1, let option = known.first(where: { "no-\($0.long)" == name && $0.kind == .flag }) {
      values[option.long] = ["false"]
    } else {
      throw unknownOption("--\(name)")
    }
  }

  private mutating func take(shortOption text: String) throws(UsageError) {
    let letter = text.dropFirst().first!
    guard let option = known.first(where: { $0.short == letter }) else { throw unknownOption("-\(letter)") }
    var attached = text.dropFirst(2)
    if attached.first == "=" { attached = attached.dropFirst() }
    try take(option, "-\(letter)", attached: text.count > 2 ? String(attached) : nil)
  }

  private mutating func take(_ option: CommandOption, _ name: String, attached: String?) throws(UsageError) {
    if option.kind == .flag {
      guard let flag = attached.map({ Bool($0) }) ?? true else { throw usageError("\(name) is true or false, not \(attached ?? "")") }
      if option.long == "help" { isHelpWanted = flag } else { values[option.long] = [flag ? "true" : "false"] }
      return
    }
    guard let value = attached ?? nextValue() else { throw usageError("\(name) needs a value: \(name) \(option.valueName)") }
    if let allowed = option.complaint(about: value) { throw usageError("\(name) \(value): allowed: \(allowed)") }
    if option.long == "set", !value.contains("=") { throw usageError("--set \(value): allowed: KEY=VALUE, such as model.factors=96") }
    if option.isRepeated { values[option.long, default: []].append(value) } else { values[option.long] = [value] }
  }

  /// A word that looks like a long option is one: the value was forgotten. `-5` is a number.
  private mutating func nextValue() -> String? {
    guard let next = arguments.first, !next.hasPrefix("--") else { return nil }
    return arguments.popFirst()
  }

  private func unknownOption(_ name: String) -> UsageError {
    let near = Suggestion.nearest(to: name, in: known.map { "--\($0.long)" }).map { "; did you mean \($0)?" }
    return usageError("unknown option \(name)" + (command.map { " of \($0.name)" } ?? "") + (near ?? ""))
  }

  private func usageError(_ message: String) -> UsageError {
    UsageError(message, usage: command?.usage ?? "freshet COMMAND [options]")
  }

  // MARK: The whole

  private func finish() throws(UsageError) -> ParsedCommand {
    if isHelpWanted || (words.isEmpty && command == nil) { return parsed(CommandTable.command(.help), operands: words) }
    guard let command else {
      let names = CommandTable.commands(under: words).map(\.name)
      throw UsageError("\(words.joined(separator: " ")) is not complete: \(names.joined(separator: ", "))", usage: "freshet \(names[0])")
    }
    try checkOperands(of: command)
    for names in command.exclusive where names.filter({ values[$0] != nil }).count > 1 {
      throw usageError("only one of " + names.map { "--\($0)" }.joined(separator: ", ") + " may be given")
    }
    for option in command.options where option.isRequired && values[option.long] == nil {
      throw usageError("\(command.name) needs --\(option.long) \(option.valueName)")
    }
    return parsed(command, operands: operands)
  }

  private func checkOperands(of command: Command) throws(UsageError) {
    let needed = command.operands.filter(\.isRequired)
    if operands.count < needed.count { throw usageError("\(command.name) needs \(needed[operands.count].name)") }
    let isOpen = command.operands.last?.isRepeated == true
    if operands.count > command.operands.count, !isOpen {
      throw usageError("\(command.name) does not take \(operands[command.operands.count])")
    }
  }

  private func parsed(_ command: Command, operands: [String]) -> ParsedCommand {
    var global = ParsedCommand.Global()
    global.json = values["json"] == ["true"]
    global.quiet = values["quiet"] == ["true"]
    global.verbose = values["verbose"] == ["true"]
    global.noColor = values["no-color"] == ["true"]
    global.config = values["config"]?.last
    global.dataDirectory = values["data-dir"]?.last
    global.set = (values["set"] ?? []).map(ParsedCommand.Setting.init(text:))
    let options = OptionValues(values: values, options: command.options + CommandTable.globalOptions)
    return ParsedCommand(command: command, options: options, operands: operands, global: global)
  }
}
