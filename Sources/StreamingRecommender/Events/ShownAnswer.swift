/// The answer to which an event belongs.
public struct ShownAnswer: Equatable, Sendable {
  /// The text of `recommendation_id`.
  public var recommendationID: [UInt8]
  /// The ids in `impression`: what was on the screen, whether or not the user did anything with it.
  public var impressions: [[UInt8]]

  /// - Parameter list: at the value of `impression`, which was read without a fault before; whatever is no text in it ends the list.
  init(_ recommendationID: [UInt8], impressions list: JSONScanner?) {
    self.recommendationID = recommendationID
    impressions = []
    guard var list, list.peek() == 0x5B else { return }
    list.at += 1
    while impressions.count < DecodingRules.maxImpressionItems {
      list.skipSpace()
      if list.peek() == 0x2C {
        list.at += 1
        continue
      }
      guard list.peek() == 0x22 else { break }
      list.at += 1
      guard let text = try? list.text() else { break }
      impressions.append(list.bytes(of: text))
    }
  }
}
