import Digests
import StreamingRecommender

/// The names of all keys and channels in Redis.
///
/// The braces around a user or an item are hash tags: a user's keys share one slot of a cluster, so one `MGET` reads them together.
public struct RedisKeys: Sendable, Equatable {
  /// `<prefix>:<namespace>:`; every key and channel begins with it.
  public let root: String

  public init(prefix: String, namespace: String) {
    root = "\(Self.encode(prefix)):\(Self.encode(namespace)):"
  }

  public func userList(_ user: Identifier) -> String { "\(root){u:\(Self.identifier(user))}:top" }
  public func userFactors(_ user: Identifier) -> String { "\(root){u:\(Self.identifier(user))}:vec" }
  public func userRow(_ user: Identifier) -> String { "\(root){u:\(Self.identifier(user))}:row" }
  /// The lists that other programs made for the user, see `ImportedLists`.
  public func userImported(_ user: Identifier) -> String { "\(root){u:\(Self.identifier(user))}:imported" }
  /// Which imported lists there are.
  public var imported: String { root + "imported" }
  /// The keys of users' imported lists, as a pattern of SCAN; what is encoded has none of its special characters.
  var userImportedPattern: String { "\(root){u:*}:imported" }
  public func itemPack(epoch: UInt32, _ number: Int) -> String { "\(root)e\(epoch):pack:\(number)" }
  /// The versions of the epoch's packs by number.
  public func itemPacks(epoch: UInt32) -> String { "\(root)e\(epoch):packs" }
  public var itemDocuments: String { root + "items" }
  /// Grows with every change of a document.
  public var itemVersion: String { root + "items:version" }
  /// The latest changed items by version.
  public var changedItems: String { root + "items:changed" }
  public var trend: String { root + "trend" }
  /// Events of items in fixed windows.
  public var trending: String { root + "trending" }
  public func itemFactors(epoch: UInt32, item: Identifier) -> String { "\(root)e\(epoch):{i:\(Self.identifier(item))}:vec" }
  public func similar(_ item: Identifier) -> String { "\(root){i:\(Self.identifier(item))}:sim" }
  /// Whether the item vectors of an epoch are complete; its value is `itemsIncomplete` or their number.
  public func items(epoch: UInt32) -> String { "\(root)e\(epoch):items" }
  public var titles: String { root + "titles" }
  public var popular: String { root + "popular" }
  public var model: String { root + "model" }
  public var models: String { root + "models" }
  public var modelChannel: String { root + "ev:model" }
  public func progress(_ partition: TopicPartition) -> String { "\(root)pub:\(Self.encode(partition.topic)):\(partition.partition)" }
  public func heartbeat(instance: String) -> String { "\(root)hb:\(Self.encode(instance))" }

  /// Proves which writes of an instance stand, see `WriteMarker`.
  public func marker(instance: String) -> String { "\(root)mark:\(Self.encode(instance))" }

  /// Who writes this namespace, see `WriterLease`.
  public var writer: String { root + "writer" }
  /// Who was refused last because there was a writer already.
  var writerRefused: String { root + "writer:refused" }

  static let itemsIncomplete = "incomplete"

  /// Ids longer than this after encoding are replaced by a hash, so that no key grows without bound.
  public static let encodedBytesMax = 128

  /// The id as it stands in a key: percent-encoded, or `h.` and half of its SHA-256 when that is too long or looks like a hash.
  ///
  /// Keys are ASCII, so comparing them as Strings compares their bytes.
  public static func identifier(_ id: Identifier) -> String {
    let encoded = encode(id.bytes)
    guard encoded.utf8.count > encodedBytesMax || looksHashed(id.bytes) else { return encoded }
    return "h." + String(SHA256Digest(of: id.bytes).hex.prefix(hashDigits))
  }

  private static let hashDigits = 32

  /// Such an id must not stand for itself, or it would share its keys with the long id that has this hash.
  private static func looksHashed(_ id: [UInt8]) -> Bool {
    guard id.count == hashDigits + 2, id.starts(with: "h.".utf8) else { return false }
    return id.dropFirst(2).allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
  }

  static func encode(_ text: String) -> String { encode(Array(text.utf8)) }

  /// Percent-encodes every byte except the unreserved characters of RFC 3986 and `@ : +`.
  static func encode(_ text: [UInt8]) -> String {
    if text.allSatisfy(isKept) { return String(decoding: text, as: UTF8.self) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3)
    for byte in text {
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
}
