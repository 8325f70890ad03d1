/// A text that is compared and hashed byte by byte, where `String` compares by canonical equivalence.
///
/// "é" as one scalar and as two are different categories, ids and property names, as they are different keys in Kafka and Redis.
struct ExactText: Hashable, Sendable {
  let text: String
  init(_ text: String) { self.text = text }

  static func == (a: Self, b: Self) -> Bool { a.text.hasSameBytes(as: b.text) }

  func hash(into hasher: inout Hasher) {
    var copy = text
    copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    hasher.combine(0xFF as UInt8)
  }
}

extension String {
  func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

  /// The order of the bytes, which does not depend on machine or locale.
  func precedesByBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

extension Array where Element == String {
  /// The texts in order without those that appeared before.
  var withoutRepetitions: [String] {
    guard count > 1 else { return self }
    var known: Set<ExactText> = []
    return filter { known.insert(ExactText($0)).inserted }
  }
}
