import Factorization

/// A random generator for reproducible tests; print the seed when a test fails.
public struct SeededGenerator: RandomNumberGenerator, Sendable, CustomStringConvertible {
  public let seed: UInt64
  private var generator: SplitMix64

  public init(seed: UInt64) {
    self.seed = seed
    generator = SplitMix64(seed: seed)
  }

  public var description: String { "seed \(seed)" }

  public mutating func next() -> UInt64 { generator.next() }

  /// Returns a number in 0 ..< bound, or 0 for a bound of 0.
  public mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }
  public mutating func chance(_ probability: Double) -> Bool { Double(next() >> 11) * 0x1p-53 < probability }

  public mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }

  /// Integers as floats: their sums and products are exact in any order, so that optimised and simple code must agree bit by bit.
  public mutating func wholeFloats(_ count: Int, in range: ClosedRange<Int> = -3...3) -> [Float] {
    (0..<count).map { _ in Float(Int.random(in: range, using: &self)) }
  }

  /// A sparse matrix in which each cell is non-zero with the given probability; columns are ascending within a row.
  public mutating func matrix(
    rows: Int, columns: Int, density: Double, strengths: ClosedRange<Float> = 1...1, dislikes: Double = 0
  ) -> InteractionMatrix {
    var matrix = InteractionMatrix(columns: columns)
    for _ in 0..<rows {
      for column in 0..<columns where Double.random(in: 0..<1, using: &self) < density {
        let size = Float.random(in: strengths, using: &self)
        let isDislike = Double.random(in: 0..<1, using: &self) < dislikes
        matrix.append(column: Int32(column), strength: isDislike ? -size : size)
      }
      matrix.endRow()
    }
    return matrix
  }
}
