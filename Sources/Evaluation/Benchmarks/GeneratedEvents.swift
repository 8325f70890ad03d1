import Factorization
import StreamingRecommender

/// A seeded, endless stream of synthetic shop events: tastes and popularity as in `GeneratedInteractions`, and one event per second.
///
/// It stores no past events. A user may interact with an item again.
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
    // With exponentially distributed activity, the rank of the next event's user (busiest first) is the number of users times the product
    // of two uniform draws.
    let user = Int(Double(users) * random.nextShare() * random.nextShare())
    var ofUser = SplitMix64(seed: seed ^ UInt64(user + 1) &* 0x9E37_79B9_7F4A_7C15)
    let item = tastes.item(of: tastes.ofUser(&ofUser), &random)
    timeMilliseconds += 1000
    return Interaction(user: Array("u\(user)".utf8), item: Array("i\(item)".utf8), timeMilliseconds: timeMilliseconds)
  }

  mutating func next(_ count: Int) -> [Interaction] { (0..<count).map { _ in next() } }
}
