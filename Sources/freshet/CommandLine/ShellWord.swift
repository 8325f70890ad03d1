/// One word of a command line that a person may copy into a shell.
enum ShellWord {
  /// The word in quotes where a POSIX shell needs them.
  static func quoted(_ word: String) -> String {
    let isPlain = !word.isEmpty && word.allSatisfy { ($0.isASCII && ($0.isLetter || $0.isNumber)) || "_@%+=:,./-".contains($0) }
    return isPlain ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
  }
}
