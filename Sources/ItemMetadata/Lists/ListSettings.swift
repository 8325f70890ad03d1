/// What a request wants of its list.
public struct ListSettings: Sendable, Equatable {
  /// The length of a page.
  public var n: Int
  /// The items before the page. All pages are cut from one ranking, if they ask for the same `n`.
  public var offset = 0
  /// Items with a lower score of the model are left out, except those that a rule pins.
  public var minScore: Float?
  public var maxPerCategory: Int?
  /// The weight of dissimilarity to the items above, from 0 to 1.
  public var diversity: Float = 0
  /// Slots for exploration on each page.
  public var explorationSlots = 0

  public init(n: Int) {
    precondition(n > 0, "n must be positive, got \(n)")
    self.n = n
  }

  /// The number of slots for exploration on a page of `n`: the share of it, where a fraction is one slot for that fraction of users, who are
  /// others each hour.
  public static func explorationSlots(n: Int, share: Double, user: String?, now: Int64) -> Int {
    let wanted = Double(n) * share
    let whole = wanted.rounded(.down)
    let hour = now / 3_600_000
    return Int(whole) + (UserShare.includes(user ?? "", percent: (wanted - whole) * 100, salt: "exploration \(hour)") ? 1 : 0)
  }
}
