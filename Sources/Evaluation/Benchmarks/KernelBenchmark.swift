import CKernels
import Factorization

/// Measures each numeric kernel in each variant that this processor supports: time, useful operations, and the fraction of the variant's
/// peak of multiply-adds in registers, which is measured in the same run.
public struct KernelBenchmark: Sendable {
  public struct Row: Sendable {
    public var kernel: String
    /// For example `64 factors, 200 rows`.
    public var shape: String
    public var variant: String
    /// The duration of one call.
    public var microseconds: Double
    /// Useful floating-point operations per call; a multiply-add counts as two.
    public var operations: Double
    /// The minimum number of bytes read per call, for memory-bound kernels.
    public var bytes: Double?
    /// The fraction of the variant's peak.
    public var peakFraction: Double
    public var hash: ResultHash
    /// The result of the call; the benchmark's test compares it with a simple implementation.
    var result: [Float]

    public var gigaflops: Double { operations / microseconds / 1e3 }
    public var gigabytesPerSecond: Double? { bytes.map { $0 / microseconds / 1e3 } }
  }

  public struct Outcome: Sendable {
    /// The peak in 10^9 operations per second by variant, slowest variant first.
    public var peaks: [(variant: String, gigaflops: Double)]
    public var rows: [Row]
    public var hash: ResultHash
  }

  public var factors = 64
  /// The number of rows in an update or a solve, such as the items of one user.
  public var rows = 200
  /// The number of rows in memory from which they are gathered.
  public var catalogue = 41_000
  /// The number of users scored together.
  public var users = 16
  /// The length of the list that a selection keeps.
  public var n = 20
  /// The number of conjugate-gradient steps.
  public var steps = 1
  public var seed: UInt64 = 42
  /// The minimum duration of the measurement of each row in seconds.
  public var secondsMin = 0.2

  public init() {}

  public func run() -> Outcome {
    let data = Data(self)
    // The pieces contain pointers into `data`.
    return withExtendedLifetime(data) { run(data) }
  }

  private func run(_ data: Data) -> Outcome {
    var outcome = Outcome(peaks: [], rows: [], hash: ResultHash())
    for kernels in Kernels.available {
      let peak = Self.peak(of: kernels.name, secondsMin: secondsMin)
      outcome.peaks.append((kernels.name, peak))
      for piece in pieces(data, freshet_kernels_named(kernels.name)!) {
        let row = measure(piece, variant: kernels.name, peak: peak)
        outcome.hash.add(row.hash.value)
        outcome.rows.append(row)
      }
    }
    return outcome
  }

  /// Returns the peak of multiply-adds in registers, in 10^9 operations per second.
  static func peak(of variant: String, secondsMin: Double) -> Double {
    var operations = 0.0
    let rounds = 200_000
    // The result is used, so that the compiler does not remove the loop.
    var kept: Float = freshet_peak_multiply_add(variant, 1, &operations)
    let operationsOfOne = operations
    let seconds = Stopwatch(secondsMin: secondsMin, passesMin: 10).fastest {
      kept += freshet_peak_multiply_add(variant, rounds, &operations)
    }
    precondition(kept.isFinite)
    return operationsOfOne * Double(rounds) / seconds / 1e9
  }

  /// One kernel with its data.
  private struct Piece {
    var kernel: String
    var shape: String
    var operations: Double
    var bytes: Double?
    /// Restores the data to their state before a call; its time is subtracted.
    var prepare: () -> Void
    var call: () -> Void
    var result: () -> [Float]
  }

  private func measure(_ piece: Piece, variant: String, peak: Double) -> Row {
    // The number of calls per pass, for a duration of about a millisecond.
    let calls = max(1, min(100_000, Int(peak * 1e6 * 0.2 / max(1, piece.operations))))
    let watch = Stopwatch(secondsMin: secondsMin, passesMin: 5)
    let both = watch.fastest {
      for _ in 0..<calls {
        piece.prepare()
        piece.call()
      }
    }
    let preparation = watch.fastest { for _ in 0..<calls { piece.prepare() } }
    piece.prepare()
    piece.call()
    let result = piece.result()
    var hash = ResultHash()
    hash.add(result)
    let microseconds = max(both - preparation, both / 100) / Double(calls) * 1e6
    return Row(
      kernel: piece.kernel, shape: piece.shape, variant: variant, microseconds: microseconds, operations: piece.operations,
      bytes: piece.bytes, peakFraction: piece.operations / microseconds / 1e3 / peak, hash: hash, result: result)
  }

  private func pieces(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>) -> [Piece] {
    [
      dot(data, table), rankUpdate(data, table), choleskySolve(data, table), conjugateGradients(data, table),
      scorePanels(data, table, users: 1), scorePanels(data, table, users: users), selectTop(data, table),
    ]
  }

  private func dot(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>) -> Piece {
    let (a, b) = (data.rows.pointer, data.rows.pointer + data.padded)
    let sum = data.space.sums
    return Piece(
      kernel: "dot", shape: "\(factors) factors", operations: 2 * Double(factors), prepare: {},
      call: { sum[0] = table.pointee.dot(a, b, Int32(data.padded)) }, result: { [sum[0]] })
  }

  private func rankUpdate(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>) -> Piece {
    let (n, k) = (Double(rows), Double(factors))
    let space = data.space
    return Piece(
      kernel: "rank_update", shape: "\(factors) factors, \(rows) rows", operations: n * k * (k + 1) + 2 * n * k,
      prepare: { space.reset(data) },
      call: {
        table.pointee.rank_update(
          space.matrix, space.vector, Int32(data.padded), data.rows.pointer, data.indices, data.ones, data.ones, Int32(data.indices.count),
          space.scratch)
      },
      result: { space.upperTriangle(factors, data.padded) + space.vector(factors) })
  }

  private func choleskySolve(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>) -> Piece {
    let k = Double(factors)
    let space = data.space
    return Piece(
      kernel: "cholesky_solve", shape: "\(factors) factors", operations: k * k * k / 3 + 2 * k * k, prepare: { space.reset(data) },
      call: { _ = table.pointee.cholesky_solve(space.matrix, space.vector, Int32(data.padded)) },
      result: { space.vector(factors) })
  }

  private func conjugateGradients(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>) -> Piece {
    let (n, k) = (Double(rows), Double(factors))
    let space = data.space
    let group = Int(FRESHET_GROUP)
    // Operations: the residual with its diagonal, and products along each direction except the last, which needs dot products only.
    let operations = n * k * Double(7 + 4 * (steps - 1) + 2) + Double(steps + 1) * 2 * k * k
    return Piece(
      kernel: "conjugate_gradients", shape: "\(group) x \(rows) rows, \(factors) factors, \(steps) step\(steps == 1 ? "" : "s")",
      operations: Double(group) * operations, prepare: { space.resetGroup(data) },
      call: {
        data.indices.withUnsafeBufferPointer { indices in
          data.ones.withUnsafeBufferPointer { ones in
            for row in 0..<group {
              space.group[row] = freshet_row_t(
                x: space.groupRows + row * data.padded, ridge: 1, count: Int32(indices.count), indices: indices.baseAddress,
                weights: ones.baseAddress, targets: ones.baseAddress, converged: 0, left: 0)
            }
            table.pointee.conjugate_gradients(
              data.matrixPanels, data.diagonal, Int32(data.padded), space.group, Int32(group), data.rows.pointer, Int32(steps), 0,
              space.scratch)
          }
        }
      },
      result: { (0..<(group * data.padded)).map { space.groupRows[$0] } })
  }

  private func scorePanels(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>, users: Int) -> Piece {
    let panels = catalogue / Int(FRESHET_PANEL)
    let items = panels * Int(FRESHET_PANEL)
    let scores = data.space.scores
    return Piece(
      kernel: users == 1 ? "score_panels, one user" : "score_panels", shape: "\(factors) factors, \(users) users, \(items) items",
      operations: 2 * Double(users) * Double(items) * Double(factors), bytes: users == 1 ? 4 * Double(items) * Double(factors) : nil,
      prepare: {},
      call: {
        table.pointee.score_panels(
          data.panels, Int32(panels), Int32(factors), data.rows.pointer, Int32(data.padded), Int32(users), scores, items)
      },
      result: { (0..<(users * items)).map { scores[$0] } })
  }

  private func selectTop(_ data: Data, _ table: UnsafePointer<freshet_kernels_t>) -> Piece {
    let space = data.space
    return Piece(
      kernel: "select_top", shape: "\(n) of \(catalogue) scores", operations: Double(catalogue), bytes: 4 * Double(catalogue),
      prepare: {},
      call: {
        _ = table.pointee.select_top(data.randomScores, Int32(catalogue), nil, space.heapScores, space.heapItems, 0, Int32(n))
      },
      result: { (0..<n).map { space.heapScores[$0] }.sorted(by: >) })
  }

  /// The inputs of the kernels.
  struct Data {
    let padded: Int
    /// Factors, `catalogue` rows.
    let rows: FactorMatrix
    let indices: [Int32]
    let ones: [Float]
    /// Padded x padded, symmetric and positive definite, with ones on the padding's diagonal.
    let matrix: [Float]
    /// `matrix` in panels of FRESHET_PANEL columns, [panel][row][lane], and its diagonal.
    let matrixPanels: [Float]
    let diagonal: [Float]
    let vector: [Float]
    let panels: [Float]
    let randomScores: [Float]
    fileprivate let space: Space

    init(_ benchmark: KernelBenchmark) {
      let (k, catalogue) = (benchmark.factors, benchmark.catalogue)
      padded = Kernels.padded(k)
      var random = SplitMix64(seed: benchmark.seed)
      rows = FactorMatrix(rows: catalogue, factors: k, deviation: 1 / Float(k).squareRoot(), seed: benchmark.seed)
      indices = (0..<benchmark.rows).map { _ in Int32.random(in: 0..<Int32(catalogue), using: &random) }
      ones = [Float](repeating: 1, count: benchmark.rows)
      var matrix = [Float](repeating: 0, count: padded * padded)
      // The Gramian of the first rows, regularized so that the solve is well-posed.
      for row in 0..<min(catalogue, 2 * k) {
        let y = rows[row]
        for i in 0..<k { for j in 0..<k { matrix[i * padded + j] += y[i] * y[j] } }
      }
      for i in 0..<padded { matrix[i * padded + i] += 1 }
      self.matrix = matrix
      let (panel, padded) = (Int(FRESHET_PANEL), self.padded)
      matrixPanels = (0..<((padded + panel - 1) / panel)).flatMap { part in
        (0..<(padded * panel)).map { at in
          let column = part * panel + at % panel
          return column < padded ? matrix[at / panel * padded + column] : 0
        }
      }
      diagonal = (0..<padded).map { matrix[$0 * padded + $0] }
      vector = (0..<padded).map { $0 < k ? Float.random(in: -1...1, using: &random) : 0 }
      panels = (0..<(catalogue * k)).map { _ in Float.random(in: -1...1, using: &random) }
      randomScores = (0..<catalogue).map { _ in Float.random(in: -1...1, using: &random) }
      space = Space(benchmark, padded: padded)
    }
  }

  /// The outputs of the kernels; used by one thread only.
  fileprivate final class Space {
    let matrix, vector, scratch, scores, heapScores, sums, groupRows: UnsafeMutablePointer<Float>
    let group: UnsafeMutablePointer<freshet_row_t>
    let heapItems: UnsafeMutablePointer<Int32>

    init(_ benchmark: KernelBenchmark, padded: Int) {
      matrix = Self.floats(padded * padded)
      vector = Self.floats(padded)
      scratch = Self.floats(Int(max(freshet_gather_scratch(Int32(padded)), freshet_group_scratch(Int32(padded)))))
      groupRows = Self.floats(Int(FRESHET_GROUP) * padded)
      group = .allocate(capacity: Int(FRESHET_GROUP))
      scores = Self.floats(benchmark.catalogue * benchmark.users)
      heapScores = Self.floats(benchmark.n)
      sums = Self.floats(1)
      heapItems = .allocate(capacity: max(1, benchmark.n))
    }

    deinit {
      for pointer in [matrix, vector, scratch, scores, heapScores, sums, groupRows] { UnsafeMutableRawPointer(pointer).deallocate() }
      heapItems.deallocate()
      group.deallocate()
    }

    private static func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
      let raw = UnsafeMutableRawPointer.allocate(byteCount: max(64, count * 4), alignment: 64)
      return raw.initializeMemory(as: Float.self, repeating: 0, count: max(1, count))
    }

    func reset(_ data: Data) {
      data.matrix.withUnsafeBufferPointer { matrix.update(from: $0.baseAddress!, count: $0.count) }
      resetVector(data)
    }

    func resetVector(_ data: Data) { data.vector.withUnsafeBufferPointer { vector.update(from: $0.baseAddress!, count: $0.count) } }

    func resetGroup(_ data: Data) {
      for row in 0..<Int(FRESHET_GROUP) {
        data.vector.withUnsafeBufferPointer { (groupRows + row * data.padded).update(from: $0.baseAddress!, count: $0.count) }
      }
    }

    func vector(_ count: Int) -> [Float] { (0..<count).map { vector[$0] } }

    func upperTriangle(_ factors: Int, _ padded: Int) -> [Float] {
      (0..<factors).flatMap { i in (i..<factors).map { j in matrix[i * padded + j] } }
    }
  }
}
