import Telemetry

extension ItemDocument {
  /// The document as JSON: fields in a fixed order, absent ones left out, times as RFC 3339 in UTC.
  ///
  /// Equal documents give equal bytes, and reading them gives the document again.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [.init("item_id", .string(itemID))]
    if let title { members.append(.init("title", .string(title))) }
    if !categories.isEmpty { members.append(.init("categories", .array(categories.map { .string($0) }))) }
    if !tags.isEmpty { members.append(.init("tags", .array(tags.map { .string($0) }))) }
    if isHidden { members.append(.init("hidden", true)) }
    if let availableFrom { members.append(.init("available_from", .string(Timestamp.rfc3339(milliseconds: availableFrom)))) }
    if let availableUntil { members.append(.init("available_until", .string(Timestamp.rfc3339(milliseconds: availableUntil)))) }
    if !properties.isEmpty { members.append(.init("properties", .object(properties))) }
    return .object(members)
  }

  public var bytes: [UInt8] { json.bytes }

  /// CRC-64/XZ of the bytes, for entity tags: documents with different ones differ.
  public var contentHash: UInt64 { StableHash.crc64(bytes) }

  func validate() throws(DocumentFault) {
    guard !itemID.isEmpty, !itemID.utf8.contains(0) else {
      throw DocumentFault(.badID, field: "item_id", "item_id must not be empty or contain a zero byte")
    }
    guard itemID.utf8.count <= 256 else { throw DocumentFault(.idTooLong, field: "item_id", "item_id is longer than 256 bytes") }
    guard (title?.utf8.count ?? 0) <= Self.titleBytesMax else {
      throw DocumentFault(.badValue, field: "title", "title is longer than \(Self.titleBytesMax) bytes")
    }
    try Self.validate(categories, "categories")
    try Self.validate(tags, "tags")
    for (name, time) in [("available_from", availableFrom), ("available_until", availableUntil)] {
      if let time, !DocumentFields.years.contains(time) {
        throw DocumentFault(.badTimestamp, field: name, "\(name) is outside the years 0 to 9999")
      }
    }
    let size = JSONValue.object(properties).bytes.count
    guard size <= Self.propertiesBytesMax else {
      throw DocumentFault(
        .tooLarge, field: "properties", "properties have \(size) bytes when written; at most \(Self.propertiesBytesMax) are kept")
    }
    let total = bytes.count
    guard total <= Self.bytesMax else {
      throw DocumentFault(.tooLarge, "the document has \(total) bytes when written; at most \(Self.bytesMax) are kept")
    }
  }

  private static func validate(_ words: [String], _ name: String) throws(DocumentFault) {
    guard words.count <= wordsMax else {
      throw DocumentFault(.badValue, field: name, "\(name) has \(words.count) different texts; at most \(wordsMax) are kept")
    }
    guard words.allSatisfy({ 1...wordBytesMax ~= $0.utf8.count }) else {
      throw DocumentFault(.badValue, field: name, "each text of \(name) must have 1 to \(wordBytesMax) bytes")
    }
  }
}
