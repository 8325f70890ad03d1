import ItemMetadata

/// The imported lists of a user, less what may not be shown, ready to be blended with the engine's list.
struct ImportedBlend {
  struct Source {
    var name: String
    var weight: Double
    /// Best first, with the scores of the import.
    var entries: [ListCandidate]
  }

  var sources: [Source]

  /// Interleaves the engine's list, of weight 1, with the imported ones.
  ///
  /// - Parameter count: places to fill.
  func blended(_ own: [ListCandidate], count: Int) -> (entries: [ListCandidate], places: ImportedPlaces) {
    let lists = [own] + sources.map(\.entries)
    let order = WeightedInterleaving(
      zip([1] + sources.map(\.weight), lists).map { .init(weight: $0, items: $1.map(\.item)) }, count: count)
    let candidates = lists.map { list in Dictionary(list.map { ($0.item, $0) }, uniquingKeysWith: { first, _ in first }) }
    var places = ImportedPlaces(ownListEnded: order.ended.contains(0))
    let entries = order.entries.compactMap { entry -> ListCandidate? in
      guard let candidate = candidates[entry.list][entry.item] else { return nil }
      if entry.list > 0 { places[entry.item] = .init(list: sources[entry.list - 1].name, score: candidate.score) }
      return candidate
    }
    return (entries, places)
  }

  /// The same order with scores of the engine's scale, which rules and diversity need: an imported item counts as much as the engine's item
  /// before it, or, at the head, as the first one.
  static func onOwnScale(_ entries: [ListCandidate]) -> [ListCandidate] {
    guard var last = entries.first(where: { $0.source != .imported })?.score else { return entries }
    return entries.map { entry in
      guard entry.source == .imported else {
        last = entry.score
        return entry
      }
      return ListCandidate(item: entry.item, score: last, source: .imported)
    }
  }
}

/// Which items of a blended list come from an imported one, by the items' numbers.
struct ImportedPlaces {
  struct Place {
    var list: String
    /// The score of the import.
    var score: Float
  }

  /// Whether the engine's list had no item left for one of the places.
  var ownListEnded = false
  private var places: [Int32: Place] = [:]

  init(ownListEnded: Bool = false) { self.ownListEnded = ownListEnded }

  var isEmpty: Bool { places.isEmpty }

  subscript(item: Int32) -> Place? {
    get { places.isEmpty ? nil : places[item] }
    set { places[item] = newValue }
  }
}
