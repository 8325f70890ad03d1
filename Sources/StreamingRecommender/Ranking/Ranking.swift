import Factorization

/// Ranks items for a user: score = user vector x item vector + trend + transition boosts, over the candidates that are not excluded.
///
/// Served lists, the quality gate, the evaluation and similar items share this implementation.
///
/// A value that refers to the state at one moment; created per batch without copying vectors.
struct Ranking {
  typealias NewestFirst = TransitionRules.NewestFirst

  let index: ItemIndex
  /// Coefficient of an item's bias for users with a non-zero vector, and for all others.
  let biasWeight: Float
  let biasWeightWithoutTaste: Float
  private let transitions: TransitionCounts
  private let rules: TransitionRules?
  private let excludesSeen: Bool

  init(_ index: ItemIndex, trend: TrendCounter, transitions: TransitionCounts, settings: EngineSettings) {
    self.index = index
    biasWeight = settings.trendWeight == 0 ? 0 : trend.coefficient(weight: settings.trendWeight)
    biasWeightWithoutTaste = settings.trendWeight == 0 ? trend.coefficient(weight: 1) : biasWeight
    self.transitions = transitions
    rules = settings.transitions
    excludesSeen = settings.excludeSeen
  }

  /// Ranks by vectors only; used for similar items.
  init(similarTo index: ItemIndex) {
    self.index = index
    biasWeight = 0
    biasWeightWithoutTaste = 0
    transitions = TransitionCounts(successorsMax: 1)
    rules = nil
    excludesSeen = true
  }

  /// Whether the vector is non-zero. Users without history, with dislikes only, or whose items have no vectors have the zero vector and
  /// get the popular items.
  static func hasTaste(_ vector: UnsafeBufferPointer<Float>) -> Bool { vector.contains { $0 != 0 } }

  /// Transition boosts from the user's newest items.
  func boosts(_ newestFirst: NewestFirst) -> [ScoredItem] { rules.map { $0.boosts(transitions, newestFirst) } ?? [] }

  /// Items to exclude from a list: seen items, if configured, and items without a vector.
  func excluded(seen: @autoclosure () -> [Int32]) -> [Int32] { (excludesSeen ? seen() : []) + index.absent }

  /// The top-N query of one user.
  func query(_ vector: UnsafeBufferPointer<Float>, seen: @autoclosure () -> [Int32], _ newestFirst: NewestFirst = { _ in })
    -> TopNSelector.Query
  {
    TopNSelector.Query(
      factors: vector, biasWeight: Self.hasTaste(vector) ? biasWeight : biasWeightWithoutTaste, excluded: excluded(seen: seen()),
      boosts: boosts(newestFirst))
  }

  /// Exact top-N lists of several users.
  func top(_ n: Int, _ queries: [TopNSelector.Query], _ selector: TopNSelector) -> [[ScoredItem]] {
    selector.top(n, of: index.panels, for: queries)
  }

  /// Rank of an item for a user among all items: how many items score higher and how many score the same.
  ///
  /// Items without a vector are ranked by the remaining parts of their score.
  ///
  /// - Parameters:
  ///   - item: `nil` for an item that has never been seen; it scores 0.
  ///   - excluded: items that are not candidates. `item` itself is always a candidate.
  ///   - count: number of items in the catalogue.
  func place(
    of item: Int32?, vector: UnsafeBufferPointer<Float>, excluded: [Int32], trend: TrendCounter, count: Int, _ scratch: EngineScratch,
    _ newestFirst: NewestFirst
  ) -> (better: Int, ties: Int) {
    let panels = index.panels
    let weight = Self.hasTaste(vector) ? biasWeight : biasWeightWithoutTaste
    let boosts = boosts(newestFirst)
    scratch.selectors[0].scores(
      of: panels, for: .init(factors: vector, biasWeight: weight, excluded: excluded.filter { $0 != item }, boosts: boosts),
      into: &scratch.scores)
    if scratch.scores.count < count { scratch.scores.append(contentsOf: repeatElement(0, count: count - scratch.scores.count)) }
    // Items added after the panels were laid out have no vector; only trend and boosts contribute.
    let laidOut = min(panels.items, count)
    for late in laidOut..<count {
      scratch.scores[late] = late < trend.accumulators.count ? weight * trend.accumulators[late] : 0
    }
    for boost in boosts where Int(boost.item) >= laidOut { scratch.scores[Int(boost.item)] += boost.score }
    for other in excluded where Int(other) >= laidOut && other != item { scratch.scores[Int(other)] = -.infinity }
    let score = item.map { scratch.scores[Int($0) < laidOut ? panels.position(Int($0)) : Int($0)] } ?? 0
    let (greater, equal) = scratch.selectors[0].countAbove(score, in: scratch.scores, count: count)
    return (greater, item == nil ? equal : equal - 1)
  }
}
