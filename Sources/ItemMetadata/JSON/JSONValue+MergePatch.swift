import Telemetry

extension JSONValue {
  /// The value after a merge patch (RFC 7396): members of the patch replace those of the value, null removes them.
  public func merging(patch: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var members: [Member] = []
    if case .object(let present) = self { members = present }
    for change in changes {
      let index = members.firstIndex { $0.key.hasSameBytes(as: change.key) }
      switch (index, change.value) {
      case (let index?, .null): members.remove(at: index)
      case (nil, .null): break
      case (let index?, let value): members[index].value = members[index].value.merging(patch: value)
      case (nil, let value): members.append(Member(change.key, JSONValue.null.merging(patch: value)))
      }
    }
    return .object(members)
  }

  /// The value with the members of all objects in the order of their names' bytes, and without members that are null.
  ///
  /// Null and absent mean the same in a document, as in a merge patch.
  var canonical: JSONValue {
    switch self {
    case .object(let members): .object(Self.canonical(members))
    case .array(let elements): .array(elements.map(\.canonical))
    default: self
    }
  }

  static func canonical(_ members: [Member]) -> [Member] {
    members.filter { !$0.value.isAbsent }.map { Member($0.key, $0.value.canonical) }.sorted { $0.key.precedesByBytes($1.key) }
  }

  /// Null, or a number that is written as null.
  private var isAbsent: Bool {
    switch self {
    case .null: true
    case .number(let value): !value.isFinite
    default: false
    }
  }
}
