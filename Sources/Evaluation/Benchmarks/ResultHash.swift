/// A hash over the bits of a benchmark's result, which does not depend on the number of threads.
///
/// It is FNV-1a, 64 bits wide, over 32-bit words, and shows that an optimisation did not change results; it is not a checksum.
public struct ResultHash: Sendable, Equatable, CustomStringConvertible {
  public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  public init() {}

  public mutating func add(_ word: UInt32) { value = (value ^ UInt64(word)) &* 0x0000_0100_0000_01B3 }
  public mutating func add(_ number: Int32) { add(UInt32(bitPattern: number)) }
  public mutating func add(_ number: Float) { add(number.bitPattern) }

  public mutating func add(_ number: Double) { add(number.bitPattern) }

  public mutating func add(_ words: UInt64) {
    add(UInt32(truncatingIfNeeded: words))
    add(UInt32(truncatingIfNeeded: words >> 32))
  }

  public mutating func add(_ numbers: some Sequence<Float>) { for number in numbers { add(number) } }

  /// The hash as sixteen hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
