import Telemetry

/// What a filter tests: a field of the document, or a property by its path.
enum FilterField: Hashable, Sendable {
  case itemID, title, categories, tags, hidden, availableFrom, availableUntil
  case property([String])

  /// A value of a field; lists give one per element.
  enum Value {
    case text(String)
    case number(Double)
    case bool(Bool)
    case time(Int64)
    /// An object, which exists and equals nothing.
    case object
  }

  private static let fixed: [(name: String, field: FilterField)] = [
    ("item_id", .itemID), ("title", .title), ("categories", .categories), ("tags", .tags), ("hidden", .hidden),
    ("available_from", .availableFrom), ("available_until", .availableUntil), ("expires_at", .availableUntil),
  ]

  /// The field of these names. `properties.` before a name reaches a property that is called like a field.
  init(path: [String]) {
    if path.count == 1, let field = Self.fixed.first(where: { $0.name == path[0] })?.field {
      self = field
    } else {
      self = .property(path.count > 1 && path[0] == "properties" ? Array(path.dropFirst()) : path)
    }
  }

  var isTime: Bool { self == .availableFrom || self == .availableUntil }

  var canonicalText: String {
    if case .property(let path) = self {
      let isReserved =
        path[0] == "properties" || FilterParser.keywords.contains(path[0]) || path.count == 1 && Self.fixed.contains { $0.name == path[0] }
      return (isReserved ? ["properties"] + path : path).joined(separator: ".")
    }
    return Self.fixed.first { $0.field == self }?.name ?? ""
  }

  /// Whether any value of the field satisfies the test.
  func contains(in document: ItemDocument, _ test: (Value) -> Bool) -> Bool {
    switch self {
    case .itemID: test(.text(document.itemID))
    case .title: document.title.map { test(.text($0)) } ?? false
    case .categories: document.categories.contains { test(.text($0)) }
    case .tags: document.tags.contains { test(.text($0)) }
    case .hidden: test(.bool(document.isHidden))
    case .availableFrom: document.availableFrom.map { test(.time($0)) } ?? false
    case .availableUntil: document.availableUntil.map { test(.time($0)) } ?? false
    case .property(let path): Self.contains(document.properties, path[...], test)
    }
  }

  private static func contains(_ members: [JSONValue.Member], _ path: ArraySlice<String>, _ test: (Value) -> Bool) -> Bool {
    guard let name = path.first, let member = members.first(where: { $0.key.hasSameBytes(as: name) }) else { return false }
    return contains(member.value, path.dropFirst(), test)
  }

  private static func contains(_ value: JSONValue, _ path: ArraySlice<String>, _ test: (Value) -> Bool) -> Bool {
    switch value {
    case .array(let elements): return elements.contains { contains($0, path, test) }
    case .object(let members): return path.isEmpty ? test(.object) : contains(members, path, test)
    case _ where !path.isEmpty: return false
    case .null: return false
    case .bool(let value): return test(.bool(value))
    case .integer(let value): return test(.number(Double(value)))
    case .number(let value): return test(.number(value))
    case .string(let value): return test(.text(value))
    }
  }
}
