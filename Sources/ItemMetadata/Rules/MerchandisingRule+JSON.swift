import Telemetry

extension MerchandisingRule {
  public static let bytesMax = 16_384
  private static let fieldNames = [
    "id", "kind", "target", "position", "strength", "exploration", "from", "until", "share", "salt", "placement", "priority", "skip_seen",
    "enabled",
    "created_at", "note",
  ]

  /// Reads one JSON object. Unknown fields are refused, because a misspelled one would change what the rule does.
  /// - Parameter createdAt: the time of a rule that does not name its own.
  public init(_ bytes: [UInt8], createdAt: Int64) throws(DocumentFault) {
    let fields = try DocumentFields(bytes, bytesMax: Self.bytesMax)
    try fields.refuseOthers(than: Self.fieldNames, of: "a rule")
    id = try fields.identifier("id")
    guard id.isPlainName else {
      throw DocumentFault(.badID, field: "id", "id must have at most 64 letters, digits, points, hyphens and underscores of ASCII")
    }
    let kinds = "pin, boost, bury, exclude or explore"
    guard let kindText = try fields.word("kind", bytesMax: 16) else {
      throw DocumentFault(.missingField, field: "kind", "kind is missing; it is \(kinds)")
    }
    guard let kind = Kind(rawValue: kindText) else {
      throw DocumentFault(.badValue, field: "kind", "kind must be \(kinds)")
    }
    self.kind = kind
    target = kind == .explore && fields["target"] == nil ? .everything : try Self.target(fields)
    position = try fields.integer("position", 1...Self.positionMax)
    strength = try fields.number("strength", -Self.strengthMax...Self.strengthMax)
    exploration = try Self.exploration(fields)
    skipsSeen = try fields.flag("skip_seen") ?? false
    try Self.check("position", isGiven: position != nil, belongsTo: .pin, kind, isRequired: true)
    try Self.check("strength", isGiven: strength != nil, belongsTo: .boost, kind, isRequired: true)
    try Self.check("exploration", isGiven: exploration != nil, belongsTo: .explore, kind, isRequired: true)
    try Self.check("skip_seen", isGiven: skipsSeen, belongsTo: .pin, kind, isRequired: false)
    from = try fields.time("from")
    until = try fields.time("until")
    if let from, let until, until <= from {
      throw DocumentFault(.badValue, field: "until", "until must be after from; as it is, the rule would never be in force")
    }
    share = try fields.number("share", 0...100) ?? 100
    salt = try fields.word("salt", bytesMax: 64) ?? id
    placement = try fields.word("placement", bytesMax: 64)
    priority = try fields.integer("priority", -1000...1000) ?? 0
    isEnabled = try fields.flag("enabled") ?? true
    self.createdAt = try fields.time("created_at") ?? createdAt
    note = try fields.word("note", bytesMax: 1024)
  }

  private static func check(
    _ name: String, isGiven: Bool, belongsTo owner: Kind, _ kind: Kind, isRequired: Bool
  ) throws(DocumentFault) {
    if kind == owner, isRequired, !isGiven { throw DocumentFault(.missingField, field: name, "kind \(kind.rawValue) needs \(name)") }
    if kind != owner, isGiven {
      throw DocumentFault(.badValue, field: name, "\(name) belongs to kind \(owner.rawValue), not to \(kind.rawValue)")
    }
  }

  private static func exploration(_ fields: DocumentFields) throws(DocumentFault) -> Exploration? {
    guard let inner = try fields.object("exploration") else { return nil }
    try inner.refuseOthers(than: ["share", "max_events"], of: "exploration")
    guard let share = try inner.number("share", 0...Exploration.shareMax),
      let maxEvents = try inner.number("max_events", 0...Exploration.maxEventsMax)
    else {
      throw DocumentFault(
        .missingField, field: "exploration", #"exploration needs share and max_events, for example {"share": 0.1, "max_events": 5}"#)
    }
    return Exploration(share: share, maxEvents: maxEvents)
  }

  private static func target(_ fields: DocumentFields) throws(DocumentFault) -> Target {
    guard let value = fields["target"] else {
      throw DocumentFault(.missingField, field: "target", #"target is missing, for example {"item": "84029E"}"#)
    }
    guard case .object(let members) = value, members.count == 1, case let inner = DocumentFields(members) else {
      throw DocumentFault(.badValue, field: "target", "target must be an object with one of item, category and filter")
    }
    switch members[0].key {
    case "item": return .item(try inner.identifier("item"))
    case "category":
      guard let name = try inner.word("category", bytesMax: ItemDocument.wordBytesMax), !name.isEmpty else { break }
      return .category(name)
    case "filter":
      guard let text = try inner.word("filter", bytesMax: FilterLimits.body.bytesMax) else { break }
      do throws(FilterFault) { return .filter(try ItemFilter(text, limits: .body), text: text) } catch {
        throw DocumentFault(.badFilter, field: "target", "the filter: \(error)")
      }
    default: break
    }
    throw DocumentFault(.badValue, field: "target", "target must be an object with one text of item, category and filter")
  }

  /// The rule as JSON, without what is as by default. Reading it gives the rule again.
  public var json: JSONValue {
    let target: JSONValue? =
      switch target {
      case .item(let id): ["item": .string(id)]
      case .category(let name): ["category": .string(name)]
      case .filter(_, let text): ["filter": .string(text)]
      case .everything: nil
      }
    var members: [JSONValue.Member] = [.init("id", .string(id)), .init("kind", .string(kind.rawValue))]
    func add(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
    add("target", target)
    add("position", position.map { .integer($0) })
    add("strength", strength.map { .number($0) })
    add("exploration", exploration.map { ["share": .number($0.share), "max_events": .number($0.maxEvents)] })
    add("from", from.map { .string(Timestamp.rfc3339(milliseconds: $0)) })
    add("until", until.map { .string(Timestamp.rfc3339(milliseconds: $0)) })
    add("share", share == 100 ? nil : .number(share))
    add("salt", salt.hasSameBytes(as: id) ? nil : .string(salt))
    add("placement", placement.map { .string($0) })
    add("priority", priority == 0 ? nil : .integer(priority))
    add("skip_seen", skipsSeen ? true : nil)
    add("enabled", isEnabled ? nil : false)
    add("created_at", .string(Timestamp.rfc3339(milliseconds: createdAt)))
    add("note", note.map { .string($0) })
    return .object(members)
  }
}
