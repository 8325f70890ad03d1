import Factorization

/// How items are ranked: candidates with a vector, score = user vector x item vector + trend + what follows from the order of items,
/// less what is left out. One description for the lists that are served, the quality gate, the evaluation, similar and popular items.
///
/// A value over one moment of the state; it is made per batch and costs no copy of the vectors.
struct Ranking {
  typealias NewestFirst = TransitionRules.NewestFirst

  let index: ItemIndex
  /// Coefficient of an item's bias for users with a taste, and for those about whom nothing personal can be said.
  private let biasWeight: Float
  private let biasWeightWithoutTaste: Float
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

  /// By vectors alone: similar items.
  init(similarTo index: ItemIndex) {
    self.index = index
    biasWeight = 0
    biasWeightWithoutTaste = 0
    transitions = TransitionCounts(successorsMax: 1)
    rules = nil
    excludesSeen = true
  }

  /// Whether anything personal can be said: a user without history, with dislikes only or with items that have no vector has the zero
  /// vector, and gets the popular items.
  static func hasTaste(_ vector: UnsafeBufferPointer<Float>) -> Bool { vector.contains { $0 != 0 } }

  /// What the user's newest items add to the scores of what usually follows them.
  func boosts(_ newestFirst: NewestFirst) -> [ScoredItem] { rules.map { $0.boosts(transitions, newestFirst) } ?? [] }

  /// What a list leaves out: seen items, where the settings say so, and items without a vector.
  func excluded(seen: @autoclosure () -> [Int32]) -> [Int32] { (excludesSeen ? seen() : []) + index.absent }

  /// The question that the top-N search answers for one user.
  func query(_ vector: UnsafeBufferPointer<Float>, seen: @autoclosure () -> [Int32], _ newestFirst: NewestFirst = { _ in })
    -> TopNSelector.Query
  {
    TopNSelector.Query(
      factors: vector, biasWeight: Self.hasTaste(vector) ? biasWeight : biasWeightWithoutTaste, excluded: excluded(seen: seen()),
      boosts: boosts(newestFirst))
  }

  /// Exact top-N lists for several users at once.
  func top(_ n: Int, _ queries: [TopNSelector.Query], _ selector: TopNSelector) -> [[ScoredItem]] {
    selector.top(n, of: index.panels, for: queries)
  }

  /// Where an item stands for a user among all items: how many score higher, how many the same. Items without a vector are ranked too,
  /// by what else their score is made of.
  ///
  /// - Parameters:
  ///   - item: `nil` for one that has never been seen: it scores 0.
  ///   - excluded: items that are no candidates; the item itself is one, whatever stands here.
  ///   - count: items in the catalogue.
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
    // Items that came after the panels were laid out have no vector, only a count and what follows from the order of items.
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
