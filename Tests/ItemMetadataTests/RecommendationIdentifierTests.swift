import Telemetry
import Testing

@testable import ItemMetadata

/// HMAC-SHA-256 (RFC 2104), for the vectors.
private func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
  func digest(_ bytes: [UInt8]) -> [UInt8] {
    SHA256Digest(bytes).words.flatMap { word in (0..<4).map { UInt8(word >> (24 - 8 * $0) & 255) } }
  }
  let block = key + [UInt8](repeating: 0, count: 64 - key.count)
  return digest(block.map { $0 ^ 0x5C } + digest(block.map { $0 ^ 0x36 } + message))
}

private func bytes(hex: String) -> [UInt8] {
  let digits = Array(hex)
  return stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
}

@Suite struct RecommendationIdentifierTests {
  private static let key = [UInt8](0..<32)
  private func keyed(_ message: [UInt8]) -> [UInt8] { hmac(Self.key, message) }

  private func sample(_ count: Int, user: String? = "ada") -> RecommendationIdentifier {
    RecommendationIdentifier(
      now: now, epoch: 7, arm: 1, placement: "home", user: user,
      items: (0..<count).map {
        .init(item: "item-\($0)", source: $0 == 3 ? .explore : .personal, ruleClass: $0 == 1 ? [.pin, .boost] : [])
      })
  }

  @Test func theShortHashesAreTheKnownOnes() {
    #expect(StableHash.fold32("") == 0xCBF2_9CE4 ^ 0x8422_2325)
    #expect(StableHash.fold32("foobar") == 0x8594_4171 ^ 0xF739_67E8)
    #expect(StableHash.crc64("123456789".utf8) == 0x995D_C9BB_DF19_39FA)
  }

  @Test func theIDsOfTheVectorsAreTheSame() throws {
    let rows = try examples("recommendation-ids.jsonl")
    #expect(rows.count == 6)
    for row in rows {
      guard case .array(let items)? = row["items"], case .integer(let seconds)? = row["seconds"], case .integer(let epoch)? = row["epoch"],
        case .integer(let arm)? = row["arm"], let text = row["id"]?.string
      else {
        Issue.record("a row cannot be read: \(row.text)")
        continue
      }
      let shown = items.map { item -> RecommendationIdentifier.ShownItem in
        var rules: AssembledList.RuleClass = []
        if case .array(let names)? = item["rules"] {
          for name in names { rules.formUnion(["pin": .pin, "boost": .boost, "bury": .bury][name.string ?? ""] ?? []) }
        }
        return .init(
          item: item["item"]?.string ?? "?", source: ItemSource(rawValue: item["source"]?.string ?? "") ?? .pinned, ruleClass: rules)
      }
      let id = RecommendationIdentifier(
        now: Int64(seconds) * 1000, epoch: UInt32(epoch), arm: UInt8(arm), placement: row["placement"]?.string, user: row["user"]?.string,
        items: shown)
      let key = row["key"]?.string
      func code(_ message: [UInt8]) -> [UInt8] { key.map { hmac(bytes(hex: $0), message) } ?? RecommendationIdentifier.checksum(message) }
      #expect(id.encoded(code) == text, "\(row["name"]?.string ?? "")")
      #expect(try RecommendationIdentifier(text, code) == id)
    }
  }

  @Test func anIDTellsWhatWasShown() throws {
    let id = try RecommendationIdentifier(sample(20).encoded(keyed), keyed)
    #expect(id == sample(20) && id.epoch == 7 && id.arm == 1 && Int64(id.secondsSince1970) == now / 1000)
    #expect(id.isFor("ada") && !id.isFor("bob") && !id.isFor(nil) && sample(1, user: nil).isFor(nil) && !sample(1, user: nil).isFor("ada"))
    #expect(id.rank(of: "item-0") == 1 && id.rank(of: "item-19") == 20 && id.rank(of: "other") == nil)
    #expect(id.items[3].source == .explore && id.items[1].ruleClass == [.pin, .boost] && id.items[0].ruleClass == [])
    #expect(id.placement == RecommendationIdentifier.placementCode("home") && id.placement != 0)
    #expect(RecommendationIdentifier.placementCode(nil) == 0)
  }

  @Test func twentyItemsHave111CharactersAndAHundredFit() {
    #expect(sample(20).encoded(keyed).utf8.count == 111)
    #expect(sample(100).items.count == 40 && sample(100).encoded(keyed).utf8.count == 191)
  }

  /// Any other character at any place makes an id that is refused.
  @Test func everyChangeIsNoticed() throws {
    let text = Array(sample(3).encoded(keyed).utf8)
    for place in text.indices {
      for other in [UInt8(ascii: "A"), UInt8(ascii: "_"), UInt8(ascii: "=")] where text[place] != other {
        var changed = text
        changed[place] = other
        #expect(throws: RecommendationIdentifier.Fault.self) {
          try RecommendationIdentifier(String(decoding: changed, as: UTF8.self), keyed)
        }
      }
    }
    for length in 0..<text.count {
      #expect(throws: RecommendationIdentifier.Fault.self) {
        try RecommendationIdentifier(String(decoding: text[..<length], as: UTF8.self), keyed)
      }
    }
  }

  @Test func whatIsWrongIsNamed() {
    func fault(_ text: String, _ code: RecommendationIdentifier.MessageCode) -> RecommendationIdentifier.Fault? {
      do throws(RecommendationIdentifier.Fault) { _ = try RecommendationIdentifier(text, code) } catch { return error }
      return nil
    }
    #expect(fault(sample(2).encoded(keyed), RecommendationIdentifier.checksum) == .forged)
    #expect(fault(sample(2).encoded(RecommendationIdentifier.checksum), keyed) == .forged)
    #expect(
      fault("r-12", keyed) == .unknownVersion && fault("r.12", keyed) == .malformed && fault("", keyed) == .malformed
        && fault("AQ", keyed) == .malformed)
    #expect(fault("Ag", keyed) == .unknownVersion && fault(sample(2).encoded(keyed) + "=", keyed) == .malformed)
    #expect(fault(String(repeating: "A", count: 10_000), keyed) == .malformed)
  }

  @Test func sourcesHaveDistinctCodes() {
    #expect(Set(ItemSource.allCases.map(\.code)).count == ItemSource.allCases.count)
    for source in ItemSource.allCases { #expect(ItemSource(code: source.code) == source && 1...15 ~= source.code) }
    #expect(ItemSource(code: 0) == nil && ItemSource(code: 15) == nil)
  }
}
