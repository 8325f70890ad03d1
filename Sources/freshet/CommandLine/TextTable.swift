/// Rows of cells in aligned columns, safe to print on a terminal.
struct TextTable {
  enum Alignment { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// - Parameter header: the first row; `nil` for none.
  init(_ alignments: [Alignment], header: [String]? = nil) {
    self.alignments = alignments
    if let header { add(header) }
  }

  mutating func add(_ row: [String]) {
    precondition(row.count == alignments.count, "a row of \(row.count) in a table of \(alignments.count) columns")
    rows.append(row.map { TerminalText.escaped($0) })
  }

  /// One line a row, two spaces between columns, none at the end of a line.
  var description: String {
    let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += (column == 0 ? "" : "  ") + (alignments[column] == .left ? cell + space : space + cell)
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
