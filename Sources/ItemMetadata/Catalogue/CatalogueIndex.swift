/// The documents of all items by their permanent numbers, and which items a filter keeps.
///
/// A value: one writer changes its own copy and publishes it, and any number of readers use the copy that they hold without a lock. Copies
/// share their memory; a change after a copy costs one chunk of documents and the words of the item, not the catalogue. Keep the copy that
/// readers use behind one reference, so that they do not count references of its parts.
///
/// An item without a document has no fields, not even `item_id`, and is available; one that was removed is not, until it is set again.
public struct CatalogueIndex: Sendable {
  /// Tells an index and its copies from others.
  final class Origin: Sendable {}

  let origin = Origin()
  /// Counts changes; an index and its copy with the same version are the same, except for `itemCount`.
  public private(set) var version: UInt64 = 0
  /// One more than the highest number of an item that is known to exist.
  public private(set) var itemCount = 0

  private var documents = DocumentTable()
  private var categories = WordIndex()
  private var tags = WordIndex()
  /// Items that are never available until their document changes.
  private var hidden = ItemSet()
  /// Items that have a document with a window of time.
  private var timed = ItemSet()
  /// The items of the newest changes, the last one that of `version`.
  private var recent: [Int32] = []
  private static let recentMax = 4096

  public init() {}

  // MARK: Writing

  public mutating func set(_ document: ItemDocument, number: Int32) {
    precondition(number >= 0, "an item number must not be negative, got \(number)")
    detach(number)
    documents[number] = document
    categories.insert(number, document.categories)
    tags.insert(number, document.tags)
    if document.isHidden { hidden.insert(number) } else { hidden.remove(number) }
    if document.availableFrom != nil || document.availableUntil != nil { timed.insert(number) }
    note(number)
  }

  /// Forgets the document and makes the item unavailable.
  public mutating func remove(_ number: Int32) {
    precondition(number >= 0, "an item number must not be negative, got \(number)")
    detach(number)
    documents[number] = nil
    hidden.insert(number)
    note(number)
  }

  /// Tells that the items below `count` exist, with or without a document.
  public mutating func extend(to count: Int) { itemCount = max(itemCount, count) }

  private mutating func detach(_ number: Int32) {
    guard let document = documents[number] else { return }
    categories.remove(number, document.categories)
    tags.remove(number, document.tags)
    timed.remove(number)
  }

  private mutating func note(_ number: Int32) {
    version += 1
    extend(to: Int(number) + 1)
    if recent.count >= 2 * Self.recentMax { recent.removeFirst(Self.recentMax) }
    recent.append(number)
  }

  // MARK: Reading

  public func document(_ number: Int32) -> ItemDocument? { documents[number] }

  public func items(inCategory name: String) -> ItemSet { categories[name] }

  /// Each category with the number of its items, in no order.
  public var categoryCounts: [(word: String, items: Int)] { categories.counts }

  public func isAvailable(_ number: Int32, at now: Int64) -> Bool {
    !hidden.contains(number) && (!timed.contains(number) || documents[number]?.isAvailable(at: now) ?? true)
  }

  /// The items that are hidden, removed, not yet or no longer available, and the next time at which one of them or another item changes
  /// without a new document.
  public func unavailableItems(at now: Int64) -> (items: ItemSet, nextChange: Int64?) {
    var items = hidden
    var next: Int64?
    for number in timed {
      guard let document = documents[number] else { continue }
      if !document.isAvailable(at: now) { items.insert(number) }
      next = earlier(next, document.nextChange(after: now))
    }
    return (items, next)
  }

  /// The items that changed after `version`, each once, or `nil` if that is too long ago to tell.
  public func changes(since version: UInt64) -> ItemSet? {
    guard version <= self.version, self.version - version <= UInt64(recent.count) else { return nil }
    return ItemSet(recent.suffix(Int(self.version - version)))
  }

  // MARK: Filters

  /// The items below `itemCount` that pass the filter, available or not, and the next time at which that may change without a new document.
  ///
  /// Tests on categories and tags are answered from their items; all others look at the documents of the items that are still in question.
  public func items(matching filter: ItemFilter, now: Int64) -> (items: ItemSet, nextChange: Int64?) {
    var next: Int64?
    let items = items(matching: filter.root, within: ItemSet(first: itemCount), now: now, &next)
    return (items, next)
  }

  private func items(matching node: ItemFilter.Node, within: ItemSet, now: Int64, _ next: inout Int64?) -> ItemSet {
    switch node {
    case .test(let test): return indexed(test)?.intersection(within) ?? scan(test, within: within, now: now, &next)
    case .not(let node): return within.subtracting(items(matching: node, within: within, now: now, &next))
    case .and(let nodes):
      // What an index answers comes first: the rest looks only at what is left.
      var left = within
      for node in nodes.filter(isIndexed) + nodes.filter({ !isIndexed($0) }) where !left.isEmpty {
        left = items(matching: node, within: left, now: now, &next)
      }
      return left
    case .or(let nodes):
      var (found, left) = (ItemSet(), within)
      for node in nodes.filter(isIndexed) + nodes.filter({ !isIndexed($0) }) where !left.isEmpty {
        let more = items(matching: node, within: left, now: now, &next)
        found = found.union(more)
        left = left.subtracting(more)
      }
      return found
    }
  }

  private func scan(_ test: FilterTest, within: ItemSet, now: Int64, _ next: inout Int64?) -> ItemSet {
    let dependsOnTime = !test.offsetsFromNow.isEmpty
    var found = ItemSet()
    var soonest: Int64?
    for number in within {
      guard let document = documents[number] else { continue }
      if test.matches(document, now: now) { found.insert(number) }
      if dependsOnTime { soonest = earlier(soonest, test.nextChange(of: document, after: now)) }
    }
    next = earlier(next, soonest)
    return found
  }

  private func isIndexed(_ node: ItemFilter.Node) -> Bool {
    switch node {
    case .test(let test): words(of: test) != nil
    case .not(let node): isIndexed(node)
    case .and(let nodes), .or(let nodes): nodes.allSatisfy(isIndexed)
    }
  }

  private func indexed(_ test: FilterTest) -> ItemSet? {
    words(of: test).map { index, words in words.reduce(ItemSet()) { $0.union(index[$1]) } }
  }

  /// The words that one of the indexes answers the test with.
  private func words(of test: FilterTest) -> (WordIndex, [String])? {
    let index: WordIndex
    switch test.field {
    case .categories: index = categories
    case .tags: index = tags
    default: return nil
    }
    let operands: [FilterTest.Operand]
    switch test.condition {
    case .equals(let operand): operands = [operand]
    case .isIn(let list): operands = list
    case .exists, .ordered: return nil
    }
    // A value of another type equals no word.
    return (index, operands.compactMap { if case .text(let text) = $0 { text } else { nil } })
  }
}

/// The earlier of two times, where `nil` is never.
func earlier(_ a: Int64?, _ b: Int64?) -> Int64? {
  guard let a, let b else { return a ?? b }
  return min(a, b)
}
