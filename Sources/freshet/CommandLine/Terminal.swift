import Foundation

/// Capabilities of standard output and standard error.
struct Terminal: Sendable, Equatable {
  var isOutputTerminal: Bool
  var isErrorTerminal: Bool
  var hasColor: Bool
  var columns: Int

  /// The terminal of this process.
  static func current(
    noColor: Bool = false, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Terminal {
    let isOutputTerminal = isatty(STDOUT_FILENO) == 1
    return Terminal(
      isOutputTerminal: isOutputTerminal, isErrorTerminal: isatty(STDERR_FILENO) == 1,
      hasColor: isOutputTerminal && !noColor && isColorWanted(environment), columns: width() ?? 80)
  }

  /// https://no-color.org: any text in `NO_COLOR` means none.
  static func isColorWanted(_ environment: [String: String]) -> Bool {
    (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
  }

  /// Writes notes and errors to standard error, with control characters escaped.
  static func note(_ text: String) {
    let safe = TerminalText.escaped(text, keepsLines: true)
    try? FileHandle.standardError.write(contentsOf: Data((safe + "\n").utf8))
  }

  private static func width() -> Int? {
    for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
      var size = winsize()
      if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    }
    return nil
  }
}
