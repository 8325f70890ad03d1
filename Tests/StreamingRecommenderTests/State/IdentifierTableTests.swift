import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct IdentifierTableTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func anUnknownIdIsNotFound() {
    #expect(IdentifierTable().find(bytes("nobody")) == nil)
  }

  @Test func internTellsNewFromKnown() {
    var table = IdentifierTable()
    #expect(table.intern(bytes("a")) == (0, true))
    #expect(table.intern(bytes("b")) == (1, true))
    #expect(table.intern(bytes("a")) == (0, false))
    #expect(table.count == 2)
  }

  @Test func composedAndDecomposedAccentsStayDistinct() {
    var table = IdentifierTable()
    let composed = table.intern(bytes("caf\u{e9}")).index
    #expect(table.intern(bytes("cafe\u{301}")).index != composed)
  }

  @Test func aRemovedIndexIsGivenAgain() {
    var table = IdentifierTable()
    let index = table.intern(bytes("gone")).index
    table.remove(index)
    #expect(table.count == 0)
    #expect(table.find(bytes("gone")) == nil)
    #expect(table.name(index).isEmpty)
    #expect(table.intern(bytes("next")) == (index, true))
    #expect(table.string(index) == "next")
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func randomStepsAgreeWithADictionary(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var table = IdentifierTable()
    var twin: [String: Int32] = [:]
    // Few names, so that they come and go; long ones too.
    let names = (0..<400).map { String(repeating: "x", count: Int(random.below(40))) + "\($0)" }
    for step in 0..<6000 {
      let name = names[Int(random.below(UInt64(names.count)))]
      switch random.below(10) {
      case 0..<5:
        let (index, isNew) = table.intern(bytes(name))
        #expect(isNew == (twin[name] == nil), "seed \(seed), step \(step)")
        if isNew { #expect(!twin.values.contains(index), "seed \(seed), step \(step): index \(index) is taken") }
        if let known = twin[name] { #expect(index == known, "seed \(seed), step \(step)") }
        twin[name] = index
      case 5..<8:
        if let index = twin.removeValue(forKey: name) { table.remove(index) }
      default:
        #expect(table.find(bytes(name)) == twin[name], "seed \(seed), step \(step)")
      }
    }
    #expect(table.count == twin.count, "seed \(seed)")
    for name in names { #expect(table.find(bytes(name)) == twin[name], "seed \(seed)") }
    for (name, index) in twin { #expect(table.string(index) == name, "seed \(seed)") }
  }

  @Test func manyNamesSpanChunksAndRehashes() {
    var table = IdentifierTable()
    for number in 0..<20_000 { #expect(table.intern(bytes("id-\(number)")).index == Int32(number)) }
    for number in stride(from: 0, to: 20_000, by: 7) { #expect(table.find(bytes("id-\(number)")) == Int32(number)) }
    #expect(table.string(12_345) == "id-12345")
  }

  @Test func aFrozenCopyDoesNotChange() {
    var table = IdentifierTable()
    for number in 0..<5000 { _ = table.intern(bytes("id-\(number)")) }
    let frozen = table.withoutLookup
    for number in 0..<5000 where number % 3 == 0 { table.remove(Int32(number)) }
    for number in 0..<3000 { _ = table.intern(bytes("other-\(number)")) }
    #expect(frozen.count == 5000)
    #expect((0..<5000).allSatisfy { frozen.string(Int32($0)) == "id-\($0)" })
  }

  @Test func restoredNamesAreFoundAndHolesAreGivenAgain() {
    var table = IdentifierTable()
    for name in ["a", "", "c"] { table.restore(bytes(name)) }
    #expect(table.count == 2)
    #expect(table.find(bytes("c")) == 2)
    #expect(table.intern(bytes("b")) == (1, true))
  }
}

@Suite struct InteractionOrderTests {
  @Test func timeComesBeforePartition() {
    let early = InteractionOrder(timeMilliseconds: 1, partition: .max)
    let late = InteractionOrder(timeMilliseconds: 2, partition: 0)
    #expect(early < late)
    #expect(InteractionOrder(timeMilliseconds: 2, partition: 1) > late)
  }

  @Test(arguments: [0, 1, 946_684_800_000, (1 << 44) - 1] as [Int64]) func partsComeBack(time: Int64) {
    for partition in [0, 1, 4096, UInt16.max] {
      let order = InteractionOrder(timeMilliseconds: time, partition: partition)
      #expect(order.timeMilliseconds == time)
      #expect(order.partition == partition)
      let pair = Pair(item: 7, strength: -2.5, order: order, state: .addedAfterBarrier)
      #expect(pair.order == order)
      #expect(pair.state == .addedAfterBarrier)
    }
  }
}
