/// Divides users among arms, in the same way everywhere and at all times.
///
/// A user's bucket is that of `UserShare`: the first 8 bytes of SHA-256(salt, a zero byte, user id) as a big-endian number, modulo 10,000.
/// The arms take the buckets from 0 on by their shares in their order, but the last one ends at 9,999: buckets that no arm has lie before
/// it, and if its share grows at the cost of the arm before, nobody moves out of it.
public struct ArmAllocation: Sendable, Equatable {
  /// The buckets of each arm.
  public let ranges: [Range<Int>]

  /// - Parameter shares: in percent, not more than 100 in all; hundredths count.
  public init(shares: [Double]) {
    precondition(shares.allSatisfy { $0 >= 0 } && shares.reduce(0, +) <= 100 + Self.rounding, "shares exceed 100: \(shares)")
    var sum = 0.0
    var ranges: [Range<Int>] = []
    for share in shares {
      let start = Self.bucket(sum)
      sum += share
      ranges.append(start..<max(start, Self.bucket(sum)))
    }
    if let last = ranges.popLast(), let share = shares.last {
      ranges.append(max(last.lowerBound, UserShare.buckets - Self.bucket(share))..<UserShare.buckets)
    }
    self.ranges = ranges
  }

  /// Sums of decimal fractions are not exact.
  static let rounding = 1e-6

  private static func bucket(_ percent: Double) -> Int {
    min(UserShare.buckets, Int((percent * Double(UserShare.buckets) / 100).rounded()))
  }

  /// The place of the user's arm, or `nil` if the user is in none.
  public func arm(of user: String, salt: String) -> Int? {
    let bucket = UserShare.bucket(of: user, salt: salt)
    return ranges.firstIndex { $0.contains(bucket) }
  }
}
