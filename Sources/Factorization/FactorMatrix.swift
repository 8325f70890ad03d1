/// A matrix of factors: one row per user or item, `factors` floats per row, padded with zeros to `stride`.
///
/// A value type with copy-on-write storage.
public struct FactorMatrix: Sendable {
  public let factors: Int
  public let stride: Int
  public private(set) var rows: Int
  private var storage: AlignedBuffer

  public init(rows: Int, factors: Int) {
    precondition(factors > 0, "factors must be positive, got \(factors)")
    self.factors = factors
    self.stride = Kernels.padded(factors)
    self.rows = rows
    storage = AlignedBuffer(count: rows * stride)
  }

  /// Creates rows drawn from N(0, deviation^2), each from its own seed, so that a row does not depend on the others.
  public init(rows: Int, factors: Int, deviation: Float, seedOfRow: (Int) -> UInt64) {
    self.init(rows: rows, factors: factors)
    for row in 0..<rows { fillRandomly(row, deviation: deviation, seed: seedOfRow(row)) }
  }

  /// Creates rows drawn from N(0, deviation^2) from one seed.
  ///
  /// The multiplier of the row index differs from the increment of SplitMix64; with the same constant, rows would be shifted copies of
  /// each other.
  public init(rows: Int, factors: Int, deviation: Float, seed: UInt64) {
    self.init(rows: rows, factors: factors, deviation: deviation) { seed ^ (UInt64($0) &* 0xD6E8_FEB8_6659_FD93) }
  }

  public var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  public subscript(row: Int) -> UnsafeBufferPointer<Float> {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    return UnsafeBufferPointer(start: storage.pointer + row * stride, count: factors)
  }

  public func array(_ row: Int) -> [Float] { Array(self[row]) }

  /// Provides the storage for writing, `rows` x `stride` floats. The padding must stay zero.
  public mutating func withMutablePointer<R>(_ body: (UnsafeMutablePointer<Float>) throws -> R) rethrows -> R {
    if !isKnownUniquelyReferenced(&storage) { storage = AlignedBuffer(copying: storage, count: storage.count) }
    return try body(storage.pointer)
  }

  public mutating func setRow(_ row: Int, to values: some Collection<Float>) {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    precondition(values.count == factors, "\(values.count) values for \(factors) factors")
    let stride = self.stride
    withMutablePointer { pointer in
      var at = pointer + row * stride
      for value in values {
        at.pointee = value
        at += 1
      }
    }
  }

  /// Fills one row with values from N(0, deviation^2), using its own seed.
  public mutating func fillRandomly(_ row: Int, deviation: Float, seed: UInt64) {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    var generator = SplitMix64(seed: seed)
    let (factors, stride) = (self.factors, self.stride)
    withMutablePointer { pointer in
      for column in 0..<factors { pointer[row * stride + column] = deviation * generator.nextGaussian() }
    }
  }

  /// Appends zero rows up to `count` rows.
  public mutating func grow(toRows count: Int) {
    guard count > rows else { return }
    if count * stride > storage.count {
      storage = AlignedBuffer(copying: storage, count: max(count, rows + rows / 2) * stride)
    } else if !isKnownUniquelyReferenced(&storage) {
      storage = AlignedBuffer(copying: storage, count: storage.count)
    }
    rows = count
  }

  public var isFinite: Bool {
    for index in 0..<(rows * stride) where !storage.pointer[index].isFinite { return false }
    return true
  }
}

extension FactorMatrix: Equatable {
  public static func == (a: FactorMatrix, b: FactorMatrix) -> Bool {
    guard a.rows == b.rows, a.factors == b.factors else { return false }
    for index in 0..<(a.rows * a.stride) where a.storage.pointer[index] != b.storage.pointer[index] { return false }
    return true
  }
}

/// The SplitMix64 generator (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014), used for initial factors and
/// tests.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A uniform number in (0, 1].
  mutating func nextUnit() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

  /// A standard normal number (Box-Muller; the second of the pair is discarded).
  mutating func nextGaussian() -> Float {
    let radius = (-2 * logarithm(nextUnit())).squareRoot()
    return Float(radius * cosine(2 * .pi * nextUnit()))
  }
}
