// Step 6 of the assembly: pins take their positions, and others move down.
extension ListAssembly {
  struct PlacedPin {
    /// From 1.
    let position: Int
    let entry: Entry
  }

  /// Which pin has which position on the first page. Of two on one position the one that takes precedence stays, and the other one takes the
  /// next free position; an item that is pinned twice stays where the first rule put it.
  func placedPins(_ ranking: [Entry], _ candidates: [ListCandidate], _ notes: inout [AssembledList.Note]) -> [PlacedPin] {
    for rule in rules.pinsWithoutItem { notes.append(.pinLeftOut(rule: rule.id, .unknownItem)) }
    guard !rules.pins.isEmpty else { return [] }
    var places: [Int: Entry] = [:]
    var pinned: Set<Int32> = []
    for pin in rules.pins {
      let item: Int32
      switch self.item(of: pin, ranking, pinned) {
      case .success(let found): item = found
      case .failure(let fault):
        notes.append(.pinLeftOut(rule: pin.rule.id, fault.reason))
        continue
      }
      var position = pin.rule.position ?? 1
      while places[position] != nil { position += 1 }
      guard position <= settings.n else {
        notes.append(.pinBeyondEnd(rule: pin.rule.id, position: position))
        continue
      }
      pinned.insert(item)
      places[position] = entry(of: item, pin.rule, ranking, candidates)
    }
    return places.map { PlacedPin(position: $0.key, entry: $0.value) }.sorted { $0.position < $1.position }
  }

  private struct LeftOut: Error { let reason: AssembledList.PinFault }

  private func item(of pin: AppliedRules.Applied, _ ranking: [Entry], _ pinned: Set<Int32>) -> Result<Int32, LeftOut> {
    guard let item = pin.item else {
      // Of several items, the best one that may appear.
      let best = ranking.first { pin.items.contains($0.item) && !pinned.contains($0.item) }
      return best.map { .success($0.item) } ?? .failure(LeftOut(reason: .noCandidate))
    }
    let reason: AssembledList.PinFault? =
      if excluded.contains(item) || rules.excluded.contains(item) {
        .excluded
      } else if !index.isAvailable(item, at: now) {
        .unavailable
      } else if !eligible.contains(item) {
        .filtered
      } else if pin.rule.skipsSeen && isSeen(item) {
        .seen
      } else if pinned.contains(item) {
        .alreadyPinned
      } else {
        nil
      }
    return reason.map { .failure(LeftOut(reason: $0)) } ?? .success(item)
  }

  /// The item as it stood in the ranking, or among the candidates, or without a score.
  private func entry(of item: Int32, _ rule: MerchandisingRule, _ ranking: [Entry], _ candidates: [ListCandidate]) -> Entry {
    var entry: Entry
    if let ranked = ranking.first(where: { $0.item == item }) {
      entry = ranked
    } else {
      let candidate = candidates.first { $0.item == item } ?? ListCandidate(item: item, score: .nan, source: .pinned)
      entry = Entry(candidate: candidate, key: candidate.score)
    }
    entry.rules.insert(rule.id, at: 0)
    entry.ruleClass.insert(.pin)
    return entry
  }

  /// The first `count` entries with the pins at their positions; where the list ends before a position, the pin ends it.
  func inserted(_ pins: [PlacedPin], into entries: [Entry], count: Int) -> [Entry] {
    guard !pins.isEmpty else { return Array(entries.prefix(count)) }
    var result: [Entry] = []
    var rest = entries[...]
    for pin in pins {
      while result.count < pin.position - 1, let entry = rest.popFirst() { result.append(entry) }
      result.append(pin.entry)
    }
    return Array((result + rest).prefix(count))
  }
}
