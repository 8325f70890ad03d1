/// The id of a user or an item, compared byte by byte.
///
/// `String` compares by canonical equivalence: "é" as one scalar and as two are equal there, but they are different message keys in Kafka
/// and different keys in Redis.
public struct Identifier: Hashable, Sendable {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// The id as text for display; invalid UTF-8 is shown as U+FFFD.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}

extension Identifier: ExpressibleByStringInterpolation {
  public init(stringLiteral value: String) { self.init(value) }
}

extension Identifier: CustomStringConvertible {
  public var description: String { string }
}

extension Identifier: Comparable {
  /// Compares lexicographically by bytes, which does not depend on machine or locale.
  public static func < (a: Identifier, b: Identifier) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}
