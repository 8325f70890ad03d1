import ItemMetadata
import ServingFormats
import StreamingRecommender

/// Makes the lists of one moment: from a row and the matrix of its epoch where the request needs that, else from the stored list.
///
/// Decides only; what Redis has of the user is passed in.
public struct ListMaker {
  public let view: ServingView
  /// The number of items of a list, if the request does not say.
  public let countDefault: Int
  public let now: Int64
  /// Whether a user who has used every item gets popular ones, and not an empty list.
  public var showsPopularWhenEmpty = true
  /// Rules that are in force only in the arms that name them.
  var armRules: Set<String> = []
  let filters: FilterCache
  let scratch: ScoringScratch

  public init(view: ServingView, countDefault: Int, now: Int64, filters: FilterCache, scratch: ScoringScratch) {
    self.view = view
    self.countDefault = countDefault
    self.now = now
    self.filters = filters
    self.scratch = scratch
  }

  /// Whether the row of the user may be needed for this request.
  public func wantsRow(_ options: ListOptions) -> Bool {
    // The row says which items of imported lists the user has seen.
    options.needsComputation || options.page(countDefault).upperBound > countDefault || view.rules != nil || !importsToRead.isEmpty
  }

  /// Whether only the row can tell a user who has used every item, and has no list for that reason, from one of whom nothing is known.
  func needsRow(_ stored: GatewayStore.User) -> Bool { stored.list == nil && !showsPopularWhenEmpty }

  public func list(for user: Identifier, _ stored: GatewayStore.User, _ options: ListOptions) -> ListAnswer {
    let problem = problem(with: stored.row)
    let rules = rules(for: user, options)
    guard !view.imported.isEmpty else { return list(for: user, stored, options, rules, problem, nil) }
    let (blend, uses) = blend(stored, options, rules, isChecked: problem == nil || (stored.list == nil && stored.row == nil))
    var answer = list(for: user, stored, options, rules, problem, blend)
    answer.imported = uses
    return answer
  }

  private func list(
    for user: Identifier, _ stored: GatewayStore.User, _ options: ListOptions, _ rules: AppliedRules?, _ problem: ListAnswer.Degradation?,
    _ blend: ImportedBlend?
  ) -> ListAnswer {
    let isKnown = stored.list != nil || stored.row != nil
    if !options.needsComputation, rules == nil, stored.list != nil || !isKnown {
      let answer = storedAnswer(user, stored, options, nil, blend)
      // A stored list that is too short for this page is extended where that is possible.
      let isLongEnough = answer.items.count >= options.count(countDefault) && !answer.ownListEnded
      if isLongEnough || (isKnown && problem != nil) { return answer }
    }
    if let row = stored.row, problem == nil, let matrix = view.matrices[row.epoch] {
      return computed(
        for: Person(user: user, taste: Taste(row), madeAtMilliseconds: row.madeAtMilliseconds, isVisitor: false), matrix, options, rules,
        blend)
    }
    guard isKnown else { return visitor(user, options, rules, blend) }
    var answer = storedAnswer(user, stored, options, rules, blend)
    answer.degraded = problem
    return answer
  }

  /// For somebody of whom nothing is stored: from the context, else the popular items.
  public func visitor(_ user: Identifier?, _ options: ListOptions) -> ListAnswer { visitor(user, options, rules(for: user, options)) }

  private func visitor(
    _ user: Identifier?, _ options: ListOptions, _ rules: AppliedRules?, _ blend: ImportedBlend? = nil
  ) -> ListAnswer {
    guard let matrix = view.newest else { return storedPopular(user, options) }
    let nobody = Taste(vector: [Float](repeating: 0, count: matrix.factors), seen: [], source: .context)
    return computed(
      for: Person(user: user, taste: nobody, madeAtMilliseconds: matrix.trend.blob.madeAtMilliseconds, isVisitor: true), matrix, options,
      rules, blend)
  }

  /// Why nothing can be computed from this row.
  private func problem(with row: UserRow?) -> ListAnswer.Degradation? {
    guard let row else { return .noRow }
    guard let matrix = view.matrices[row.epoch], matrix.factors == row.factors.count else { return .epoch }
    return matrix.accepts(row) ? nil : .numbers
  }

  /// The rules in force for the request.
  func rules(for user: Identifier?, _ options: ListOptions) -> AppliedRules? {
    view.rules?.applying(user: user, placement: options.placement, now: now) { rule in
      !armRules.contains(rule.id) || options.arm?.arm.rules.contains(rule.id) ?? false
    }
  }
}

extension ListOptions {
  func count(_ countDefault: Int) -> Int { n ?? countDefault }

  /// Ranks of the page, from 0.
  func page(_ countDefault: Int) -> Range<Int> { offset..<(offset + count(countDefault)) }
}
