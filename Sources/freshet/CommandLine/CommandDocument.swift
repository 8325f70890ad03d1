/// The reference of all commands, generated from the table.
enum CommandDocument {
  /// The command that rewrites the committed copy.
  static let command = "freshet help --markdown > docs/cli.md"

  static func markdown() -> String {
    head + "\n" + table(CommandTable.globalOptions) + "\n" + CommandTable.commands.map(section).joined(separator: "\n")
  }

  private static let head = """
    # Command line

    <!-- Written by `freshet help --markdown`; do not edit. -->

    \(CommandTable.summary)

    Data goes to standard output, everything else to standard error; with `--json` a command prints one JSON object. Progress bars and \
    colour appear on a terminal only. Exit status: \(HelpText.exitStatus).

    An option is written `--name value` or `--name=value`; `--no-name` switches one off that takes no value, and `--` ends the options. \
    What a key of the configuration means is in [configuration.md](configuration.md); an option that sets one beats `--set` for the same \
    key.

    ## Options of every command

    """

  private static func section(_ command: Command) -> String {
    var text = "## freshet \(command.name)\n\n\(command.summary)\n\n```sh\n"
    for example in command.examples { text += "\(example.line)  # \(example.sentence)\n" }
    text += "```\n\nUsage: `\(command.usage)`\n"
    if !command.operands.isEmpty {
      text += "\n| operand | meaning |\n|---|---|\n"
      for operand in command.operands { text += "| `\(operand.name)` | \(operand.sentence) |\n" }
    }
    if !command.options.isEmpty { text += "\n" + table(command.options) }
    for names in command.exclusive {
      text += "\nAt most one of " + names.map { "`--\($0)`" }.joined(separator: ", ") + ".\n"
    }
    if !command.presets.isEmpty {
      text += "\nUnless they are set: " + command.presets.map { "`\($0.key)=\($0.value)`" }.joined(separator: ", ") + ".\n"
    }
    return text
  }

  private static func table(_ options: [CommandOption]) -> String {
    var text = "| option | meaning |\n|---|---|\n"
    for option in options {
      let form = option.form.replacing("|", with: "\\|")
      text += "| `\(form)` | \(HelpText.sentence(option)) |\n"
    }
    return text
  }
}
