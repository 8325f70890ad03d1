import Foundation
import Pipeline
import RedisPublishing
import StreamingRecommender
import Testing

/// What a user and an item take in Redis, as docs/operations.md says it.
@Suite(.disabled(if: !serversAreThere, serverMissing)) struct RedisSizingTests {
  private func documented(_ name: String) throws -> [Double] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("docs/operations.md"), encoding: .utf8)
    let row = try #require(text.split(separator: "\n").first { $0.hasPrefix("| \(name) |") }, "no row \(name)")
    return row.split(separator: "|")[1].matches(of: /[0-9]+/).compactMap { Double(String($0.output)) }
  }

  @Test func aUserAndAnItemTakeWhatTheDocumentSays() throws {
    let fixture = try Fixture()
    let publisher = try fixture.publisher()
    let factors = (0..<64).map { Float($0) * 0.017 - 0.5 }
    let items = (0..<20).map { RecommendedItem(item: Identifier("\(22_400 + $0)"), score: 1.234567 / Float($0 + 1)) }
    let made = RecommendationList(
      epoch: 7, source: .foldin, partition: 3, offset: 123_456, madeAtMilliseconds: 1_700_000_000_000, items: items)
    publisher.submit(
      [
        .user(UserRecommendations(user: "17850", list: made, factors: factors)),
        .itemFactors(epoch: 7, item: "22423", factors: factors), .similar(item: "22423", list: made),
      ], ticket: 1)
    #expect(publisher.flush(timeout: .seconds(5)))
    let control = try fixture.control()
    for (row, index, key) in [
      ("Redis, bytes per user", 0, "{u:17850}:top"), ("Redis, bytes per user", 1, "{u:17850}:vec"),
      ("Redis, bytes per item", 0, "e7:{i:22423}:vec"), ("Redis, bytes per item", 1, "{i:22423}:sim"),
    ] {
      let measured = Double(try #require(try control.command(["MEMORY", "USAGE", "freshet:default:\(key)"]).integer))
      let expected = try documented(row)[index]
      print("sizing: \(row) \(key): documented \(expected), measured \(measured)")
      #expect(abs(measured - expected) <= 0.2 * expected, "\(row) \(key): documented \(expected), measured \(measured)")
    }
  }
}
