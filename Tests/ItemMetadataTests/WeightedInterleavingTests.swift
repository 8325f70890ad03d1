import Testing

@testable import ItemMetadata

@Suite struct WeightedInterleavingTests {
  private func merged(_ lists: [(weight: Double, items: [String])], count: Int) -> (order: [String], from: [Int], ended: Set<Int>) {
    let merged = WeightedInterleaving(lists.map { .init(weight: $0.weight, items: $0.items) }, count: count)
    return (merged.entries.map(\.item), merged.entries.map(\.list), merged.ended)
  }

  @Test func equalWeightsTakeTurnsAndTheFirstListBegins() {
    let list = merged([(1, ["a", "b", "c"]), (1, ["x", "y", "z"])], count: 6)
    #expect(list.order == ["a", "x", "b", "y", "c", "z"])
  }

  @Test(arguments: [(2.0, 1.0, 2), (1, 3, 1), (1, 0.25, 4), (5, 1, 5)])
  func placesAreSharedInProportionToTheWeights(first: Double, second: Double, ofFirst: Int) {
    let lists = [(first, (0..<60).map { "a\($0)" }), (second, (0..<60).map { "b\($0)" })]
    let period = Int((first + second) / min(first, second))
    let places = merged(lists, count: 5 * period).from
    for start in 0..<5 {
      let count = places[(start * period)..<((start + 1) * period)].count { $0 == 0 }
      #expect(count == (first >= second ? ofFirst : period - Int(second / first)), "\(places)")
    }
  }

  @Test func anItemOfTwoListsStandsOnceAtTheBetterPlace() {
    let list = merged([(1, ["a", "x", "b"]), (1, ["x", "a", "y"])], count: 10)
    #expect(list.order == ["a", "x", "b", "y"] && list.from == [0, 1, 0, 1])
  }

  @Test func theOthersFillWhatAnEndedListLeaves() {
    let list = merged([(1, ["a"]), (1, ["x", "y", "z"])], count: 4)
    #expect(list.order == ["a", "x", "y", "z"] && list.ended.contains(0))
    #expect(merged([(1, ["a", "b"]), (1, [])], count: 2).order == ["a", "b"])
    #expect(merged([(1, []), (1, [])], count: 3).order == [])
    #expect(merged([(1, ["a"]), (1, ["a"])], count: 3).order == ["a"])
  }

  /// A page is a part of a longer list, so pages agree.
  @Test func aLongerListBeginsLikeAShorterOne() {
    let lists = [(1.0, (0..<30).map { "a\($0 % 20)" }), (0.7, (0..<30).map { "a\($0 * 3 % 25)" }), (2.5, (0..<9).map { "c\($0)" })]
    let long = merged(lists, count: 60).order
    #expect(Set(long).count == long.count)
    for count in 0...long.count { #expect(merged(lists, count: count).order == Array(long.prefix(count))) }
  }

  @Test func aListHasNotEndedWhoseTurnDidNotCome() {
    #expect(merged([(1, ["a", "b"]), (1, ["x", "y"])], count: 4).ended == [])
    #expect(merged([(1, ["a", "b"]), (1, ["x", "y"])], count: 5).ended == [0, 1])
  }
}
