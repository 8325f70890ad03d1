import ItemMetadata
import StreamingRecommender

// Imported lists in answers for users.
extension ListMaker {
  /// The imported lists that requests of this moment should read; none costs nothing.
  var importsToRead: [ServedImport] {
    view.imported.isEmpty ? [] : view.imported.filter { $0.current != nil && !$0.isExpired(at: now) }
  }

  /// What can be blended for the user, and what became of each list of the configuration.
  ///
  /// - Parameter isChecked: whether it is known what the user has seen.
  func blend(
    _ stored: GatewayStore.User, _ options: ListOptions, _ rules: AppliedRules?, isChecked: Bool
  ) -> (ImportedBlend?, [ImportedUse]) {
    let matrix = stored.row.flatMap { view.matrices[$0.epoch] } ?? view.newest
    var sources: [ImportedBlend.Source] = []
    var showable: Showable?
    let uses = view.imported.map { configured -> ImportedUse in
      func use(_ result: ImportedUse.Result) -> ImportedUse { ImportedUse(name: configured.name, result: result) }
      if configured.isExpired(at: now) { return use(.expired) }
      guard let list = stored.imported[configured.name] else { return use(.missing) }
      guard list.expiresAtMilliseconds ?? .max > now else { return use(.expired) }
      guard isChecked, let matrix else { return use(.unchecked) }
      if showable == nil { showable = Showable(candidates(options, matrix), unwanted(options, matrix)) }
      let entries = shown(list, stored, matrix, options, rules, showable!)
      guard !entries.isEmpty else { return use(.filtered) }
      sources.append(.init(name: configured.name, weight: configured.weight, entries: entries))
      return use(.blended)
    }
    return (sources.isEmpty ? nil : ImportedBlend(sources: sources), uses)
  }

  /// What a request takes and leaves out, the same for every list.
  private struct Showable {
    let candidates: Candidates
    let left: Set<Int32>

    init(_ candidates: (Candidates, unavailable: [Int32]), _ unwanted: [Int32]) {
      self.candidates = candidates.0
      left = Set(candidates.unavailable).union(unwanted)
    }
  }

  /// The items of an imported list that may be shown, under the same conditions as the engine's own.
  private func shown(
    _ list: StoredList, _ stored: GatewayStore.User, _ matrix: ItemMatrix, _ options: ListOptions, _ rules: AppliedRules?,
    _ showable: Showable
  ) -> [ListCandidate] {
    let entries = list.items.compactMap { entry in
      matrix.directory.number(entry.item).map { ListCandidate(item: $0, score: entry.score, source: .imported) }
    }
    let numbers = Set(entries.map(\.item))
    // Far fewer than a user may have seen.
    var left = numbers.intersection(showable.left)
    let excludesSeen = (view.model?.served?.excludesSeen ?? true) && !options.includesSeen
    if excludesSeen, let row = stored.row { left.formUnion(row.seen.filter(numbers.contains)) }
    return entries.filter { entry in
      showable.candidates.items?.contains(entry.item) ?? true && !left.contains(entry.item)
        && !(rules?.excluded.contains(entry.item) ?? false)
        && options.minScore.map { entry.score >= $0 } ?? true
    }
  }

  /// The engine's candidates with those of imported lists between them.
  ///
  /// - Parameter isAssembled: whether rules or diversity choose among all of them, which needs comparable scores; else only the places up
  ///   to the end of the page are filled.
  func blended(
    _ own: [ListCandidate], _ blend: ImportedBlend, _ options: ListOptions, isAssembled: Bool
  ) -> ([ListCandidate], ImportedPlaces) {
    let passing = options.minScore.map { least in own.filter { $0.score >= least } } ?? own
    let imported = blend.sources.reduce(0) { $0 + $1.entries.count }
    let (entries, places) = blend.blended(
      passing, count: isAssembled ? passing.count + imported : options.page(countDefault).upperBound)
    return (isAssembled ? ImportedBlend.onOwnScale(entries) : entries, places)
  }
}
