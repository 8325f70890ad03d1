/// Judges the lists that readers have by the events that arrive: is the item of an event in the list of its user that stood before?
///
/// A prequential evaluation on a sample of the users, by source and hour of the event, with the popular list beside it as a baseline. Only
/// first interactions with an item that the list could hold are judged.
public struct LiveQuality: Sendable {
  /// The length to which hits count.
  public static let k = 10
  /// Hours that are kept.
  static let hoursMax = 48
  /// The largest number of users in the sample; beyond it, the sample is halved.
  static let usersMax = 50_000
  /// Items of a list that are kept.
  static let itemsMax = 100
  private static let hour: Int64 = 3_600_000

  /// Sums over judged events.
  public struct Tally: Sendable, Equatable {
    public var events = 0
    /// Events whose item was among the first `k` of the list.
    public var hits = 0
    /// Sum of 1 / rank, 0 for an item that was not in the list.
    public var reciprocalRanks = 0.0
    /// Events whose item was among the first `k` popular items that the user had not used.
    public var popularHits = 0
    public init() {}

    mutating func add(rank: Int?, popularRank: Int?) {
      events += 1
      if let rank {
        if rank <= LiveQuality.k { hits += 1 }
        reciprocalRanks += 1 / Double(rank)
      }
      if let popularRank, popularRank <= LiveQuality.k { popularHits += 1 }
    }

    public static func + (a: Tally, b: Tally) -> Tally {
      var sum = a
      sum.events += b.events
      sum.hits += b.hits
      sum.reciprocalRanks += b.reciprocalRanks
      sum.popularHits += b.popularHits
      return sum
    }

    public var hitRate: Double? { events == 0 ? nil : Double(hits) / Double(events) }
    public var meanReciprocalRank: Double? { events == 0 ? nil : reciprocalRanks / Double(events) }
    public var popularHitRate: Double? { events == 0 ? nil : Double(popularHits) / Double(events) }
  }

  /// The list of a user that stands.
  private struct Standing: Sendable {
    var items: [Int32]
    var source: RecommendationSource
    /// The items of both models' lists that both know; `nil` without a shadow.
    var compared: (live: [Int32], shadow: [Int32])?
    /// What the user contributed to the comparison.
    var share = PairedHits.Share()
  }

  private var standing: [UserReference: Standing] = [:]
  /// One user in so many is in the sample; a power of two.
  public private(set) var sampling: UInt32 = 16
  /// Popular items, best first, as of the last second.
  private var popular: [Int32] = []
  private var hours: [Int64: [RecommendationSource: Tally]] = [:]
  /// By source since the start of the process.
  public private(set) var totals: [RecommendationSource: Tally] = [:]
  public private(set) var comparison = PairedHits()

  public init() {}

  /// How many popular items are kept: the list skips those that the user has used.
  static let popularMax = 100

  mutating func setPopular(_ items: [Int32]) { popular = items }

  func isSampled(_ user: UserReference) -> Bool {
    let mixed = (UInt32(bitPattern: user.index) &* 0x9E37_79B1) ^ (UInt32(bitPattern: user.partition) &* 0x85EB_CA6B)
    return (mixed >> 8) & (sampling - 1) == 0
  }

  /// Keeps a list that was handed to the publisher.
  mutating func note(
    _ user: UserReference, _ items: [Int32], _ source: RecommendationSource, compared: (live: [Int32], shadow: [Int32])? = nil
  ) {
    standing[user] = Standing(
      items: Array(items.prefix(Self.itemsMax)), source: source,
      compared: compared.map { (Array($0.live.prefix(Self.k)), Array($0.shadow.prefix(Self.k))) },
      share: standing[user]?.share ?? PairedHits.Share())
    while standing.count > Self.usersMax {
      sampling *= 2
      standing = standing.filter { isSampled($0.key) }
    }
  }

  mutating func forget(_ user: UserReference) {
    if !standing.isEmpty { standing[user] = nil }
  }

  /// The users may have other numbers from now on.
  mutating func forgetUsers() { standing = [:] }

  mutating func restartComparison() {
    comparison = PairedHits()
    for user in standing.keys { standing[user]!.share = PairedHits.Share() }
  }

  /// Judges the list of a user by a first interaction.
  ///
  /// - Parameters:
  ///   - isInShadow: whether the shadow's list could hold the item.
  ///   - hasUsed: whether the user used an item before.
  mutating func judge(
    _ item: Int32, of user: UserReference, atMilliseconds time: Int64, isInShadow: Bool, hasUsed: () -> [Int32]
  ) {
    guard let list = standing[user] else { return }
    let rank = list.items.firstIndex(of: item).map { $0 + 1 }
    let popularRank = popularRank(of: item, hasUsed)
    totals[list.source, default: Tally()].add(rank: rank, popularRank: popularRank)
    hours[time / Self.hour, default: [:]][list.source, default: Tally()].add(rank: rank, popularRank: popularRank)
    if hours.count > Self.hoursMax, let oldest = hours.keys.min() { hours[oldest] = nil }
    if isInShadow, let lists = list.compared {
      comparison.add(live: lists.live.contains(item), shadow: lists.shadow.contains(item), &standing[user]!.share)
    }
  }

  private func popularRank(of item: Int32, _ hasUsed: () -> [Int32]) -> Int? {
    guard let place = popular.firstIndex(of: item) else { return nil }
    guard place >= Self.k else { return place + 1 }
    let used = Set(hasUsed())
    return popular[..<place].count { !used.contains($0) } + 1
  }

  /// The sums of the hours `hours` before the one of `now`, by source; an hour begins where the UTC hour does.
  public func tally(ofHours back: Range<Int>, before now: Int64) -> [RecommendationSource: Tally] {
    let current = now / Self.hour
    var sum: [RecommendationSource: Tally] = [:]
    for hour in back { sum.merge(hours[current - Int64(hour)] ?? [:], uniquingKeysWith: +) }
    return sum
  }
}
