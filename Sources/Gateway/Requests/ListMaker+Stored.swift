import ItemMetadata
import StreamingRecommender

// Answers from lists that the engine made.
extension ListMaker {
  func storedAnswer(
    _ user: Identifier, _ stored: GatewayStore.User, _ options: ListOptions, _ rules: AppliedRules? = nil, _ blend: ImportedBlend? = nil
  ) -> ListAnswer {
    guard let list = stored.list else {
      guard !showsPopularWhenEmpty, let row = stored.row else { return storedPopular(user, options, blend) }
      var answer = ListAnswer(user: user)
      (answer.epoch, answer.madeAtMilliseconds) = (row.epoch, row.madeAtMilliseconds)
      return answer
    }
    return answer(user, from: list, options, rules, blend)
  }

  func storedPopular(_ user: Identifier?, _ options: ListOptions, _ blend: ImportedBlend? = nil) -> ListAnswer {
    view.popular.map { answer(user, from: $0, options, rules(for: user, options), blend) } ?? ListAnswer(user: user)
  }

  /// The list less what may not be shown or does not pass, in its order.
  func answer(
    _ user: Identifier?, from list: StoredList, _ options: ListOptions, _ rules: AppliedRules? = nil, _ blend: ImportedBlend? = nil
  ) -> ListAnswer {
    var answer = ListAnswer(user: user)
    answer.epoch = list.epoch
    answer.madeAtMilliseconds = list.madeAtMilliseconds
    answer.isStored = true
    let isAssembled = rules != nil || options.maxPerCategory != nil || options.diversity > 0
    if let matrix = view.newest, isAssembled || blend != nil {
      var entries = list.items.enumerated().compactMap { place, entry in
        matrix.directory.number(entry.item).map { ListCandidate(item: $0, score: entry.score, source: list.source(at: place)) }
      }
      let eligible = filters.items(for: options.filter, in: view.catalogue.index, now: now)
      let assembly = Assembly(eligible: options.include.map { ItemSet(numbers($0, matrix)).intersection(eligible) } ?? eligible, seen: [])
      var places = ImportedPlaces()
      if let blend {
        let unwanted = Set(unwanted(options, matrix) + (rules.map { Array($0.excluded) } ?? []))
        entries.removeAll { !assembly.eligible.contains($0.item) || unwanted.contains($0.item) }
        (entries, places) = blended(entries, blend, options, isAssembled: isAssembled)
        answer.ownListEnded = places.ownListEnded
      }
      answer.items =
        isAssembled
        ? assembled(entries, matrix, options, rules ?? .none, assembly, &answer.notes, places) : page(of: entries, matrix, options, places)
    } else {
      answer.items = items(of: list, options)
    }
    answer.source = answer.items.first?.source
    return answer
  }

  private func items(of list: StoredList, _ options: ListOptions) -> [ListAnswer.Item] {
    let page = options.page(countDefault)
    let excluded = Set(options.exclude)
    let included = options.include.map { Set($0) }
    let (directory, catalogue) = (view.newest?.directory, view.catalogue)
    var items: [ListAnswer.Item] = []
    items.reserveCapacity(min(page.count, list.items.count))
    var rank = 0
    for (place, entry) in list.items.enumerated() {
      guard rank < page.upperBound else { break }
      let number = directory?.number(entry.item)
      guard catalogue.isAvailable(entry.item, number: number, at: now), excluded.isEmpty || !excluded.contains(entry.item),
        included?.contains(entry.item) ?? true, options.minScore.map({ entry.score >= $0 }) ?? true
      else { continue }
      let needsDocument = options.filter != nil || !options.fields.isEmpty
      let document = needsDocument ? number.flatMap { catalogue.index.document($0) } : nil
      if let filter = options.filter, !filter.matches(document, now: now) { continue }
      rank += 1
      guard rank > page.lowerBound else { continue }
      items.append(
        ListAnswer.Item(
          item: entry.item, score: entry.score, source: list.source(at: place), rank: rank,
          document: options.fields.isEmpty ? nil : document))
    }
    return items
  }
}
