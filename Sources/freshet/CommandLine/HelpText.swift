/// Help as it is printed: examples first, at most 100 columns.
struct HelpText {
  static let columnsMax = 100
  private let columns: Int
  private var text = ""

  /// Help on all commands.
  static func general(columns: Int = columnsMax) -> String {
    var help = HelpText(columns: min(columns, columnsMax))
    help.paragraph(CommandTable.summary)
    help.section("Examples")
    for id in [CommandID.demo, .serve, .recommend] { help.example(CommandTable.command(id).examples[0]) }
    help.section("Usage")
    help.line("  freshet COMMAND [options]")
    help.section("Commands")
    help.columns(CommandTable.commands.map { ($0.name, $0.summary) })
    help.section("Options of every command")
    help.columns(CommandTable.globalOptions.map { ($0.form, Self.sentence($0)) })
    help.line("")
    help.paragraph("freshet help COMMAND tells more about one. Exit status: \(Self.exitStatus).")
    return help.text
  }

  /// Help on one command.
  static func text(for command: Command, columns: Int = columnsMax) -> String {
    var help = HelpText(columns: min(columns, columnsMax))
    help.section("Examples")
    for example in command.examples { help.example(example) }
    help.section("Usage")
    help.line("  \(command.usage)")
    help.line("")
    help.paragraph(command.summary)
    if !command.operands.isEmpty {
      help.section("Operands")
      help.columns(command.operands.map { ($0.name, $0.sentence) })
    }
    if !command.options.isEmpty {
      help.section("Options")
      help.columns(command.options.map { ($0.form, Self.sentence($0)) })
    }
    help.section("Options of every command")
    help.columns(CommandTable.globalOptions.map { ($0.form, Self.sentence($0)) })
    help.line("")
    help.paragraph("Exit status: \(Self.exitStatus).")
    return help.text
  }

  /// What `freshet help WORDS` prints.
  static func text(on words: [String], columns: Int = columnsMax) throws(UsageError) -> String {
    if words.isEmpty { return general(columns: columns) }
    let found = CommandTable.commands(under: words)
    guard !found.isEmpty else { throw try unknown(words) }
    if let command = found.first(where: { $0.path == words }) { return text(for: command, columns: columns) }
    return found.map { text(for: $0, columns: columns) }.joined(separator: "\n")
  }

  static var exitStatus: String { ExitStatus.allCases.map { "\($0.rawValue) \($0.sentence)" }.joined(separator: ", ") }

  /// The sentence of an option with its default.
  static func sentence(_ option: CommandOption) -> String {
    var text = option.sentence
    if option.isRequired { text += " Required." }
    if option.isRepeated { text += " May be repeated." }
    if let value = option.defaultValue { text += " Default: \(value)." }
    if let key = option.key { text += " Sets \(key)." }
    return text
  }

  /// The error of the parser for words that name no command.
  private static func unknown(_ words: [String]) throws(UsageError) -> UsageError {
    do {
      _ = try CommandLineParser.parse(words)
    } catch {
      return error
    }
    return UsageError("\(words.joined(separator: " ")) is more than a command")
  }

  private init(columns: Int) {
    self.columns = max(40, columns)
  }

  private mutating func line(_ line: String) { text += line + "\n" }

  private mutating func section(_ title: String) {
    if !text.isEmpty { text += "\n" }
    text += "\(title):\n"
  }

  private mutating func paragraph(_ sentence: String) {
    for part in Self.wrapped(sentence, to: columns) { line(part) }
  }

  private mutating func example(_ example: Command.Example) {
    line("  \(example.line)")
    for part in Self.wrapped(example.sentence, to: columns - 6) { line("      \(part)") }
  }

  /// A name beside its sentence; a long name has a line of its own.
  private mutating func columns(_ rows: [(String, String)]) {
    let width = min(26, rows.map(\.0.count).max() ?? 0)
    let indent = String(repeating: " ", count: width + 4)
    for (name, sentence) in rows {
      let parts = Self.wrapped(sentence, to: columns - width - 4)
      if name.count > width {
        line("  \(name)")
        for part in parts { line(indent + part) }
      } else {
        line("  " + name + String(repeating: " ", count: width - name.count + 2) + (parts.first ?? ""))
        for part in parts.dropFirst() { line(indent + part) }
      }
    }
  }

  /// Lines of whole words; a word that is longer than a line stays whole.
  static func wrapped(_ text: String, to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
