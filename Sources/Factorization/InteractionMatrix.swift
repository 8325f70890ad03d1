/// A sparse matrix of strengths in compressed sparse row format; the input of a training.
///
/// Append rows in order with `append` and `endRow`; afterwards the matrix can be read concurrently.
public struct InteractionMatrix: Sendable {
  public let columns: Int
  /// The entries of row r are starts[r] ..< starts[r + 1].
  public private(set) var starts: [Int] = [0]
  public private(set) var indices: [Int32] = []
  public private(set) var strengths: [Float] = []

  public init(columns: Int) { self.columns = columns }

  public var rows: Int { starts.count - 1 }
  public var entries: Int { indices.count }

  public mutating func reserve(rows: Int, entries: Int) {
    starts.reserveCapacity(rows + 1)
    indices.reserveCapacity(entries)
    strengths.reserveCapacity(entries)
  }

  /// Appends an entry to the current row, which `endRow` completes. Traps if the column is out of range or the strength is not finite.
  public mutating func append(column: Int32, strength: Float) {
    precondition(column >= 0 && column < columns, "column \(column) of \(columns)")
    precondition(strength.isFinite, "strength \(strength)")
    indices.append(column)
    strengths.append(strength)
  }

  /// Completes the current row.
  public mutating func endRow() { starts.append(indices.count) }

  /// Returns the transposed matrix; rows keep their order inside each column.
  public func transposed() -> InteractionMatrix {
    precondition(starts[rows] == entries, "\(entries - starts[rows]) entries in a row that was not ended")
    var result = InteractionMatrix(columns: rows)
    var starts = [Int](repeating: 0, count: columns + 1)
    for column in indices { starts[Int(column) + 1] += 1 }
    for column in 0..<columns { starts[column + 1] += starts[column] }
    var fill = starts
    var rowsOfEntries = [Int32](repeating: 0, count: entries)
    var strengthsOfEntries = [Float](repeating: 0, count: entries)
    for row in 0..<rows {
      for entry in self.starts[row]..<self.starts[row + 1] {
        let column = Int(indices[entry])
        rowsOfEntries[fill[column]] = Int32(row)
        strengthsOfEntries[fill[column]] = strengths[entry]
        fill[column] += 1
      }
    }
    result.starts = starts
    result.indices = rowsOfEntries
    result.strengths = strengthsOfEntries
    return result
  }
}

extension InteractionMatrix {
  /// Floating-point operations needed to solve every row exactly.
  func operationsOfExactRows(factors: Int) -> Double {
    let (n, k) = (Double(entries), Double(factors))
    return n * k * (k + 1) + 2 * n * k + Double(rows) * (k * k * k / 3 + 2 * k * k)
  }
}

extension InteractionMatrix {
  /// Pointers to the arrays of a matrix, valid only inside the closure that receives them.
  struct Pointers {
    let starts: UnsafePointer<Int>
    let indices: UnsafePointer<Int32>
    let strengths: UnsafePointer<Float>

    func range(_ row: Int) -> Range<Int> { starts[row]..<starts[row + 1] }
  }

  func withPointers<R>(_ body: (Pointers) throws -> R) rethrows -> R {
    try starts.withUnsafeBufferPointer { starts in
      try indices.withUnsafeBufferPointer { indices in
        try strengths.withUnsafeBufferPointer { strengths in
          // The arrays of a matrix without entries have no base address.
          let nowhere = UnsafeRawPointer(starts.baseAddress!)
          return try body(
            Pointers(
              starts: starts.baseAddress!, indices: indices.baseAddress ?? nowhere.assumingMemoryBound(to: Int32.self),
              strengths: strengths.baseAddress ?? nowhere.assumingMemoryBound(to: Float.self)))
        }
      }
    }
  }
}
