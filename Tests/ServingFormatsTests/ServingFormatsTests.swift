import Testing

@testable import ServingFormats

@Suite struct ServingFormatsTests {
  private let row = UserRow(
    epoch: 7, partition: 3, offset: 123_456_789_012, madeAtMilliseconds: 1_700_000_000_000, isFoldedIn: true, factors: [1.5, -2, 0.25],
    seen: [0, 1, 127, 128, 16_384, 2_000_000_000], boosts: [.init(item: 4, score: 0.5), .init(item: 300, score: -1)])

  private func pack() -> ItemPack {
    var pack = ItemPack(epoch: 9, first: 2_000, factors: 2)
    for number in 0..<9 {
      let vector = [Float(number), -Float(number)]
      vector.withUnsafeBufferPointer {
        pack.append(id: Array("item \(number)".utf8), vector: number % 3 == 0 ? nil : $0, hasSupport: number > 4)
      }
    }
    return pack
  }

  private let trend = TrendBlob(
    madeAtMilliseconds: 5, numbersSinceMilliseconds: 4, numbersKept: 2, growth: 1.25, weight: 0.5, weightWithoutTaste: 0.75,
    accumulators: [2.5, 0, 5])

  private let trending = TrendingBlob(
    madeAtMilliseconds: 9, countedFromMilliseconds: 2,
    windows: [.hour: [], .week: [.init(item: 0, events: 1), .init(item: 130, events: 70_000), .init(item: .max, events: .max)]])

  @Test func windowsSurviveEncoding() throws {
    #expect(try TrendingBlob(decoding: trending.encoded()) == trending)
    // Item numbers beyond 31 bits.
    var tooLarge = trending.encoded()
    let events: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]
    tooLarge.replaceSubrange(tooLarge.count - 10..<tooLarge.count - 5, with: events)
    #expect(throws: ServingFormatError.self) { try TrendingBlob(decoding: tooLarge) }
  }

  @Test func rowsSurviveEncoding() throws {
    #expect(try UserRow(decoding: row.encoded()) == row)
    var empty = row
    (empty.factors, empty.seen, empty.boosts) = ([], [], [])
    #expect(try UserRow(decoding: empty.encoded()) == empty)
    #expect(row.itemMax == 2_000_000_000)
    #expect(empty.itemMax == -1)
  }

  @Test func packsSurviveEncoding() throws { #expect(try ItemPack(decoding: pack().encoded()) == pack()) }

  @Test func trendsSurviveEncoding() throws {
    #expect(try TrendBlob(decoding: trend.encoded()) == trend)
    #expect(trend.decayedCount(2) == 4)
    #expect(trend.decayedCount(3) == 0)
  }

  @Test func highNumbersOfAnEarlierProcessAreInvalid() {
    #expect(trend.isValid(itemMax: 1, madeAtMilliseconds: 0))
    #expect(trend.isValid(itemMax: 2, madeAtMilliseconds: 4))
    #expect(!trend.isValid(itemMax: 2, madeAtMilliseconds: 3))
  }

  @Test func modelsSurviveTheHash() {
    let model = ServedModel(
      packs: 3, unobservedWeight: 0.1, alpha: nil, regularization: 0.01, regularizationExponent: 1, excludesSeen: false)
    #expect(ServedModel(fields: Dictionary(uniqueKeysWithValues: model.fields.map { ($0.name, $0.value) })) == model)
    #expect(ServedModel(fields: ["epoch": "3"]) == nil)
  }

  /// Every cut and every changed byte is either read or refused, without a trap or a large allocation.
  @Test func damagedValuesAreRefusedOrRead() {
    for bytes in [row.encoded(), pack().encoded(), trend.encoded(), trending.encoded()] {
      for count in bytes.indices {
        let cut = Array(bytes[..<count])
        #expect(throws: ServingFormatError.self) { try UserRow(decoding: cut) }
        #expect(throws: ServingFormatError.self) { try ItemPack(decoding: cut) }
        #expect(throws: ServingFormatError.self) { try TrendBlob(decoding: cut) }
        #expect(throws: ServingFormatError.self) { try TrendingBlob(decoding: cut) }
        for value: UInt8 in [0, 0x7F, 0x80, 0xFF] {
          var changed = bytes
          changed[count] = value
          _ = try? UserRow(decoding: changed)
          _ = try? ItemPack(decoding: changed)
          _ = try? TrendBlob(decoding: changed)
          _ = try? TrendingBlob(decoding: changed)
        }
      }
    }
  }
}
