import StreamingRecommender
import Testing

@testable import Evaluation

@Suite struct EvaluationDataOrderTests {
  private func events(_ rows: [(user: String, item: String, time: Int64)]) -> EvaluationData {
    EvaluationData(rows.map { Interaction(user: Array($0.user.utf8), item: Array($0.item.utf8), timeMilliseconds: $0.time) })
  }

  private func text(_ data: EvaluationData) -> String {
    data.interactions.map { String(decoding: $0.user + $0.item, as: UTF8.self) }.joined(separator: " ")
  }

  @Test func theFirstEventOfAPairStays() {
    let data = events([("u", "a", 1), ("u", "b", 2), ("v", "a", 2), ("u", "a", 3), ("v", "a", 4), ("v", "c", 5)])
    #expect(text(data.firstOccurrences()) == "ua ub va vc")
  }

  @Test func onlyWhatOneUserDidAtOneTimeIsShuffled() {
    let rows = (0..<200).map { (user: $0 % 2 == 0 ? "u" : "v", item: "\($0)", time: Int64($0 / 100)) }
    let data = events(rows)
    let shuffled = data.shufflingTies(seed: 1)
    #expect(text(shuffled) != text(data))
    #expect(shuffled.interactions.map(\.user) == data.interactions.map(\.user))
    #expect(shuffled.interactions.map(\.timeMilliseconds) == data.interactions.map(\.timeMilliseconds))
    #expect(Set(shuffled.interactions.prefix(100).map(\.item)) == Set(data.interactions.prefix(100).map(\.item)))
    #expect(text(data.shufflingTies(seed: 1)) == text(shuffled))
    #expect(text(data.shufflingTies(seed: 2)) != text(shuffled))
  }
}
