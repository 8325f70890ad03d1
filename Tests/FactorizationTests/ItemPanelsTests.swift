import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct ItemPanelsTests {
  @Test func aGrownCatalogueKeepsItsItemsAndAddsZeros() {
    let matrix = FactorMatrix(rows: 33, factors: 3, seed: 1)
    var panels = ItemPanels(matrix)
    panels.setBias(32, to: 5)
    for count in [34, 64, 65, 200, 1000] {
      panels.grow(toItems: count)
      #expect(panels.items == count)
      for item in 0..<33 { #expect(panels.values(item) == matrix.array(item) + [item == 32 ? 5 : 0]) }
      for item in 33..<count { #expect(panels.values(item) == [0, 0, 0, 0]) }
    }
  }

  @Test func growingToFewerItemsChangesNothing() {
    var panels = ItemPanels(FactorMatrix(rows: 40, factors: 3, seed: 1))
    panels.grow(toItems: 10)
    #expect(panels.items == 40)
  }

  @Test func anItemIsSetWithoutTouchingItsNeighboursOrItsBias() {
    let matrix = FactorMatrix(rows: 70, factors: 3, seed: 1)
    var panels = ItemPanels(matrix)
    panels.setBias(33, to: 2)
    [Float(7), 8, 9].withUnsafeBufferPointer { panels.set(33, to: $0) }
    #expect(panels.values(33) == [7, 8, 9, 2])
    for item in 0..<70 where item != 33 { #expect(panels.values(item) == matrix.array(item) + [0]) }
  }

  @Test func anItemWithAnotherNumberOfFactorsStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      var panels = ItemPanels(FactorMatrix(rows: 40, factors: 3, seed: 1))
      [Float(7), 8].withUnsafeBufferPointer { panels.set(2, to: $0) }
    }
  }

  @Test func aCopyDoesNotSeeLaterWrites() {
    var panels = ItemPanels(FactorMatrix(rows: 40, factors: 2, seed: 1))
    let copy = panels
    let before = (0..<40).map { copy.values($0) }
    panels.setBias(1, to: 3)
    [Float(7), 8].withUnsafeBufferPointer { panels.set(2, to: $0) }
    panels.grow(toItems: 41)
    [Float(7), 8].withUnsafeBufferPointer { panels.set(40, to: $0) }
    #expect((0..<40).map { copy.values($0) } == before)
    #expect(copy.items == 40)
  }

  @Test func twoCopiesThatGrowInSpareRoomDoNotShareIt() {
    var first = ItemPanels(FactorMatrix(rows: 40, factors: 2, seed: 1))
    var second = first
    first.grow(toItems: 45)
    [Float(7), 8].withUnsafeBufferPointer { first.set(44, to: $0) }
    second.grow(toItems: 45)
    #expect(second.values(44) == [0, 0, 0])
  }
}

extension ItemPanels {
  /// The factors and the bias of an item, read by way of scores of unit vectors.
  fileprivate func values(_ item: Int) -> [Float] {
    var scores: [Float] = []
    return (0...factors).map { dimension in
      var unit = [Float](repeating: 0, count: factors)
      if dimension < factors { unit[dimension] = 1 }
      return unit.withUnsafeBufferPointer {
        TopNSelector().scores(of: self, for: .init(factors: $0, biasWeight: dimension == factors ? 1 : 0), into: &scores)
        return scores[position(item)]
      }
    }
  }
}
