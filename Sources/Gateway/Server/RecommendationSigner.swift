import COpenSSL
import ItemMetadata

/// Makes the ids of answers.
public struct RecommendationSigner: Sendable {
  /// Without a key ids have a checksum: damaged ones are found, forged ones are not.
  let key: [UInt8]?

  public init(key: [UInt8]?) { self.key = key }

  func identifier(of answer: ListAnswer, placement: String?, now: Int64) -> String {
    RecommendationIdentifier(
      now: now, epoch: answer.epoch ?? 0, placement: placement, user: answer.user?.string,
      items: answer.items.prefix(RecommendationIdentifier.itemsMax).map {
        .init(item: $0.item.string, source: $0.source, ruleClass: $0.ruleClass)
      }
    ).encoded(code)
  }

  /// HMAC-SHA-256 with the key (RFC 2104).
  public func code(_ message: [UInt8]) -> [UInt8] {
    guard let key else { return RecommendationIdentifier.checksum(message) }
    let short = key.count > Self.blockBytes ? Self.digest(key) : key
    let block = short + [UInt8](repeating: 0, count: Self.blockBytes - short.count)
    return Self.digest(block.map { $0 ^ 0x5C } + Self.digest(block.map { $0 ^ 0x36 } + message))
  }

  private static let blockBytes = 64

  private static func digest(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { output, count in
      _ = SHA256(bytes, bytes.count, output.baseAddress)
      count = Int(SHA256_DIGEST_LENGTH)
    }
  }
}
