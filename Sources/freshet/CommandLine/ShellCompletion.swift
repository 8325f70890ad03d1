import Foundation
import StreamingRecommender

/// Completion scripts for shells, generated from the table of commands. They need no call of the program while a line is typed.
enum ShellCompletion: String, CaseIterable {
  case bash, zsh, fish

  var script: String {
    switch self {
    case .bash: Self.bashScript
    case .zsh: Self.zshScript
    case .fish: Self.fishScript
    }
  }

  // MARK: What is completed

  /// What the shell offers for the value of an option.
  private enum Values: Equatable {
    case none, files, directories
    case words([String])
  }

  private static func values(of option: CommandOption) -> Values {
    if case .choice(let words) = option.kind { return .words(words) }
    if option.long == "set" { return .words(ConfigurationTable.keys.map { $0.name + "=" }) }
    return values(named: option.valueName)
  }

  private static func values(named name: String) -> Values {
    switch name {
    case "DIR": .directories
    case "FILE", "TITLES": .files
    default: .none
    }
  }

  private static func values(of command: Command) -> Values {
    if command.id == .help { return .words(CommandTable.commands.map { $0.path[0] }.uniqued) }
    if command.id == .completion { return .words(allCases.map(\.rawValue)) }
    return command.operands.first.map { values(named: $0.name) } ?? .none
  }

  private static var firstWords: [String] { CommandTable.commands.map { $0.path[0] }.uniqued }

  /// First words that need a second one, such as `config`.
  private static var groups: [(word: String, commands: [Command])] {
    firstWords.map { word in (word, CommandTable.commands(under: [word])) }.filter { $0.commands.contains { $0.path.count > 1 } }
  }

  private static func options(of command: Command) -> [CommandOption] {
    let names = Set(command.options.map(\.long))
    return command.options + CommandTable.globalOptions.filter { !names.contains($0.long) }
  }

  private static func flags(_ option: CommandOption) -> [String] { (option.short.map { ["-\($0)"] } ?? []) + ["--\(option.long)"] }

  // MARK: bash

  private static let bashScript: String = {
    let valued = CommandTable.commands.flatMap { command in
      options(of: command).filter { $0.kind != .flag }.map { (command, $0) }
    }
    var cases: [String: [String]] = [:]
    for (_, option) in valued { cases[bashReply(values(of: option)), default: []] += flags(option) }
    var script = """
      # Completion of freshet for bash: source this file, or put it into /etc/bash_completion.d/freshet.
      _freshet() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" word
        COMPREPLY=()
        # `=` breaks words: of --set KEY=VALUE, only KEY= is completed.
        case $prev in

      """
    for (reply, names) in cases.sorted(by: { $0.key < $1.key }) where !reply.isEmpty {
      script += "    \(names.uniqued.sorted().joined(separator: "|"))) \(reply); return ;;\n"
    }
    script += "    \((cases[""] ?? []).uniqued.sorted().joined(separator: "|"))) return ;;\n  esac\n"
    script += """
        for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
          case "$command $word" in

      """
    script += "      \(firstWords.map { "\" \($0)\"" }.joined(separator: "|"))) command=$word ;;\n"
    let pairs = CommandTable.commands.filter { $0.path.count > 1 }.map { "\"\($0.name)\"" }
    script += "      \(pairs.joined(separator: "|"))) command=\"$command $word\" ;;\n    esac\n  done\n  case \"$command\" in\n"
    script += "    \"\") \(bashReply(.words(firstWords + ["--help"]))) ;;\n"
    for group in groups {
      script += "    \"\(group.word)\") \(bashReply(.words(group.commands.compactMap { $0.path.dropFirst().first }))) ;;\n"
    }
    for command in CommandTable.commands {
      script += """
            "\(command.name)")
              if [[ $cur == -* ]]; then \(bashReply(.words(options(of: command).flatMap(flags))))

        """
      let operands = bashReply(values(of: command))
      script += operands.isEmpty ? "      fi ;;\n" : "      else \(operands)\n      fi ;;\n"
    }
    script += """
        esac
        [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
        return 0
      }
      complete -F _freshet freshet

      """
    return script
  }()

  private static func bashReply(_ values: Values) -> String {
    switch values {
    case .none: ""
    case .files: "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))"
    case .directories: "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\"))"
    case .words(let words): "COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$cur\"))"
    }
  }

  // MARK: zsh

  private static let zshScript: String = {
    var script = """
      #compdef freshet
      # Completion of freshet for zsh: put this file as _freshet into a directory of $fpath.
      _freshet() {
        local -a commands
        commands=(

      """
    for word in firstWords {
      let commands = CommandTable.commands(under: [word])
      let summary = commands.count == 1 ? commands[0].summary : commands.compactMap { $0.path.dropFirst().first }.joined(separator: ", ")
      script += "    \(zshQuoted("\(word):\(summary)"))\n"
    }
    script += """
        )
        if (( CURRENT == 2 )); then
          _describe command commands
          return
        fi
        case $words[2] in

      """
    for group in groups {
      script += "    \(group.word))\n      if (( CURRENT == 3 )); then\n        commands=(\n"
      for command in group.commands { script += "          \(zshQuoted("\(command.path.dropFirst().first ?? ""):\(command.summary)"))\n" }
      script += "        )\n        _describe command commands\n        return\n      fi\n      case $words[3] in\n"
      for command in group.commands where command.path.count > 1 {
        script += "        \(command.path[1])) shift 2 words; (( CURRENT -= 2 )); \(zshArguments(command)) ;;\n"
      }
      script += "      esac ;;\n"
    }
    for command in CommandTable.commands where command.path.count == 1 && !groups.contains(where: { $0.word == command.path[0] }) {
      script += "    \(command.path[0])) shift words; (( CURRENT -= 1 )); \(zshArguments(command)) ;;\n"
    }
    return script + "  esac\n}\n_freshet \"$@\"\n"
  }()

  private static func zshArguments(_ command: Command) -> String {
    var words = ["_arguments"]
    for option in options(of: command) {
      let sentence = option.sentence.replacing("[", with: "(").replacing("]", with: ")").replacing(":", with: " -")
      for flag in flags(option) {
        let repeated = option.isRepeated ? "*" : ""
        let value =
          option.kind == .flag ? "" : ":\(option.valueName.lowercased().replacing(":", with: " ")):\(zshValues(values(of: option)))"
        words.append(zshQuoted("\(repeated)\(flag)[\(sentence)]\(value)"))
      }
    }
    let operands = values(of: command)
    if !command.operands.isEmpty { words.append(zshQuoted("*:\(command.operands[0].name.lowercased()):\(zshValues(operands))")) }
    return words.joined(separator: " ")
  }

  private static func zshValues(_ values: Values) -> String {
    switch values {
    case .none: " "
    case .files: "_files"
    case .directories: "_files -/"
    case .words(let words): "(\(words.joined(separator: " ")))"
    }
  }

  private static func zshQuoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }

  // MARK: fish

  private static let fishScript: String = {
    var script = "# Completion of freshet for fish: put this file into ~/.config/fish/completions/freshet.fish.\ncomplete -c freshet -f\n"
    for word in firstWords {
      let commands = CommandTable.commands(under: [word])
      let summary = commands.count == 1 ? commands[0].summary : commands.compactMap { $0.path.dropFirst().first }.joined(separator: ", ")
      script += "complete -c freshet -n __fish_use_subcommand -a \(word) -d \(fishQuoted(summary))\n"
    }
    for command in CommandTable.commands {
      let seen = command.path.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
      if command.path.count > 1 {
        let others = CommandTable.commands(under: [command.path[0]]).compactMap { $0.path.dropFirst().first }.joined(separator: " ")
        let condition = "__fish_seen_subcommand_from \(command.path[0]); and not __fish_seen_subcommand_from \(others)"
        script += "complete -c freshet -n \(fishQuoted(condition)) -a \(command.path[1]) -d \(fishQuoted(command.summary))\n"
      }
      for option in options(of: command) {
        let short = option.short.map { " -s \($0)" } ?? ""
        let value = option.kind == .flag ? "" : " -r" + fishValues(values(of: option))
        script += "complete -c freshet -n \(fishQuoted(seen))\(short) -l \(option.long)\(value) -d \(fishQuoted(option.sentence))\n"
      }
      let operands = fishValues(values(of: command))
      if !operands.isEmpty { script += "complete -c freshet -n \(fishQuoted(seen))\(operands)\n" }
    }
    return script
  }()

  private static func fishValues(_ values: Values) -> String {
    switch values {
    case .none: ""
    case .files: " -F"
    case .directories: " -a '(__fish_complete_directories)'"
    case .words(let words): " -a \(fishQuoted(words.joined(separator: " ")))"
    }
  }

  private static func fishQuoted(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
  }
}

extension [String] {
  /// The words in their order, each once.
  fileprivate var uniqued: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}
