import ItemMetadata
import Testing

@Suite struct ItemSetTests {
  @Test(arguments: [[], [0], [63, 64], [1023, 1024, 5_000_000], [0, 1, 2, 3, 70_000]] as [[Int32]])
  func itemsComeBackInOrder(items: [Int32]) {
    let set = ItemSet(items.reversed())
    #expect(Array(set) == items && set.count == items.count && set.isEmpty == items.isEmpty)
    #expect(items.allSatisfy(set.contains) && !set.contains(62) && !set.contains(-1) && !set.contains(.max))
  }

  @Test(arguments: [1, 63, 64, 65, 1000, 1023, 1024, 1025, 5000]) func theFirstItemsAreFilledInWholeWords(count: Int) {
    let set = ItemSet(first: count)
    #expect(Array(set) == (0..<Int32(count)).map { $0 } && set.count == count)
    #expect(ItemSet().complement(within: count) == set && set.complement(within: count).isEmpty)
    var shifted = ItemSet([Int32(count + 2)])
    shifted.insert(from: 3, to: count + 3)
    #expect(Array(shifted) == (3..<Int32(count + 3)).map { $0 } && shifted.count == count)
  }

  /// Every operation agrees with `Set` on random sets, some dense and some sparse.
  @Test(arguments: 0..<10 as Range<UInt64>) func operationsEqualThoseOfASet(seed: UInt64) {
    var generator = Numbers(seed)
    func random() -> (Set<Int32>, ItemSet) {
      let (bound, count) = (generator.next(below: 20_000) + 1, generator.next(below: 3000))
      var (plain, set): (Set<Int32>, ItemSet) = ([], ItemSet())
      for _ in 0..<count {
        let item = Int32(generator.next(below: bound))
        if generator.next(below: 4) == 0 {
          #expect((plain.remove(item) != nil) == set.remove(item))
        } else {
          #expect(plain.insert(item).inserted == set.insert(item))
        }
      }
      return (plain, set)
    }
    let ((a, setA), (b, setB)) = (random(), random())
    #expect(Array(setA) == a.sorted() && setA.count == a.count && setB == ItemSet(b), "seed \(seed)")
    #expect(Array(setA.union(setB)) == a.union(b).sorted() && setA.union(setB).count == a.union(b).count)
    #expect(Array(setA.intersection(setB)) == a.intersection(b).sorted())
    #expect(Array(setA.subtracting(setB)) == a.subtracting(b).sorted())
    #expect(setA.intersection(setB) == ItemSet(a.intersection(b)), "empty pages are not kept")
    #expect(Array(setA.complement(within: 777)) == (0..<777).filter { !a.contains($0) })
    for count in [0, 1, 64, 100, 30_000] {
      let bitmap = setA.bitmap(count: count)
      #expect(bitmap.count == (count + 63) / 64)
      let bits = (0..<bitmap.count * 64).filter { bitmap[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
      #expect(bits == a.sorted().filter { $0 < count }.map(Int.init))
    }
  }

  @Test func removingEverythingLeavesTheEmptySet() {
    var set = ItemSet([5, 2000, 90_000])
    let removed = ([2000, 5, 90_000, 5] as [Int32]).map { set.remove($0) }
    #expect(removed == [true, true, true, false])
    #expect(set == ItemSet() && set.sizeBytes == 0)
  }

  @Test func aSetOfFewItemsIsSmallInALargeCatalogue() { #expect(ItemSet([3, 999_999]).sizeBytes < 300) }
}

/// Reproducible numbers (splitmix64).
struct Numbers {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next(below bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((value ^ value >> 31) % UInt64(bound))
  }
}
