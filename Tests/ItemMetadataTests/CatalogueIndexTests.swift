import Foundation
import ItemMetadata
import Synchronization
import Testing

extension CatalogueIndex {
  init(_ documents: [ItemDocument]) {
    self.init()
    for (number, document) in documents.enumerated() { set(document, number: Int32(number)) }
  }
}

/// What `CatalogueIndex` must answer, item by item.
private func expected(_ filter: ItemFilter?, _ index: CatalogueIndex, now: Int64) -> [Int32] {
  (0..<Int32(index.itemCount)).filter {
    index.isAvailable($0, at: now) && filter?.matches(index.document($0), now: now) ?? true
  }
}

@Suite struct CatalogueIndexTests {
  @Test(arguments: Shop.table) func theTableHoldsForItemNumbers(filter: String, expected: String) throws {
    let index = CatalogueIndex(Shop.documents)
    let items = FilterCache().items(for: try ItemFilter(filter), in: index, now: now)
    #expect(items.compactMap { index.document($0)?.itemID }.joined(separator: " ") == expected)
  }

  @Test func categoriesFollowTheirDocuments() throws {
    var index = CatalogueIndex(Shop.documents)
    #expect(Array(index.items(inCategory: "gift")) == [0, 4])
    index.set(try ItemDocument(itemID: "A", categories: ["garden"]), number: 0)
    #expect(Array(index.items(inCategory: "gift")) == [4] && Array(index.items(inCategory: "garden")) == [0, 1])
    index.remove(4)
    #expect(index.items(inCategory: "gift").isEmpty)
    #expect(Dictionary(uniqueKeysWithValues: index.categoryCounts.map { ($0.word, $0.items) }) == ["garden": 2, "home": 1])
  }

  @Test func itemsWithoutADocumentExistAndRemovedOnesAreNotShown() throws {
    var index = CatalogueIndex(Shop.documents)
    index.extend(to: 8)
    let cache = FilterCache()
    #expect(Array(cache.items(for: nil, in: index, now: now)) == [0, 1, 2, 3, 5, 6, 7])
    #expect(Array(cache.items(for: try ItemFilter("not price exists"), in: index, now: now)) == [2, 3, 5, 6, 7])
    index.remove(6)
    index.remove(0)
    #expect(Array(cache.items(for: nil, in: index, now: now)) == [1, 2, 3, 5, 7] && index.document(0) == nil)
    index.set(Shop.documents[0], number: 0)
    #expect(Array(cache.items(for: nil, in: index, now: now)) == [0, 1, 2, 3, 5, 7])
    index.extend(to: 9)
    index.extend(to: 2)
    #expect(cache.items(for: nil, in: index, now: now).contains(8) && index.itemCount == 9)
    #expect(cache.items(for: try ItemFilter("not price exists"), in: index, now: now).contains(8))
  }

  @Test func unavailableItemsComeWithTheNextChange() throws {
    var index = CatalogueIndex()
    index.set(try ItemDocument(itemID: "a", availableFrom: now + 10, availableUntil: now + 20), number: 0)
    index.set(try ItemDocument(itemID: "b", availableUntil: now + 5), number: 1)
    index.set(try ItemDocument(itemID: "c", isHidden: true, availableUntil: now + 1), number: 2)
    var (time, seen): (Int64?, [String]) = (now, [])
    while let moment = time {
      let (items, next) = index.unavailableItems(at: moment)
      seen.append("\(moment - now): \(items.map(String.init).joined(separator: " "))")
      time = next
    }
    #expect(seen == ["0: 0 2", "5: 0 1 2", "10: 1 2", "20: 0 1 2"])
  }

  @Test func changesAreToldForAWhile() throws {
    var index = CatalogueIndex()
    let item = try ItemDocument(itemID: "a")
    for number in [3, 1, 3] as [Int32] { index.set(item, number: number) }
    #expect(index.changes(since: 1).map(Array.init) == [1, 3] && index.changes(since: 3)?.isEmpty == true)
    #expect(index.changes(since: 4) == nil)
    for _ in 0..<10_000 { index.set(item, number: 7) }
    #expect(index.changes(since: 0) == nil && index.changes(since: index.version - 4000).map(Array.init) == [7])
  }

  @Test func aCopyKeepsWhatItHeld() throws {
    var index = CatalogueIndex(Shop.documents)
    let copy = index
    index.remove(0)
    index.set(try ItemDocument(itemID: "B", categories: ["x"]), number: 1)
    #expect(copy.document(0) == Shop.documents[0] && copy.isAvailable(0, at: now) && Array(copy.items(inCategory: "garden")) == [1])
    #expect(copy.version == 5 && index.version == 7)
  }

  static let filters = [
    nil, #"categories = "c1""#, #"categories in ["c1", "c2"] and price < 5"#, #"not categories = "c3" or tags = "t1""#,
    #"tags not in ["t1", 7] and not (price >= 3 or categories exists)"#, "available_until < now + 1s", "price exists",
    #"available_from <= now - 2s or categories = "c0" and available_until > now + 1s"#,
    #"not (tags = "t0" and (price = 2 or not price exists))"#,
  ]

  /// Random changes of the catalogue and steps of the clock, also back: the cache always says what a look at every item says.
  @Test(arguments: 0..<5 as Range<UInt64>) func theCacheEqualsALookAtEveryItem(seed: UInt64) throws {
    var numbers = Numbers(seed)
    var index = CatalogueIndex()
    let cache = FilterCache(capacity: 6)
    let filters = try Self.filters.map { try $0.map { try ItemFilter($0) } }
    var time = now
    for step in 0..<150 {
      for _ in 0..<numbers.next(below: seed == 0 ? 400 : 4) {
        let number = Int32(numbers.next(below: 60))
        switch numbers.next(below: 8) {
        case 0: index.remove(number)
        case 1: index.extend(to: Int(number))
        default:
          index.set(
            try ItemDocument(
              itemID: "\(number)", categories: (0..<numbers.next(below: 3)).map { _ in "c\(numbers.next(below: 5))" },
              tags: (0..<numbers.next(below: 2)).map { _ in "t\(numbers.next(below: 3))" }, isHidden: numbers.next(below: 10) == 0,
              availableFrom: numbers.next(below: 2) == 0 ? time + Int64(numbers.next(below: 9)) * 500 - 2000 : nil,
              availableUntil: numbers.next(below: 2) == 0 ? time + Int64(numbers.next(below: 9)) * 500 : nil,
              properties: numbers.next(below: 3) == 0 ? [] : [.init("price", .integer(numbers.next(below: 8)))]), number: number)
        }
      }
      time += Int64([0, 1, 499, 500, 1000, -60_000][numbers.next(below: 20) == 0 ? 5 : numbers.next(below: 5)])
      for filter in filters where numbers.next(below: 3) > 0 {
        let items = Array(cache.items(for: filter, in: index, now: time))
        #expect(items == expected(filter, index, now: time), "seed \(seed) step \(step) \(filter?.canonicalText ?? "none")")
      }
      #expect(cache.statistics.filters <= 6)
    }
  }

  @Test func oneResultServesAllRequestsUntilSomethingChanges() throws {
    var index = CatalogueIndex(Shop.documents)
    let cache = FilterCache()
    for text in [#"categories="home""#, #" ( categories = "home" ) "#] { _ = cache.items(for: try ItemFilter(text), in: index, now: now) }
    #expect(cache.statistics.filters == 1 && cache.statistics.computed == 1)
    let soon = try ItemDocument(itemID: "F", categories: ["home"], availableUntil: now + 100)
    index.set(soon, number: 5)
    let home = ItemFilter.categories(anyOf: ["home"])
    for (time, items) in [(now, [0, 2, 5]), (now + 99, [0, 2, 5]), (now + 100, [0, 2]), (now + 200, [0, 2])] as [(Int64, [Int32])] {
      #expect(Array(cache.items(for: home, in: index, now: time)) == items)
    }
    #expect(cache.statistics.computed == 3)
  }

  /// As after reading the whole catalogue again.
  @Test func anIndexThatWasBuiltAnewIsNotTakenForAnother() throws {
    let cache = FilterCache()
    let (one, other) = (CatalogueIndex(Shop.documents), CatalogueIndex(Array(Shop.documents.reversed())))
    #expect(one.version == other.version)
    for _ in 0..<2 {
      for index in [one, other] {
        let items = cache.items(for: try ItemFilter("price < 10"), in: index, now: now)
        #expect(items.compactMap { index.document($0)?.itemID } == ["A"])
        #expect(Array(cache.items(for: nil, in: index, now: now)) == expected(nil, index, now: now))
      }
    }
  }

  @Test func theFilterThatWasUsedLongestAgoIsForgotten() throws {
    let index = CatalogueIndex(Shop.documents)
    let cache = FilterCache(capacity: 2)
    func use(_ text: String) throws { _ = cache.items(for: try ItemFilter(text), in: index, now: now) }
    for text in ["price = 1", "price = 2", "price = 1", "price = 3", "price = 1"] { try use(text) }
    #expect(cache.statistics.computed == 3)
    try use("price = 2")
    #expect(cache.statistics.computed == 4 && cache.statistics.filters == 2)
  }

  /// Readers on many threads, each with the index that it took, while a writer goes on.
  @Test func readersOfAnyVersionGetTheAnswerOfTheirVersion() throws {
    let published = Mutex(CatalogueIndex(Shop.documents))
    let cache = FilterCache()
    let filter = try ItemFilter(#"categories = "home" or price > 100"#)
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<200 {
        if thread == 0 {
          published.withLock { index in
            guard let item = try? ItemDocument(itemID: "x", categories: round % 3 == 0 ? ["home"] : []) else { return }
            index.set(item, number: Int32(5 + round % 40))
          }
        }
        let index = published.withLock { $0 }
        let items = Array(cache.items(for: filter, in: index, now: now + Int64(round)))
        if items != expected(filter, index, now: now + Int64(round)) { wrong.withLock { $0 += 1 } }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  /// One change among 41,000 documents costs a small part of the first look at them, although readers hold the version before.
  @Test func aChangeCostsNoLookAtTheWholeCatalogue() throws {
    var index = CatalogueIndex()
    for number in 0..<41_000 as Range<Int32> {
      let item = try ItemDocument(
        itemID: "\(number)", categories: ["c\(number % 100)"], properties: [.init("price", .integer(Int(number % 50)))])
      index.set(item, number: number)
    }
    let cache = FilterCache()
    let filter = try ItemFilter("price < 10")
    let clock = ContinuousClock()
    let whole = clock.measure { #expect(cache.items(for: filter, in: index, now: now).count == 8200) }
    let item = try ItemDocument(itemID: "7", properties: [.init("price", 99)])
    var generations = [index]
    let single =
      clock.measure {
        for number in 0..<10 as Range<Int32> {
          index.set(item, number: number)
          generations.append(index)
          #expect(cache.items(for: filter, in: index, now: now).count == 8199 - Int(number))
        }
      } / 10
    print("41,000 documents: first look \(whole), one change \(single)")
    #expect(single * 5 < whole)
    #expect(generations[0].document(3)?.itemID == "3")
  }
}
