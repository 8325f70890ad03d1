import ServingFormats

/// The item packs of the live epoch that readers have in an older form, because items or vectors were added since.
struct DuePacks {
  /// Item numbers below this one were given by an earlier process and keep their meaning.
  let numbersKept: Int
  let sinceMilliseconds: Int64
  private var numbers: Set<Int> = []
  /// Items that stand in packs.
  private var packed: Int

  init(numbersKept: Int, sinceMilliseconds: Int64) {
    self.numbersKept = numbersKept
    self.sinceMilliseconds = sinceMilliseconds
    packed = numbersKept
  }

  /// - Parameter all: whether readers may lack every pack since this process began.
  mutating func note(_ items: [Int32], all: Bool) {
    for item in items { numbers.insert(Int(item) / ItemPack.size) }
    if all { packed = min(packed, numbersKept) }
  }

  /// The pack stands, with all items below `items` that belong to it.
  mutating func written(_ number: Int, items: Int) {
    numbers.remove(number)
    if packed / ItemPack.size == number { packed = items }
  }

  /// At most `max` packs, the ones with the lowest numbers first.
  func take(_ max: Int, items: Int) -> [Int] {
    let new = packed < items ? packed / ItemPack.size..<ItemPack.count(items: items) : 0..<0
    return Array(numbers.union(new).sorted().prefix(max))
  }
}
