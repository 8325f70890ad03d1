/// Text that is printed repeatedly: in place on a terminal, one below the other elsewhere.
struct ScreenFrame {
  private let columns: Int?
  private var rows = 0

  init(terminal: Terminal) { columns = terminal.isOutputTerminal ? terminal.columns : nil }

  /// `text` behind the control sequence that moves to the beginning of the text before it and clears from there on.
  mutating func next(_ text: String) -> String {
    guard let columns else { return text }
    let sequence = rows == 0 ? "" : "\u{1b}[\(rows)A\r\u{1b}[J"
    // A line longer than the terminal is wide takes several rows.
    rows = text.split(separator: "\n", omittingEmptySubsequences: false).reduce(0) { $0 + max(1, ($1.count + columns - 1) / columns) }
    return sequence + text
  }
}
