/// A sparse matrix of strengths in rows (compressed sparse rows): the input of a training.
///
/// Built once, then read by many workers.
public struct InteractionMatrix: Sendable {
  public let columns: Int
  /// Row r holds the entries starts[r] ..< starts[r + 1].
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

  /// Adds an entry to the row that `endRow` will close.
  public mutating func append(column: Int32, strength: Float) {
    precondition(column >= 0 && column < columns, "column \(column) of \(columns)")
    precondition(strength.isFinite, "strength \(strength)")
    indices.append(column)
    strengths.append(strength)
  }

  public mutating func endRow() { starts.append(indices.count) }

  /// The same entries by column; rows keep their order inside each column.
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
  /// Useful operations of solving every row exactly for `factors` numbers.
  func operationsOfExactRows(factors: Int) -> Double {
    let (n, k) = (Double(entries), Double(factors))
    return n * k * (k + 1) + 2 * n * k + Double(rows) * (k * k * k / 3 + 2 * k * k)
  }
}

extension InteractionMatrix {
  /// The arrays of a matrix while it is lent out.
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
          // A matrix without entries has arrays without an address.
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
