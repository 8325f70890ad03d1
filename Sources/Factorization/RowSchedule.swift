/// The order in which workers process the rows of a matrix: longest first, in pieces of about equal work.
struct RowSchedule: Sendable {
  /// All rows by descending length; rows of equal length keep their order.
  let rows: [Int32]
  /// Piece p consists of rows[starts[p] ..< starts[p + 1]].
  let starts: [Int]

  private static let workPerPiece = 8192
  /// Fixed cost of a row, in entries.
  private static let workPerRow = 24
  private static let longest = 65_535

  init(_ matrix: InteractionMatrix) {
    var firsts = [Int](repeating: 0, count: Self.longest + 2)
    func key(_ row: Int) -> Int { Self.longest - min(matrix.starts[row + 1] - matrix.starts[row], Self.longest) }
    for row in 0..<matrix.rows { firsts[key(row) + 1] += 1 }
    for key in 0...Self.longest { firsts[key + 1] += firsts[key] }
    var rows = [Int32](repeating: 0, count: matrix.rows)
    for row in 0..<matrix.rows {
      rows[firsts[key(row)]] = Int32(row)
      firsts[key(row)] += 1
    }
    var starts = [0]
    var work = 0
    for (index, row) in rows.enumerated() {
      work += matrix.starts[Int(row) + 1] - matrix.starts[Int(row)] + Self.workPerRow
      if work >= Self.workPerPiece, (index + 1 - starts[starts.count - 1]) % RowSolver.rowsAtOnce == 0 || work >= 4 * Self.workPerPiece {
        starts.append(index + 1)
        work = 0
      }
    }
    if starts[starts.count - 1] < rows.count { starts.append(rows.count) }
    self.rows = rows
    self.starts = starts
  }

  var pieces: Int { starts.count - 1 }
  func piece(_ number: Int) -> ArraySlice<Int32> { rows[starts[number]..<starts[number + 1]] }
}
