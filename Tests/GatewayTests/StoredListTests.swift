import Pipeline
import StreamingRecommender
import Testing

@testable import Gateway
@testable import RedisPublishing

/// The fast reader gives what the general one gives, or leaves the list to it.
@Suite struct StoredListTests {
  private func list(_ ids: [String], filledFrom: Int? = nil, source: RecommendationSource = .foldin) -> RecommendationList {
    let scores: [Float] = [4.21, 1e-07, -3.5, 123456.79, 0, 3.4028235e38]
    return RecommendationList(
      epoch: 7, source: source, partition: -1, offset: 123_456_789_012, madeAtMilliseconds: 1_700_000_000_000,
      items: ids.enumerated().map { RecommendedItem(item: Identifier($1), score: scores[$0 % scores.count]) }, filledFrom: filledFrom)
  }

  @Test func bothReadersAgree() throws {
    for source in RecommendationSource.allCases {
      for (ids, filledFrom) in [([], nil), (["a"], nil), (["sku-1", "café", "x y", "{}", "[\"", "back\\slash", "\u{2028}"], 2)]
        as [([String], Int?)]
      {
        let bytes = ListFormat.encode(list(ids, filledFrom: filledFrom, source: source))
        let plain = try ListFormat.decode(bytes)
        let stored = try StoredList(decoding: bytes)
        #expect(stored.items.map(\.item) == plain.items.map(\.item) && stored.items.map(\.score) == plain.items.map(\.score))
        #expect(stored.epoch == 7 && stored.filledFrom == filledFrom && stored.source.rawValue == source.rawValue)
        #expect(stored.madeAtMilliseconds == plain.madeAtMilliseconds)
      }
    }
  }

  @Test func theUsualFormIsReadInOnePass() {
    #expect(StoredListReader.read(ListFormat.encode(list(["a", "b"], filledFrom: 1))) != nil)
    #expect(StoredListReader.read(ListFormat.encode(list(["a\"b"]))) == nil)
  }

  /// No list that is cut off or changed is read as another one, and none reads beyond its end.
  @Test func damagedListsAreLeftToTheDecoder() {
    let bytes = ListFormat.encode(list(["sku-1", "sku-2"], filledFrom: 1))
    for count in 0..<bytes.count { #expect(StoredListReader.read(Array(bytes[..<count])) == nil) }
    for text in [#"{"v":2,"epoch":7}"#, #"{"v":1,"epoch":7,"part":1,"off":1,"ts":1,"src":"foldin","items":[["a",1x]]}"#, "[]", ""] {
      #expect(StoredListReader.read(Array(text.utf8)) == nil)
    }
  }
}
