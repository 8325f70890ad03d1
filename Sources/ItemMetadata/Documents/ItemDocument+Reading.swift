import Telemetry

extension ItemDocument {
  /// Reads one JSON object.
  ///
  /// Fields that are not named here are properties: a flat record `{"item_id": "A", "price": 4.95}` has the property `price`. A name may not
  /// be given both ways. Null means absent. Ids, titles, categories and tags may be integers, which stand for their decimal text, and a
  /// single category or tag need not be in a list.
  public init(_ bytes: [UInt8]) throws(DocumentFault) {
    let fields = try DocumentFields(bytes, bytesMax: Self.bytesMax)
    try self.init(Self.folded(fields.members, isPatch: false))
  }

  /// The document after a merge patch (RFC 7396). Null removes a field, or makes `hidden` false; fields that are not named in a document
  /// change the property of that name.
  public func merging(patch bytes: [UInt8]) throws(DocumentFault) -> ItemDocument {
    let fields = try DocumentFields(bytes, bytesMax: Self.bytesMax)
    let patch = JSONValue.object(try Self.folded(fields.members, isPatch: true))
    guard case .object(let members) = json.merging(patch: patch) else { preconditionFailure("a patch is an object") }
    let merged = try ItemDocument(members)
    guard merged.itemID.hasSameBytes(as: itemID) else {
      throw DocumentFault(.badValue, field: "item_id", "a patch cannot change item_id; write a new document and delete the old one")
    }
    return merged
  }

  private init(_ members: [JSONValue.Member]) throws(DocumentFault) {
    let fields = DocumentFields(members)
    var properties: [JSONValue.Member] = []
    if let value = fields["properties"] {
      guard case .object(let members) = value else {
        throw DocumentFault(.badValue, field: "properties", "properties must be an object")
      }
      properties = members
    }
    try self.init(
      itemID: fields.identifier("item_id"), title: fields.word("title", bytesMax: Self.titleBytesMax),
      categories: Self.words("categories", fields), tags: Self.words("tags", fields), isHidden: fields.flag("hidden") ?? false,
      availableFrom: fields.time("available_from"), availableUntil: fields.time("available_until"), properties: properties)
  }

  private static func words(_ name: String, _ fields: DocumentFields) throws(DocumentFault) -> [String] {
    let fault = DocumentFault(
      .badValue, field: name, "\(name) must be a list of at most \(wordsMax) texts of 1 to \(wordBytesMax) bytes")
    switch fields[name] {
    case nil: return []
    case .array(let elements)?:
      let words = elements.compactMap(DocumentFields.word)
      guard words.count == elements.count else { throw fault }
      return words
    case let value?:
      guard let word = DocumentFields.word(value) else { throw fault }
      return [word]
    }
  }

  // MARK: Names

  static let fieldNames = ["item_id", "title", "categories", "tags", "hidden", "available_from", "available_until", "properties"]
  static let aliases = ["expires_at": "available_until"]

  /// The members under their canonical names, with the unnamed ones inside `properties`.
  private static func folded(_ members: [JSONValue.Member], isPatch: Bool) throws(DocumentFault) -> [JSONValue.Member] {
    var named: [JSONValue.Member] = []
    var unnamed: [JSONValue.Member] = []
    for member in members {
      let name = aliases[member.key] ?? member.key
      if !fieldNames.contains(where: { $0.hasSameBytes(as: name) }) {
        unnamed.append(member)
      } else if named.contains(where: { $0.key == name }) {
        throw DocumentFault(.duplicateField, field: name, "\(name) is given twice, once as \(member.key)")
      } else {
        named.append(.init(name, member.value))
      }
    }
    guard !unnamed.isEmpty else { return named }
    guard let index = named.firstIndex(where: { $0.key == "properties" }) else {
      return named + [.init("properties", .object(unnamed))]
    }
    switch named[index].value {
    case .object(let properties):
      if let twice = unnamed.first(where: { member in properties.contains { $0.key.hasSameBytes(as: member.key) } })?.key {
        throw DocumentFault(.duplicateField, field: twice, "\(twice.debugDescription) is given as a field and within properties")
      }
      named[index].value = .object(properties + unnamed)
    case .null where !isPatch: named[index].value = .object(unnamed)
    case .null:
      throw DocumentFault(.badValue, field: "properties", "a patch cannot remove properties and set \(unnamed[0].key.debugDescription)")
    default: break
    }
    return named
  }
}
