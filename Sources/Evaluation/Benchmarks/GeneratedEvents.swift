import Factorization
import StreamingRecommender

/// A seeded stream of events as a shop sees them: tastes and popular items as in `GeneratedInteractions`, a new event every second.
///
/// It never ends and holds nothing of what it drew. A user may come back to an item.
struct GeneratedEvents: Sendable {
  let users: Int
  private let tastes: GeneratedTastes
  private let seed: UInt64
  private var random: SplitMix64
  private var timeMilliseconds: Int64 = 1_700_000_000_000

  init(users: Int, items: Int, seed: UInt64) {
    precondition(users > 0 && items > 0, "\(users) users, \(items) items")
    self.users = users
    tastes = GeneratedTastes(items: items)
    self.seed = seed
    random = SplitMix64(seed: seed)
  }

  mutating func next() -> Interaction {
    // Where activity is exponential, the next event's user stands among all, busiest first, at the product of two even draws.
    let user = Int(Double(users) * random.nextShare() * random.nextShare())
    var ofUser = SplitMix64(seed: seed ^ UInt64(user + 1) &* 0x9E37_79B9_7F4A_7C15)
    let item = tastes.item(of: tastes.ofUser(&ofUser), &random)
    timeMilliseconds += 1000
    return Interaction(user: Array("u\(user)".utf8), item: Array("i\(item)".utf8), timeMilliseconds: timeMilliseconds)
  }

  mutating func next(_ count: Int) -> [Interaction] { (0..<count).map { _ in next() } }
}
