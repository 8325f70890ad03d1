import Digests
import ItemMetadata

/// Makes the ids of answers.
public struct RecommendationSigner: Sendable {
  /// Without a key ids have a checksum: damaged ones are found, forged ones are not.
  let key: [UInt8]?

  public init(key: [UInt8]?) { self.key = key }

  func identifier(of answer: ListAnswer, placement: String?, now: Int64) -> String {
    RecommendationIdentifier(
      now: now, epoch: answer.epoch ?? 0, arm: answer.arm?.number ?? 0, placement: placement, user: answer.user?.string,
      items: answer.items.prefix(RecommendationIdentifier.itemsMax).map {
        .init(item: $0.item.string, source: $0.source, ruleClass: $0.ruleClass)
      }
    ).encoded(code)
  }

  public func code(_ message: [UInt8]) -> [UInt8] {
    key.map { HMACSHA256.code(message, key: $0).bytes } ?? RecommendationIdentifier.checksum(message)
  }
}
