import Foundation
import Testing

@testable import Datasets

@Suite struct CensusTests {
  @Test func differentHashesAreCountedExactlyUpToAMillionAndThenWithinTwoPercent() {
    var counter = DistinctCounter()
    func insert(_ range: Range<Int>) {
      for number in range { counter.insert(CellHash.combined(UInt64(number), 7)) }
    }
    insert(0..<300_000)
    insert(0..<300_000)
    #expect(counter.isExact && counter.count == 300_000)
    insert(300_000..<1_500_000)
    insert(0..<200_000)
    #expect(!counter.isExact)
    #expect(abs(counter.count - 1_500_000) < 30_000, "\(counter.count)")
  }

  @Test func aCensusCountsUsersItemsPairsTypesAndRepeats() {
    var census = InteractionCensus()
    let rows = [("u", "i", "view", 5), ("u", "i", "view", 6), ("u", "i", "buy", 6), ("v", "i", "view", 1), ("u", "i", "view", 5)]
    for (user, item, type, time) in rows {
      census.add(InteractionRow(user: bytes(user), item: bytes(item), timeMilliseconds: Int64(time), type: bytes(type)))
    }
    #expect(census.rows == 5 && census.users.count == 2 && census.items.count == 1 && census.pairs.count == 2)
    #expect(census.repeats == 1 && census.times == 1...6 && census.types == ["view": 4, "buy": 1] && census.isExact)
  }

  @Test func theNamesOfPlacesInRecordsTellTheFields() {
    let places = FieldProposal.places(among: [
      "kind", "payload.after.customer_id", "payload.before.customer_id", "payload.after.sku", "payload.after.created_at",
      "payload.after.price",
    ])
    #expect(places[.user] == ["payload.after.customer_id", "payload.before.customer_id"])
    #expect(places[.item] == ["payload.after.sku"] && places[.time] == ["payload.after.created_at"] && places[.value] == nil)
  }
}
