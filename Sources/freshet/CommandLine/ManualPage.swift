import Foundation

/// The manual page freshet(1) in the man macros of roff, generated from the table of commands.
enum ManualPage {
  static func text() -> String {
    var page = """
      .TH FRESHET 1 "" "freshet \(Version.freshet)" "User Commands"
      .SH NAME
      freshet \\- keep recommendations up to date while events arrive
      .SH SYNOPSIS
      .B freshet
      .I COMMAND
      .RI [ options ]
      .SH DESCRIPTION
      \(escaped(CommandTable.summary))
      .SH COMMANDS

      """
    for command in CommandTable.commands {
      page += ".SS \(escaped(command.usage))\n\(escaped(command.summary))\n"
      for operand in command.operands { page += ".TP\n.I \(escaped(operand.name))\n\(escaped(operand.sentence))\n" }
      for option in command.options { page += item(option) }
      for example in command.examples { page += ".PP\n.B \(escaped(example.line))\n.br\n\(escaped(example.sentence))\n" }
    }
    page += ".SH OPTIONS OF EVERY COMMAND\n" + CommandTable.globalOptions.map(item).joined()
    page += ".SH EXIT STATUS\n"
    for status in ExitStatus.allCases { page += ".TP\n.B \(status.rawValue)\n\(escaped(status.sentence))\n" }
    page += """
      .SH FILES
      .TP
      .I freshet.json, /etc/freshet/freshet.json
      Configuration, unless \\-\\-config names another file.
      .SH ENVIRONMENT
      Each key of the configuration has a variable: FRESHET_MODEL_FACTORS sets model.factors.

      """
    return page
  }

  private static func item(_ option: CommandOption) -> String {
    ".TP\n.B \(escaped(option.form))\n\(escaped(HelpText.sentence(option)))\n"
  }

  /// A hyphen stands for itself, and no line begins as a request.
  private static func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
