import CKernels

/// The Gramian Y'Y of a factor matrix: `stride` x `stride` floats, of which only the upper triangle is stored.
public struct Gramian: Sendable {
  public let factors: Int
  let stride: Int
  private var storage: AlignedBuffer

  /// The Gramian of an empty matrix: all zeros.
  public init(factors: Int) {
    self.factors = factors
    stride = Kernels.padded(factors)
    storage = AlignedBuffer(count: stride * stride)
  }

  /// Rows per partial sum. Partial sums are added in row order, so the result is bitwise independent of the number of workers.
  static let rowsPerPart = 512
  private static let partsAtOnce = 32

  public init(of matrix: FactorMatrix, pool: WorkerPool, kernels: Kernels = .best) {
    self.init(factors: matrix.factors)
    let (stride, rows) = (self.stride, matrix.rows)
    let parts = (rows + Self.rowsPerPart - 1) / Self.rowsPerPart
    guard parts > 0 else { return }
    let ones = [Float](repeating: 1, count: Self.rowsPerPart)
    // Process a few parts at a time, so that memory does not grow with the number of rows.
    let partials = AlignedBuffer(count: min(parts, Self.partsAtOnce) * stride * stride)
    var first = 0
    while first < parts {
      let group = min(Self.partsAtOnce, parts - first)
      partials.pointer.update(repeating: 0, count: group * stride * stride)
      let start = first
      pool.run(count: group, chunk: 1) { range, _ in
        let scratch = AlignedBuffer(count: Int(freshet_gather_scratch(Int32(stride))))
        for part in range {
          let row = (start + part) * Self.rowsPerPart
          ones.withUnsafeBufferPointer { ones in
            kernels.table.pointee.rank_update(
              partials.pointer + part * stride * stride, nil, Int32(stride), matrix.pointer + row * stride, nil, ones.baseAddress,
              nil, Int32(min(Self.rowsPerPart, rows - row)), scratch.pointer)
          }
        }
      }
      for part in 0..<group {
        let partial = partials.pointer + part * stride * stride
        for index in 0..<(stride * stride) { storage.pointer[index] += partial[index] }
      }
      first += group
    }
  }

  var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  /// The full matrix times `scale` in the layout of `score_panels`, where "item" j is column j.
  func panels(scale: Float) -> AlignedBuffer {
    SquarePanels.make(stride: stride) { $0 < factors && $1 < factors ? scale * self[$0, $1] : 0 }
  }

  /// An element of the symmetric matrix.
  public subscript(row: Int, column: Int) -> Float { storage.pointer[min(row, column) * stride + max(row, column)] }

  /// Adds `weight` * y y' for one row y of `factors` floats.
  public mutating func add(_ row: UnsafeBufferPointer<Float>, weight: Float) {
    precondition(row.count == factors)
    if !isKnownUniquelyReferenced(&storage) { storage = AlignedBuffer(copying: storage, count: storage.count) }
    for i in 0..<factors {
      let scaled = weight * row[i]
      for j in i..<factors { storage.pointer[i * stride + j] += scaled * row[j] }
    }
  }

  /// The sum of the elementwise product of two Gramians: X'X . Y'Y is the sum of (x.y)^2 over all pairs of rows.
  public func elementwiseProduct(_ other: Gramian) -> Double {
    var total = 0.0
    for i in 0..<factors {
      total += Double(self[i, i]) * Double(other[i, i])
      for j in (i + 1)..<max(i + 1, factors) { total += 2 * Double(self[i, j]) * Double(other[i, j]) }
    }
    return total
  }

  /// The upper triangle, row by row, factors (factors + 1) / 2 floats; used by snapshots.
  public var packed: [Float] {
    (0..<factors).flatMap { i in (i..<factors).map { j in self[i, j] } }
  }

  public init?(factors: Int, packed: [Float]) {
    guard packed.count == factors * (factors + 1) / 2 else { return nil }
    self.init(factors: factors)
    var at = 0
    for i in 0..<factors {
      for j in i..<factors {
        storage.pointer[i * stride + j] = packed[at]
        at += 1
      }
    }
  }
}
