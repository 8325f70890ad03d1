import Factorization

/// Synthetic tastes: groups of items in which popular ones (Zipf) are drawn more often.
struct GeneratedTastes: Sendable {
  private static let countMax = 32
  private static let perUser = 3

  let items: Int
  private let count: Int

  init(items: Int) {
    self.items = items
    count = min(Self.countMax, items)
  }

  /// Draws the tastes of one user.
  func ofUser(_ random: inout SplitMix64) -> [Int] { (0..<Self.perUser).map { _ in Int.random(in: 0..<count, using: &random) } }

  /// Draws an item, in nine of ten cases from one of the user's own tastes.
  func item(of own: [Int], _ random: inout SplitMix64) -> Int32 {
    let taste =
      random.nextShare() < 0.9 ? own[Int.random(in: 0..<Self.perUser, using: &random)] : Int.random(in: 0..<count, using: &random)
    let inTaste = (items - taste + count - 1) / count
    // The n-th item of a taste is drawn with a probability of about 1/n: the rank is items^u for a uniform u.
    let place = min(inTaste - 1, Int(exponential2(random.nextShare() * log2Of(Double(inTaste) + 1))) - 1)
    return Int32(place * count + taste)
  }
}

extension SplitMix64 {
  /// Returns a uniform number in [0, 1).
  mutating func nextShare() -> Double { Double(next() >> 11) * 0x1p-53 }
}
