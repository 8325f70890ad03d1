/// Makes the list of an answer from scored candidates, in this order: items that may not appear; the filter; boosts and bury; the lowest
/// score and diversity; slots for exploration; pins.
///
/// The result depends on nothing but these values. Whether an item has been seen, is excluded or passes is asked for each candidate, so
/// candidates may be given as they were scored.
public struct ListAssembly {
  public var settings: ListSettings
  /// Available items that pass the filter, as `FilterCache` gives them.
  public var eligible: ItemSet
  public var index: CatalogueIndex
  public var now: Int64
  public var rules: AppliedRules
  /// Items that the request leaves out.
  public var excluded: Set<Int32> = []
  public var isSeen: (Int32) -> Bool = { _ in false }
  /// Between 0 for items that have nothing in common and 1; the cosine of their vectors.
  public var similarity: (Int32, Int32) -> Float = { _, _ in 0 }

  /// A boost is at least worth this, where all scores are equal.
  static let spreadMin: Float = 1e-6

  public init(_ settings: ListSettings, eligible: ItemSet, index: CatalogueIndex, now: Int64, rules: AppliedRules = .none) {
    self.settings = settings
    self.eligible = eligible
    self.index = index
    self.now = now
    self.rules = rules
  }

  /// A candidate on its way into the list.
  struct Entry {
    let candidate: ListCandidate
    /// The score for ranking: the lowest so far in the order of the candidates, and what rules added.
    var key: Float
    var boost: Float = 0
    var rules: [String] = []
    var ruleClass: AssembledList.RuleClass = []

    var item: Int32 { candidate.item }
    var isBuried: Bool { ruleClass.contains(.bury) }
  }

  /// - Parameters:
  ///   - candidates: in the order in which they would be shown; where sources with scores of their own follow each other, this order counts
  ///     and not the scores.
  ///   - newItems: candidates for exploration, in order of their score.
  public func assemble(_ candidates: [ListCandidate], newItems: [ListCandidate] = []) -> AssembledList {
    var notes: [AssembledList.Note] = []
    var ranking = ranked(admitted(candidates))
    let pins = placedPins(ranking, candidates, &notes)
    let pinned = Set(pins.map(\.entry.item))
    ranking.removeAll { pinned.contains($0.item) || isBelowMinimum($0) }

    // Items in slots may stand in the ranking as well, so that it needs to be longer by as many.
    let end = settings.offset + settings.n
    let slots = (end + settings.n - 1) / settings.n * settings.explorationSlots
    let diverse = DiverseOrder(settings, index: index, similarity: similarity).order(ranking, count: end + slots)
    let list = inserted(pins, into: explored(diverse.entries, newItems, without: pinned), count: end)

    let page = list.dropFirst(settings.offset)
    let passed = page.count { diverse.pastLimit.contains($0.item) }
    if passed > 0 { notes.append(.categoryLimitPassed(items: passed)) }
    let items = zip((settings.offset + 1)..., page).map { rank, entry in
      AssembledList.Item(
        item: entry.item, score: entry.candidate.score.isNaN ? nil : entry.candidate.score, boost: entry.boost, rank: rank,
        source: entry.candidate.source, rules: entry.rules, ruleClass: entry.ruleClass)
    }
    return AssembledList(items: items, notes: notes, ranOut: list.count < end)
  }

  // MARK: 1 and 2: what may appear

  private func isExcluded(_ item: Int32) -> Bool { excluded.contains(item) || rules.excluded.contains(item) }

  /// The candidates that may appear, each once.
  private func admitted(_ candidates: [ListCandidate]) -> [ListCandidate] {
    var known = ItemSet()
    return candidates.filter { candidate in
      eligible.contains(candidate.item) && !isExcluded(candidate.item) && !isSeen(candidate.item) && known.insert(candidate.item)
    }
  }

  private func isBelowMinimum(_ entry: Entry) -> Bool { settings.minScore.map { entry.candidate.score < $0 } ?? false }

  // MARK: 3: boosts and bury

  /// The candidates with their boosts, in their new order, and the buried ones last.
  private func ranked(_ candidates: [ListCandidate]) -> [Entry] {
    var lowest = Float.infinity
    var entries = candidates.map { candidate in
      lowest = min(lowest, candidate.score)
      return Entry(candidate: candidate, key: lowest)
    }
    guard let first = entries.first, !rules.boosted.isEmpty || !rules.buried.isEmpty else { return entries }
    let spread = max(first.key - entries[min(settings.n, entries.count) - 1].key, Self.spreadMin)
    for index in entries.indices {
      let (strength, lifting) = rules.boost(of: entries[index].item)
      let burying = rules.buries(of: entries[index].item)
      entries[index].boost = Float(strength) * spread
      entries[index].key += entries[index].boost
      entries[index].rules = lifting + burying
      if !lifting.isEmpty { entries[index].ruleClass.insert(.boost) }
      if !burying.isEmpty { entries[index].ruleClass.insert(.bury) }
    }
    // The order of the candidates decides between equal keys.
    let order = entries.indices.sorted { (entries[$0].key, $1) > (entries[$1].key, $0) }
    return order.map { entries[$0] }.filter { !$0.isBuried } + order.map { entries[$0] }.filter(\.isBuried)
  }

  // MARK: 5: exploration

  /// Puts the new items at the ranks 4, 9, 14 ... of each page. An item that is in the list already is not put there again.
  private func explored(_ entries: [Entry], _ newItems: [ListCandidate], without pinned: Set<Int32>) -> [Entry] {
    guard settings.explorationSlots > 0, !newItems.isEmpty else { return entries }
    var result: [Entry] = []
    var placed = ItemSet()
    var rest = admitted(newItems).filter { !pinned.contains($0.item) }[...]
    for entry in entries {
      while isSlot(result.count), let new = rest.popFirst() {
        guard placed.insert(new.item) else { continue }
        var entry = Entry(candidate: ListCandidate(item: new.item, score: new.score, source: .explore), key: new.score)
        if let rule = rules.exploring?.rule { entry.rules = [rule.id] }
        result.append(entry)
      }
      if placed.insert(entry.item) { result.append(entry) }
    }
    return result
  }

  /// Whether the place, from 0, is a slot.
  private func isSlot(_ place: Int) -> Bool {
    let inPage = place % settings.n
    return inPage % 5 == 3 && inPage / 5 < settings.explorationSlots
  }
}
