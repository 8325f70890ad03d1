import Factorization

/// What made-up users like: items that belong together, the popular ones (Zipf) more often.
struct GeneratedTastes: Sendable {
  private static let countMax = 32
  private static let perUser = 3

  let items: Int
  private let count: Int

  init(items: Int) {
    self.items = items
    count = min(Self.countMax, items)
  }

  /// The tastes of one user.
  func ofUser(_ random: inout SplitMix64) -> [Int] { (0..<Self.perUser).map { _ in Int.random(in: 0..<count, using: &random) } }

  /// In nine of ten cases of a taste of the user's own.
  func item(of own: [Int], _ random: inout SplitMix64) -> Int32 {
    let taste =
      random.nextShare() < 0.9 ? own[Int.random(in: 0..<Self.perUser, using: &random)] : Int.random(in: 0..<count, using: &random)
    let inTaste = (items - taste + count - 1) / count
    // The n-th item of a taste is drawn with probability about 1/n: a place is items^u for u drawn evenly.
    let place = min(inTaste - 1, Int(exponential2(random.nextShare() * log2Of(Double(inTaste) + 1))) - 1)
    return Int32(place * count + taste)
  }
}

extension SplitMix64 {
  /// In [0, 1).
  mutating func nextShare() -> Double { Double(next() >> 11) * 0x1p-53 }
}
