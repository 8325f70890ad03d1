/// Takes entries in the order of rank, or of rank and dissimilarity to those before, and at most so many of each category.
struct DiverseOrder {
  typealias Entry = ListAssembly.Entry

  struct Outcome {
    var entries: [Entry] = []
    /// Items that pass the limit of a category, and are there because nothing else was left.
    var pastLimit: Set<Int32> = []
  }

  private let settings: ListSettings
  private let index: CatalogueIndex
  private let similarity: (Int32, Int32) -> Float

  init(_ settings: ListSettings, index: CatalogueIndex, similarity: @escaping (Int32, Int32) -> Float) {
    self.settings = settings
    self.index = index
    self.similarity = similarity
  }

  /// The first `count` entries.
  func order(_ entries: [Entry], count: Int) -> Outcome {
    guard settings.diversity > 0 || settings.maxPerCategory != nil else { return Outcome(entries: Array(entries.prefix(count))) }
    var outcome = Outcome()
    var skipped: [Entry] = []
    var taken: [ExactText: Int] = [:]
    func admits(_ entry: Entry) -> Bool {
      guard let limit = settings.maxPerCategory else { return true }
      let categories = (index.document(entry.item)?.categories ?? []).map(ExactText.init)
      guard categories.allSatisfy({ taken[$0, default: 0] < limit }) else { return false }
      for category in categories { taken[category, default: 0] += 1 }
      return true
    }

    // Only entries that no rule puts below all others compete by dissimilarity, and only the best ones: the rest follows by rank.
    let poolCount = settings.diversity > 0 ? min(max(200, 5 * settings.n), entries.prefix { !$0.isBuried }.count) : 0
    var pool = RelevancePool(entries[..<poolCount], weight: settings.diversity)
    while outcome.entries.count < count, let entry = pool.takeBest() {
      if admits(entry) {
        outcome.entries.append(entry)
        if outcome.entries.count < count { pool.compare(with: entry.item, similarity) }
      } else {
        skipped.append(entry)
      }
    }
    for entry in entries[poolCount...] {
      guard outcome.entries.count < count else { break }
      if admits(entry) { outcome.entries.append(entry) } else { skipped.append(entry) }
    }
    for entry in skipped.prefix(max(0, count - outcome.entries.count)) {
      outcome.entries.append(entry)
      outcome.pastLimit.insert(entry.item)
    }
    return outcome
  }
}

/// The entries that have not been taken, each with its relevance from 0 to 1 and its similarity to the most similar one that was.
private struct RelevancePool {
  private struct Rest {
    let entry: ListAssembly.Entry
    let relevance: Float
    var similarity: Float = 0
  }

  private var rest: [Rest]
  private let weight: Float

  init(_ entries: ArraySlice<ListAssembly.Entry>, weight: Float) {
    self.weight = weight
    let (low, high) = (entries.map(\.key).min() ?? 0, entries.map(\.key).max() ?? 0)
    rest = entries.map { Rest(entry: $0, relevance: high > low ? ($0.key - low) / (high - low) : 1) }
  }

  /// Removes the entry with the best sum of relevance and dissimilarity; of equal ones, that with the lowest item number.
  mutating func takeBest() -> ListAssembly.Entry? {
    var best: (index: Int, value: Float)?
    for index in rest.indices {
      let value = (1 - weight) * rest[index].relevance - weight * rest[index].similarity
      if let known = best, (value, rest[known.index].entry.item) <= (known.value, rest[index].entry.item) { continue }
      best = (index, value)
    }
    guard let best else { return nil }
    // The order of the rest does not matter, so nothing needs to move.
    rest.swapAt(best.index, rest.count - 1)
    return rest.removeLast().entry
  }

  mutating func compare(with item: Int32, _ similarity: (Int32, Int32) -> Float) {
    for index in rest.indices { rest[index].similarity = max(rest[index].similarity, similarity(item, rest[index].entry.item)) }
  }
}
