import Factorization
import ItemMetadata
import StreamingRecommender

// Answers that are computed for the request.
extension ListMaker {
  /// For whom a list is computed.
  struct Person {
    var user: Identifier?
    var taste: Taste
    var madeAtMilliseconds: Int64
    /// Whether the context is all that is known, so that nothing is missing in the solve.
    var isVisitor: Bool
  }

  /// What the assembly asks of each candidate.
  struct Assembly {
    var eligible: ItemSet
    var seen: Set<Int32>
    /// Candidates for slots of exploration, and the number of slots on a page.
    var newItems: [ListCandidate] = []
    var slots = 0
  }

  func computed(
    for person: Person, _ matrix: ItemMatrix, _ options: ListOptions, _ rules: AppliedRules?, _ blend: ImportedBlend? = nil
  ) -> ListAnswer {
    let scorer = Scorer(matrix, scratch)
    var answer = ListAnswer(user: person.user)
    answer.epoch = matrix.epoch
    answer.madeAtMilliseconds = person.madeAtMilliseconds
    answer.isApproximate = !options.context.isEmpty && !person.isVisitor
    let taste = extended(person.taste, scorer, options)
    let seen = (view.model?.served?.excludesSeen ?? true) && !options.includesSeen ? taste.seen : []
    let (candidates, unavailable) = candidates(options, matrix)
    let excluded = unavailable + unwanted(options, matrix) + (rules.map { Array($0.excluded) } ?? [])
    let isFiltered = options.filter != nil || options.include != nil
    let pool = options.poolSize(countDefault, hasRules: rules != nil)
    var entries = scorer.list(
      pool, for: taste, excluded: excluded, seen: seen, among: candidates, showsSeenWhenEmpty: !isFiltered && showsPopularWhenEmpty)
    if let boosted = rules?.boosted, !boosted.isEmpty {
      entries = lifted(entries, boosted, scorer, taste, excluded + seen, candidates, pool)
    }
    let isAssembled = rules != nil || options.maxPerCategory != nil || options.diversity > 0
    var places = ImportedPlaces()
    if let blend { (entries, places) = blended(entries, blend, options, isAssembled: isAssembled) }
    let needed = options.page(countDefault).upperBound
    if isFiltered, !options.isStrict, entries.count < needed {
      // Blended candidates have passed the least score already, and nothing asks again.
      let least = places.isEmpty ? -.infinity : options.minScore ?? -.infinity
      entries += relaxed(needed - entries.count, after: entries, scorer, taste, excluded: excluded, seen: seen).filter { $0.score >= least }
      answer.degraded = .filterRelaxed
    }
    if !isAssembled {
      answer.items = page(of: entries, matrix, options, places)
    } else {
      let isRelaxed = answer.degraded == .filterRelaxed
      let eligible = isRelaxed ? filters.items(for: nil, in: view.catalogue.index, now: now) : candidates.items
      // Where everybody has seen everything, seen items are all there is.
      let all = Set(seen)
      let isSeenShown = entries.contains { all.contains($0.item) }
      var assembly = Assembly(eligible: eligible ?? available(matrix, unavailable), seen: isSeenShown ? [] : all)
      if let exploration = rules?.exploration {
        assembly.slots = ListSettings.explorationSlots(
          n: options.count(countDefault), share: exploration.settings.share, user: person.user?.string, now: now)
        assembly.newItems = newItems(exploration, slots: assembly.slots, scorer, taste, excluded + seen, candidates, options)
        if !places.isEmpty, let least = options.minScore { assembly.newItems.removeAll { $0.score < least } }
      }
      answer.items = assembled(entries, matrix, options, rules ?? .none, assembly, &answer.notes, places)
    }
    if options.explains { explain(&answer.items, scorer, taste) } else { answer.notes = [] }
    answer.source = answer.items.first?.source
    return answer
  }

  // MARK: Candidates

  /// The candidates, and items to leave out of them because they may not be shown.
  func candidates(_ options: ListOptions, _ matrix: ItemMatrix) -> (Candidates, unavailable: [Int32]) {
    let index = view.catalogue.index
    guard options.filter != nil || options.include != nil else {
      let available = filters.items(for: nil, in: index, now: now)
      let missing = index.itemCount - available.count
      if missing == 0 { return (.all, []) }
      if missing < matrix.items / Self.excludedShare { return (.all, Array(available.complement(within: index.itemCount))) }
      return (.some(available), [])
    }
    let passing = filters.items(for: options.filter, in: index, now: now)
    guard let include = options.include else { return (.some(passing), []) }
    return (.some(ItemSet(numbers(include, matrix)).intersection(passing)), [])
  }

  /// Up to this share of all items, leaving them out one by one is faster than a mask.
  private static let excludedShare = 16

  private func available(_ matrix: ItemMatrix, _ unavailable: [Int32]) -> ItemSet {
    let all = ItemSet(first: max(matrix.items, matrix.trend.blob.accumulators.count))
    return unavailable.isEmpty ? all : all.subtracting(ItemSet(unavailable))
  }

  func numbers(_ ids: [Identifier], _ matrix: ItemMatrix) -> [Int32] { ids.compactMap { matrix.directory.number($0) } }

  /// Items that the request leaves out; what somebody is looking at is not recommended to them.
  func unwanted(_ options: ListOptions, _ matrix: ItemMatrix) -> [Int32] {
    numbers(options.exclude, matrix) + options.context.compactMap { matrix.directory.number($0.item) }
  }

  /// The best of the boosted items as well: below the best of all, a boost may still lift them into the list.
  private func lifted(
    _ entries: [ListCandidate], _ boosted: ItemSet, _ scorer: Scorer, _ taste: Taste, _ excluded: [Int32], _ candidates: Candidates,
    _ count: Int
  ) -> [ListCandidate] {
    let listed = Set(entries.map(\.item))
    let among = candidates.items.map { boosted.intersection($0) } ?? boosted
    let source = taste.hasTaste ? taste.source : .popular
    let others = scorer.top(count, for: taste, excluded: excluded, among: .some(among)).filter { !listed.contains($0.item) }
    return entries + others.map { ListCandidate(item: $0.item, score: $0.score, source: source) }
  }

  /// The best items of which little is known, enough for the slots of all pages so far.
  private func newItems(
    _ exploration: (settings: MerchandisingRule.Exploration, items: ItemSet), slots: Int, _ scorer: Scorer, _ taste: Taste,
    _ excluded: [Int32], _ candidates: Candidates, _ options: ListOptions
  ) -> [ListCandidate] {
    guard slots > 0 else { return [] }
    let (count, end) = (options.count(countDefault), options.page(countDefault).upperBound)
    let pages = (end + count - 1) / count
    var among = exploration.items.intersection(scorer.matrix.littleKnown(maxEvents: exploration.settings.maxEvents))
    if let items = candidates.items { among = among.intersection(items) }
    // As many as can stand in the list by themselves are not put into slots.
    return scorer.top(slots * pages + end, for: taste, excluded: excluded, among: .some(among)).map {
      ListCandidate(item: $0.item, score: $0.score, source: .explore)
    }
  }

  /// Items that do not pass the filter, for the places that are left.
  private func relaxed(
    _ count: Int, after entries: [ListCandidate], _ scorer: Scorer, _ taste: Taste, excluded: [Int32], seen: [Int32]
  ) -> [ListCandidate] {
    let (everything, unavailable) = candidates(ListOptions(), scorer.matrix)
    // The score of an imported item is of another scale.
    let lowest = entries.last { $0.source != .imported }?.score ?? .infinity
    return scorer.list(
      count, for: taste, excluded: excluded + unavailable + entries.map(\.item), seen: seen, among: everything
    ).map { ListCandidate(item: $0.item, score: min($0.score, lowest), source: $0.source) }
  }

  /// The taste with the context of the request.
  private func extended(_ taste: Taste, _ scorer: Scorer, _ options: ListOptions) -> Taste {
    guard !options.context.isEmpty, let served = view.model?.served else { return taste }
    let items = options.context.compactMap { context in
      scorer.matrix.directory.number(context.item).map { (item: $0, weight: context.weight) }
    }
    return scorer.extended(taste, by: items, RowSolver(served.parameters(factors: scorer.matrix.factors)))
  }

  // MARK: The page

  func page(
    of entries: [ListCandidate], _ matrix: ItemMatrix, _ options: ListOptions, _ places: ImportedPlaces = ImportedPlaces()
  ) -> [ListAnswer.Item] {
    let page = options.page(countDefault)
    var rank = 0
    var items: [ListAnswer.Item] = []
    for entry in entries {
      if let least = options.minScore, entry.score < least { continue }
      rank += 1
      guard rank > page.lowerBound, let id = matrix.directory.id(entry.item) else { continue }
      guard rank <= page.upperBound else { break }
      items.append(
        ListAnswer.Item(
          item: id, score: entry.score, source: entry.source, rank: rank, document: document(entry.item, options),
          list: places[entry.item]?.list))
    }
    return items
  }

  /// Rules, diversity and the page.
  func assembled(
    _ entries: [ListCandidate], _ matrix: ItemMatrix, _ options: ListOptions, _ rules: AppliedRules, _ assembly: Assembly,
    _ notes: inout [String], _ places: ImportedPlaces = ImportedPlaces()
  ) -> [ListAnswer.Item] {
    var settings = ListSettings(n: options.count(countDefault))
    settings.offset = options.offset
    // Blended candidates have passed it already; the score by which imported ones are ranked is not their own.
    settings.minScore = places.isEmpty ? options.minScore : nil
    settings.maxPerCategory = options.maxPerCategory
    settings.diversity = Float(options.diversity)
    settings.explorationSlots = assembly.slots
    var list = ListAssembly(settings, eligible: assembly.eligible, index: view.catalogue.index, now: now, rules: rules)
    list.excluded = Set(unwanted(options, matrix))
    list.isSeen = { assembly.seen.contains($0) }
    let scorer = Scorer(matrix, scratch)
    list.similarity = { max(0, scorer.similarity($0, $1)) }
    let result = list.assemble(entries, newItems: assembly.newItems)
    notes = result.notes.map(\.sentence)
    return result.items.compactMap { item in
      guard let id = matrix.directory.id(item.item) else { return nil }
      let place = item.source == .imported ? places[item.item] : nil
      return ListAnswer.Item(
        item: id, score: place?.score ?? item.score.map { $0 + item.boost }, source: item.source, rank: item.rank, rules: item.rules,
        ruleClass: item.ruleClass, document: document(item.item, options), list: place?.list)
    }
  }

  private func document(_ item: Int32, _ options: ListOptions) -> ItemDocument? {
    options.fields.isEmpty ? nil : view.catalogue.index.document(item)
  }

  private func explain(_ items: inout [ListAnswer.Item], _ scorer: Scorer, _ taste: Taste) {
    // The score of an imported item has no parts.
    for index in items.indices where items[index].source != .imported {
      if let number = scorer.matrix.directory.number(items[index].item) { items[index].parts = scorer.parts(of: number, for: taste) }
    }
  }
}

extension ListOptions {
  /// Items to compute before rules, caps and diversity choose among them.
  func poolSize(_ countDefault: Int, hasRules: Bool) -> Int {
    let end = page(countDefault).upperBound
    return diversity > 0 || maxPerCategory != nil || hasRules ? max(200, 5 * end) : end
  }
}

extension AssembledList.Note {
  var sentence: String {
    switch self {
    case .pinBeyondEnd(let rule, let position): "the pin of rule \(rule) would stand at \(position), beyond the end of the list"
    case .pinLeftOut(let rule, let reason): "the pin of rule \(rule) is left out: \(reason.rawValue)"
    case .categoryLimitPassed(let items): "\(items) items pass max_per_category, because nothing else was left"
    }
  }
}
