/// The smallest and the largest of texts or bytes, in the order of their bytes.
///
/// Values beyond `lengthMax` are remembered by their beginning, which is enough to compare them with shorter ones. If one of them is a
/// bound, there is no range: a maximum cut short is below the value that it stands for, and rows would be lost.
struct BytesRange {
  static let lengthMax = 64

  private var minimum: [UInt8]?
  private var maximum: [UInt8] = []

  mutating func include(_ bytes: UnsafeRawBufferPointer) {
    let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.lengthMax + 1))
    guard let minimum else {
      (self.minimum, maximum) = (Array(bytes), Array(bytes))
      return
    }
    if Self.isLess(bytes, minimum) { self.minimum = Array(bytes) }
    if Self.isGreater(bytes, maximum) { maximum = Array(bytes) }
  }

  /// The range of both.
  func including(_ other: BytesRange) -> BytesRange {
    guard let otherMinimum = other.minimum else { return self }
    var both = self
    otherMinimum.withUnsafeBytes { both.include($0) }
    other.maximum.withUnsafeBytes { both.include($0) }
    return both
  }

  var bounds: (minimum: [UInt8], maximum: [UInt8])? {
    guard let minimum, minimum.count <= Self.lengthMax, maximum.count <= Self.lengthMax else { return nil }
    return (minimum, maximum)
  }

  private static func isLess(_ left: UnsafeRawBufferPointer, _ right: [UInt8]) -> Bool {
    right.withUnsafeBytes { order(left, $0) < 0 }
  }

  private static func isGreater(_ left: UnsafeRawBufferPointer, _ right: [UInt8]) -> Bool {
    right.withUnsafeBytes { order(left, $0) > 0 }
  }

  private static func order(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    for (one, other) in zip(left, right) where one != other { return one < other ? -1 : 1 }
    return left.count - right.count
  }
}
