/// Lists made into one in proportion to their weights, each item once: smooth weighted round-robin.
///
/// In each turn every list is credited with its weight. The list with the largest credit, the earlier one of equals, gives its best item
/// that has no place yet, and its credit falls by the sum of all weights. With equal weights the lists take turns, the first one first; with
/// the weights 2 and 1 every third item is of the second list. A list that has ended takes part no more, so the others fill the rest.
public struct WeightedInterleaving<Item: Hashable> {
  public struct Source {
    public var weight: Double
    /// Best first.
    public var items: [Item]
    public init(weight: Double, items: [Item]) {
      precondition(weight > 0 && weight.isFinite, "weights must be positive, got \(weight)")
      self.weight = weight
      self.items = items
    }
  }

  public struct Entry {
    public let item: Item
    /// The list that gave it, by its place among the lists.
    public let list: Int
  }

  public private(set) var entries: [Entry] = []
  /// Lists that had no item left when it was their turn.
  public private(set) var ended: Set<Int> = []

  /// - Parameter count: the number of items to place.
  public init(_ sources: [Source], count: Int) {
    var credits = [Double](repeating: 0, count: sources.count)
    var next = [Int](repeating: 0, count: sources.count)
    var placed: Set<Item> = []
    while entries.count < count, ended.count < sources.count {
      let list = Self.turn(sources, &credits, without: ended)
      while next[list] < sources[list].items.count, placed.contains(sources[list].items[next[list]]) { next[list] += 1 }
      guard next[list] < sources[list].items.count else {
        // Nobody pays for a turn without an item.
        for other in sources.indices where !ended.contains(other) { credits[other] -= sources[other].weight }
        ended.insert(list)
        continue
      }
      let item = sources[list].items[next[list]]
      placed.insert(item)
      entries.append(Entry(item: item, list: list))
      credits[list] -= sources.indices.reduce(0) { ended.contains($1) ? $0 : $0 + sources[$1].weight }
    }
  }

  private static func turn(_ sources: [Source], _ credits: inout [Double], without ended: Set<Int>) -> Int {
    var best: Int?
    for list in sources.indices where !ended.contains(list) {
      credits[list] += sources[list].weight
      if best.map({ credits[list] > credits[$0] }) ?? true { best = list }
    }
    return best!
  }
}
