import Foundation
import ItemMetadata
import StreamingRecommender

/// Reads a stored list in one pass, in exactly the form in which the engine writes it.
///
/// Ids with escapes, other orders of members and anything else that is unusual are left to the general decoder.
struct StoredListReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0

  /// `nil` if the list has another form.
  static func read(_ bytes: [UInt8]) -> StoredList? {
    bytes.withUnsafeBufferPointer { buffer in
      var reader = StoredListReader(bytes: buffer)
      return reader.list()
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private mutating func list() -> StoredList? {
    guard skip("{\"v\":1,\"epoch\":"), let epoch = integer(), skip(",\"part\":"), integer() != nil, skip(",\"off\":"), integer() != nil,
      skip(",\"ts\":"), let madeAt = integer(), skip(",\"src\":"), let source = source(), let epoch = UInt32(exactly: epoch)
    else { return nil }
    var filledFrom: Int?
    if skip(",\"fill\":") {
      guard let place = integer() else { return nil }
      filledFrom = Int(place)
    }
    var expiry: Int64?
    if skip(",\"until\":") {
      guard let time = integer() else { return nil }
      expiry = time
    }
    guard skip(",\"items\":[") else { return nil }
    var items: [StoredList.Item] = []
    items.reserveCapacity(32)
    while skip("[") {
      guard let id = text(), skip(","), let score = float(), skip("]") else { return nil }
      items.append(StoredList.Item(item: Identifier(id), score: score))
      if !skip(",") { break }
    }
    guard skip("]}"), at == bytes.count else { return nil }
    return StoredList(
      epoch: epoch, madeAtMilliseconds: madeAt, source: source, filledFrom: filledFrom, expiresAtMilliseconds: expiry, items: items)
  }

  private mutating func skip(_ expected: StaticString) -> Bool {
    let count = expected.utf8CodeUnitCount
    guard count <= bytes.count - at, memcmp(bytes.baseAddress! + at, expected.utf8Start, count) == 0 else { return false }
    at += count
    return true
  }

  private mutating func integer() -> Int64? {
    let isNegative = skip("-")
    var value: Int64 = 0
    let start = at
    while at < bytes.count, case let digit = bytes[at] &- 0x30, digit < 10 {
      guard at - start < 18 else { return nil }
      value = value * 10 + Int64(digit)
      at += 1
    }
    return at > start ? (isNegative ? -value : value) : nil
  }

  private mutating func source() -> ItemSource? {
    for (word, source) in [
      ("\"foldin\"", ItemSource.foldin), ("\"personal\"", .personal), ("\"popular\"", .popular), ("\"similar\"", .similar),
      ("\"imported\"", .imported),
    ] {
      let count = word.utf8.count
      guard count <= bytes.count - at, bytes[at..<(at + count)].elementsEqual(word.utf8) else { continue }
      at += count
      return source
    }
    return nil
  }

  private mutating func text() -> [UInt8]? {
    guard skip("\"") else { return nil }
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\") { return nil }
      at += 1
    }
    let end = at
    return skip("\"") ? Array(bytes[start..<end]) : nil
  }

  /// A number ends before a bracket, so the conversion ends within the bytes.
  private mutating func float() -> Float? {
    guard let end = bytes[at...].firstIndex(of: UInt8(ascii: "]")), end > at, end - at < 40 else { return nil }
    var rest: UnsafeMutablePointer<CChar>?
    let start = bytes.baseAddress! + at
    let (value, read) = start.withMemoryRebound(to: CChar.self, capacity: end - at + 1) { text in
      let value = strtof(text, &rest)
      return (value, rest.map { UnsafePointer($0) - text } ?? 0)
    }
    guard read == end - at else { return nil }
    at = end
    return value
  }
}
