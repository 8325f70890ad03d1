import Factorization
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
  let filters: FilterCache
  let scratch: ScoringScratch

  public init(view: ServingView, countDefault: Int, now: Int64, filters: FilterCache, scratch: ScoringScratch) {
    self.view = view
    self.countDefault = countDefault
    self.now = now
    self.filters = filters
    self.scratch = scratch
  }

  // MARK: A user

  public func list(for user: Identifier, _ stored: GatewayStore.User, _ options: ListOptions) -> ListAnswer {
    let problem = problem(with: stored.row)
    let rules = rules(for: user, options)
    if !options.needsComputation, rules.isEmpty || problem != nil {
      let answer = storedList(user, stored, options)
      let isComplete = answer.items.count >= options.count(countDefault)
      // A stored list that is too short for this page is only extended where that is possible.
      if isComplete || (problem != nil && stored.list != nil) { return answer }
    }
    if let row = stored.row, problem == nil, let matrix = view.matrices[row.epoch] {
      return computed(user, Taste(row), matrix, options, rules, madeAt: row.madeAtMilliseconds, showsSeenWhenEmpty: true)
    }
    guard stored.list != nil || stored.row != nil else { return visitor(user, options, rules) }
    var answer = storedList(user, stored, options)
    answer.degraded = problem
    return answer
  }

  /// Why nothing can be computed from this row.
  private func problem(with row: UserRow?) -> ListAnswer.Degradation? {
    guard let row else { return .noRow }
    guard let matrix = view.matrices[row.epoch], matrix.factors == row.factors.count else { return .epoch }
    return matrix.accepts(row) ? nil : .numbers
  }

  /// For somebody of whom nothing is stored: from the context, else the popular items.
  public func visitor(_ user: Identifier?, _ options: ListOptions) -> ListAnswer { visitor(user, options, rules(for: user, options)) }

  private func visitor(_ user: Identifier?, _ options: ListOptions, _ rules: RuleSelection) -> ListAnswer {
    guard let matrix = view.newest else { return storedPopular(user, options) }
    let nobody = Taste(vector: [Float](repeating: 0, count: matrix.factors), seen: [], source: .context)
    return computed(
      user, nobody, matrix, options, rules, madeAt: matrix.trend.blob.madeAtMilliseconds, isExact: true, showsSeenWhenEmpty: true)
  }

  // MARK: Stored lists

  private func storedList(_ user: Identifier?, _ stored: GatewayStore.User, _ options: ListOptions) -> ListAnswer {
    guard let list = stored.list else { return storedPopular(user, options) }
    return answer(user, from: list, options)
  }

  private func storedPopular(_ user: Identifier?, _ options: ListOptions) -> ListAnswer {
    view.popular.map { answer(user, from: $0, options) } ?? ListAnswer(user: user)
  }

  /// The list less what may not be shown or does not pass, in its order.
  func answer(_ user: Identifier?, from list: StoredList, _ options: ListOptions) -> ListAnswer {
    var answer = ListAnswer(user: user)
    answer.epoch = list.epoch
    answer.madeAtMilliseconds = list.madeAtMilliseconds
    answer.isStored = true
    let page = options.page(countDefault)
    let excluded = Set(options.exclude)
    let included = options.include.map { Set($0) }
    var rank = 0
    for (place, entry) in list.items.enumerated() {
      guard rank < page.upperBound else { break }
      let number = number(entry.item)
      guard view.catalogue.isAvailable(entry.item, number: number, at: now), excluded.isEmpty || !excluded.contains(entry.item),
        included?.contains(entry.item) ?? true, options.minScore.map({ entry.score >= $0 }) ?? true
      else { continue }
      let document = number.flatMap { view.catalogue.index.document($0) }
      if let filter = options.filter, !filter.matches(document, now: now) { continue }
      rank += 1
      guard rank > page.lowerBound else { continue }
      answer.items.append(
        ListAnswer.Item(
          item: entry.item, score: entry.score, source: list.source(at: place), rank: rank,
          document: options.fields.isEmpty ? nil : document))
    }
    answer.source = answer.items.first?.source
    return answer
  }

  private func number(_ item: Identifier) -> Int32? { view.newest?.directory.number(item) }

  // MARK: Computed lists

  private func computed(
    _ user: Identifier?, _ taste: Taste, _ matrix: ItemMatrix, _ options: ListOptions, _ rules: RuleSelection, madeAt: Int64,
    isExact: Bool = false, showsSeenWhenEmpty: Bool
  ) -> ListAnswer {
    let scorer = Scorer(matrix, scratch)
    var answer = ListAnswer(user: user)
    answer.epoch = matrix.epoch
    answer.madeAtMilliseconds = madeAt
    let taste = extended(taste, scorer, options, &answer, isExact: isExact)
    let hides = (view.model?.served?.excludesSeen ?? true) && !options.includesSeen
    let seen = hides ? taste.seen : []
    let (candidates, unavailable) = candidates(options, matrix)
    let excluded = unavailable + numbers(options.exclude, matrix) + options.context.compactMap { matrix.directory.number($0.item) }
    let isFiltered = options.filter != nil || options.include != nil
    let page = options.page(countDefault)
    let poolSize = rules.isEmpty ? options.poolSize(countDefault) : max(200, 5 * page.upperBound)
    var pool = scorer.list(
      poolSize, for: taste, excluded: excluded, seen: seen, among: candidates, showsSeenWhenEmpty: showsSeenWhenEmpty && !isFiltered)
    if isFiltered, !options.isStrict, pool.count < page.upperBound {
      let others = scorer.list(
        poolSize, for: taste, excluded: excluded + pool.map(\.item), seen: seen, among: .all, showsSeenWhenEmpty: false)
      let lowest = pool.last?.score ?? .infinity
      pool += others.prefix(page.upperBound - pool.count).map { .init(item: $0.item, score: min($0.score, lowest), source: $0.source) }
      answer.degraded = .filterRelaxed
    }
    answer.items = assembled(pool, scorer, taste, options, rules)
    answer.source = answer.items.first?.source
    return answer
  }

  /// The taste with the context of the request. Its transitions are not known here.
  private func extended(
    _ taste: Taste, _ scorer: Scorer, _ options: ListOptions, _ answer: inout ListAnswer, isExact: Bool
  ) -> Taste {
    guard !options.context.isEmpty, let served = view.model?.served else { return taste }
    let items = options.context.compactMap { context in
      scorer.matrix.directory.number(context.item).map { (item: $0, weight: context.weight) }
    }
    let solver = RowSolver(served.parameters(factors: scorer.matrix.factors))
    answer.isApproximate = !isExact
    return scorer.extended(taste, by: items, solver)
  }

  /// The candidates, and items to leave out of them because they may not be shown.
  func candidates(_ options: ListOptions, _ matrix: ItemMatrix) -> (Candidates, unavailable: [Int32]) {
    let index = view.catalogue.index
    guard options.filter != nil || options.include != nil else {
      let available = filters.items(for: nil, in: index, now: now)
      let missing = index.itemCount - available.count
      if missing == 0 { return (.all, []) }
      if missing < matrix.items / 16 { return (.all, Array(available.complement(within: index.itemCount))) }
      return (.some(available), [])
    }
    let passing = filters.items(for: options.filter, in: index, now: now)
    guard let include = options.include else { return (.some(passing), []) }
    return (.some(ItemSet(numbers(include, matrix)).intersection(passing)), [])
  }

  func numbers(_ ids: [Identifier], _ matrix: ItemMatrix) -> [Int32] { ids.compactMap { matrix.directory.number($0) } }

  /// Rules, diversity and the page.
  private func assembled(
    _ pool: [Scorer.Entry], _ scorer: Scorer, _ taste: Taste, _ options: ListOptions, _ rules: RuleSelection
  ) -> [ListAnswer.Item] {
    let page = options.page(countDefault)
    let kept = pool.filter { entry in options.minScore.map { entry.score >= $0 } ?? true }
    let cut = kept.prefix(page.upperBound).dropFirst(page.lowerBound)
    return cut.enumerated().compactMap { place, entry in
      guard let id = scorer.matrix.directory.id(entry.item) else { return nil }
      return ListAnswer.Item(
        item: id, score: entry.score, source: entry.source, rank: page.lowerBound + place + 1,
        document: options.fields.isEmpty ? nil : view.catalogue.index.document(entry.item),
        parts: options.explains ? scorer.parts(of: entry.item, for: taste) : nil)
    }
  }

  // MARK: Rules

  struct RuleSelection { var isEmpty: Bool { true } }
  private func rules(for user: Identifier?, _ options: ListOptions) -> RuleSelection { RuleSelection() }
}

extension ListOptions {
  func count(_ countDefault: Int) -> Int { n ?? countDefault }

  /// Ranks of the page, from 0.
  func page(_ countDefault: Int) -> Range<Int> { offset..<(offset + count(countDefault)) }

  /// Items to compute before caps and diversity choose among them.
  func poolSize(_ countDefault: Int) -> Int {
    let end = page(countDefault).upperBound
    return diversity > 0 || maxPerCategory != nil ? max(200, 5 * end) : end
  }
}
