import COpenSSL
import StreamingRecommender

/// The names of everything this system keeps in Redis.
///
/// The braces around a user or an item are hash tags: a user's keys share one slot of a cluster, so one `MGET` reads them together.
public struct RedisKeys: Sendable, Equatable {
  /// `<prefix>:<namespace>:`; every key and channel begins with it.
  public let root: String

  public init(prefix: String, namespace: String) {
    root = "\(Self.encode(prefix)):\(Self.encode(namespace)):"
  }

  public func userList(_ user: String) -> String { "\(root){u:\(Self.identifier(user))}:top" }
  public func userFactors(_ user: String) -> String { "\(root){u:\(Self.identifier(user))}:vec" }
  public func itemFactors(epoch: UInt32, item: String) -> String { "\(root)e\(epoch):{i:\(Self.identifier(item))}:vec" }
  public func similar(_ item: String) -> String { "\(root){i:\(Self.identifier(item))}:sim" }
  public var titles: String { root + "titles" }
  public var popular: String { root + "popular" }
  public var model: String { root + "model" }
  public var models: String { root + "models" }
  public var modelChannel: String { root + "ev:model" }
  public func progress(_ partition: TopicPartition) -> String { "\(root)pub:\(Self.encode(partition.topic)):\(partition.partition)" }
  public func heartbeat(instance: String) -> String { "\(root)hb:\(Self.encode(instance))" }

  /// Ids longer than this after encoding are replaced by a hash, so that no key grows without bound.
  public static let encodedBytesMax = 128

  /// The id as it stands in a key: percent-encoded, or `h.` and half of its SHA-256 when that is too long.
  public static func identifier(_ id: String) -> String {
    let encoded = encode(id)
    return encoded.utf8.count <= encodedBytesMax ? encoded : "h." + String(sha256Hex(id).prefix(32))
  }

  /// Percent-encodes every byte except the unreserved characters of RFC 3986 and `@ : +`.
  static func encode(_ text: String) -> String {
    if text.utf8.allSatisfy(isKept) { return text }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count * 3)
    for byte in text.utf8 {
      if isKept(byte) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), upperHexDigit(byte >> 4), upperHexDigit(byte & 15)]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isKept(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
    case UInt8(ascii: "@"), UInt8(ascii: ":"), UInt8(ascii: "+"): true
    default: false
    }
  }

  private static func upperHexDigit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10 }

  private static func sha256Hex(_ text: String) -> String {
    let input = Array(text.utf8)
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    _ = SHA256(input, input.count, &digest)
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
