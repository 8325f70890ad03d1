#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Counts different hashes: exactly up to a million, and beyond that with an error of about one percent in 16 KiB (HyperLogLog,
/// Flajolet et al. 2007).
public struct DistinctCounter: Sendable {
  static let exactMax = 1 << 20
  private static let indexBits = 14

  private var exact: Set<UInt64> = []
  /// For each group of hashes, the longest run of zero bits.
  private var registers: [UInt8] = []

  public init() {}

  public var isExact: Bool { registers.isEmpty }

  public mutating func insert(_ hash: UInt64) {
    guard isExact else { return register(hash) }
    exact.insert(hash)
    guard exact.count > Self.exactMax else { return }
    registers = Array(repeating: 0, count: 1 << Self.indexBits)
    for hash in exact { register(hash) }
    exact = []
  }

  private mutating func register(_ hash: UInt64) {
    let index = Int(hash >> (64 - UInt64(Self.indexBits)))
    let run = UInt8(min(63, (hash << UInt64(Self.indexBits) | 1 << UInt64(Self.indexBits - 1)).leadingZeroBitCount + 1))
    registers[index] = max(registers[index], run)
  }

  public var count: Int {
    guard !isExact else { return exact.count }
    let groups = Double(registers.count)
    let sum = registers.reduce(0) { $0 + pow(2, -Double($1)) }
    return Int((0.7213 / (1 + 1.079 / groups) * groups * groups / sum).rounded())
  }
}
