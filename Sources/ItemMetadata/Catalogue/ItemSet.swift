/// A set of item numbers, as bitmaps of 1,024 items each; only those that are not empty are kept.
///
/// A set of few items is small however large the catalogue is, so one can be kept per category. The members are in order.
public struct ItemSet: Sendable, Equatable {
  static let wordsPerPage = 16
  static let itemsPerPage = wordsPerPage * 64

  /// The numbers of the pages, in order.
  private var pages: [Int32] = []
  /// 16 words per page.
  private var words: [UInt64] = []
  public private(set) var count = 0

  public init() {}

  public init(_ items: some Sequence<Int32>) { for item in items { insert(item) } }

  /// The items from 0 on.
  public init(first count: Int) { insert(from: 0, to: count) }

  public var isEmpty: Bool { count == 0 }

  /// The memory of the bitmaps, in bytes.
  public var sizeBytes: Int { pages.count * (4 + Self.wordsPerPage * 8) }

  // MARK: Members

  public func contains(_ item: Int32) -> Bool {
    guard item >= 0, let slot = slot(of: item >> 10) else { return false }
    return words[slot * Self.wordsPerPage + Int(item >> 6 & 15)] & 1 << UInt64(item & 63) != 0
  }

  /// Adds the item and returns whether it was not there.
  @discardableResult public mutating func insert(_ item: Int32) -> Bool {
    precondition(item >= 0, "an item number must not be negative, got \(item)")
    let index = openSlot(of: item >> 10) * Self.wordsPerPage + Int(item >> 6 & 15)
    let bit: UInt64 = 1 << UInt64(item & 63)
    guard words[index] & bit == 0 else { return false }
    words[index] |= bit
    count += 1
    return true
  }

  /// Adds all items from `start` to before `end`.
  public mutating func insert(from start: Int, to end: Int) {
    var item = start
    while item < end {
      guard item & 63 == 0, end - item >= 64 else {
        insert(Int32(item))
        item += 1
        continue
      }
      let index = openSlot(of: Int32(item >> 10)) * Self.wordsPerPage + (item >> 6 & 15)
      count += 64 - words[index].nonzeroBitCount
      words[index] = .max
      item += 64
    }
  }

  /// Removes the item and returns whether it was there.
  @discardableResult public mutating func remove(_ item: Int32) -> Bool {
    guard contains(item), let slot = slot(of: item >> 10) else { return false }
    let page = slot * Self.wordsPerPage..<(slot + 1) * Self.wordsPerPage
    words[page.lowerBound + Int(item >> 6 & 15)] &= ~(1 << UInt64(item & 63))
    count -= 1
    if words[page].allSatisfy({ $0 == 0 }) {
      words.removeSubrange(page)
      pages.remove(at: slot)
    }
    return true
  }

  /// The place of a page. Where all pages up to it are there, as in large sets, that is its number.
  private func slot(of page: Int32) -> Int? {
    if Int(page) < pages.count, pages[Int(page)] == page { return Int(page) }
    let slot = lowerBound(page)
    return slot < pages.count && pages[slot] == page ? slot : nil
  }

  private mutating func openSlot(of page: Int32) -> Int {
    if let slot = slot(of: page) { return slot }
    let slot = lowerBound(page)
    pages.insert(page, at: slot)
    words.insert(contentsOf: repeatElement(0, count: Self.wordsPerPage), at: slot * Self.wordsPerPage)
    return slot
  }

  /// The first place whose page is not below this one.
  private func lowerBound(_ page: Int32) -> Int {
    if let last = pages.last, last < page { return pages.count }
    var (low, high) = (0, pages.count)
    while low < high {
      let middle = (low + high) / 2
      if pages[middle] < page { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The set as one bitmap of the items below `count`, the lowest bit first.
  public func bitmap(count: Int) -> [UInt64] {
    var bitmap = [UInt64](repeating: 0, count: (count + 63) / 64)
    for (slot, page) in pages.enumerated() {
      let start = Int(page) * Self.wordsPerPage
      guard start < bitmap.count else { break }
      for offset in 0..<Swift.min(Self.wordsPerPage, bitmap.count - start) {
        bitmap[start + offset] = words[slot * Self.wordsPerPage + offset]
      }
    }
    if count & 63 != 0 { bitmap[bitmap.count - 1] &= 1 << UInt64(count & 63) - 1 }
    return bitmap
  }

  // MARK: Operations

  public func union(_ other: ItemSet) -> ItemSet { combined(other, keepsOwn: true, keepsOther: true) { $0 | $1 } }
  public func intersection(_ other: ItemSet) -> ItemSet { combined(other, keepsOwn: false, keepsOther: false) { $0 & $1 } }
  public func subtracting(_ other: ItemSet) -> ItemSet { combined(other, keepsOwn: true, keepsOther: false) { $0 & ~$1 } }
  /// The items below `count` that are not in the set.
  public func complement(within count: Int) -> ItemSet { ItemSet(first: count).subtracting(self) }

  /// Merges the pages of both sets. Pages of one set alone are kept or left out as a whole.
  private func combined(
    _ other: ItemSet, keepsOwn: Bool, keepsOther: Bool, _ operation: (UInt64, UInt64) -> UInt64
  ) -> ItemSet {
    var result = ItemSet()
    var (own, theirs) = (0, 0)
    while own < pages.count || theirs < other.pages.count {
      let ownPage = own < pages.count ? pages[own] : .max
      let theirPage = theirs < other.pages.count ? other.pages[theirs] : .max
      if ownPage == theirPage {
        result.append(ownPage) { operation(words[own * Self.wordsPerPage + $0], other.words[theirs * Self.wordsPerPage + $0]) }
      } else if ownPage < theirPage {
        if keepsOwn { result.append(ownPage) { words[own * Self.wordsPerPage + $0] } }
      } else if keepsOther {
        result.append(theirPage) { other.words[theirs * Self.wordsPerPage + $0] }
      }
      if ownPage <= theirPage { own += 1 }
      if theirPage <= ownPage { theirs += 1 }
    }
    return result
  }

  private mutating func append(_ page: Int32, _ word: (Int) -> UInt64) {
    var members = 0
    for offset in 0..<Self.wordsPerPage {
      let value = word(offset)
      words.append(value)
      members += value.nonzeroBitCount
    }
    if members == 0 {
      words.removeLast(Self.wordsPerPage)
    } else {
      pages.append(page)
      count += members
    }
  }
}

extension ItemSet: Sequence {
  public struct Iterator: IteratorProtocol {
    private let set: ItemSet
    /// The word that `rest` is of.
    private var index = -1
    private var rest: UInt64 = 0

    init(_ set: ItemSet) { self.set = set }

    public mutating func next() -> Int32? {
      while rest == 0 {
        index += 1
        guard index < set.words.count else { return nil }
        rest = set.words[index]
      }
      defer { rest &= rest - 1 }
      return set.pages[index / ItemSet.wordsPerPage] << 10 | Int32((index % ItemSet.wordsPerPage) << 6 | rest.trailingZeroBitCount)
    }
  }

  public func makeIterator() -> Iterator { Iterator(self) }
  public var underestimatedCount: Int { count }
}
