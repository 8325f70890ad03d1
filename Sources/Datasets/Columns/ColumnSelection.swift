/// The columns that a caller names for the fields: `user=visitor,item=3,time=`.
public struct ColumnSelection: Equatable, Sendable {
  public enum Place: Equatable, Sendable {
    /// Counted from 1.
    case number(Int)
    case name(String)
    case none
  }

  public struct Fault: Error, CustomStringConvertible, Sendable {
    public let description: String
  }

  public var places: [InteractionField: Place] = [:]

  public init() {}

  /// - Parameter text: pairs of field and column, separated by commas. A column is its name in the header or its number from 1; nothing,
  ///   or `none`, leaves the field out.
  public init(_ text: String) throws(Fault) {
    for part in text.split(separator: ",", omittingEmptySubsequences: true) {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = pair[0].filter { $0 != " " }
      let known = InteractionField.allCases.map(\.rawValue)
      guard pair.count == 2 else {
        throw Fault(description: "\"\(part)\" is not field=column; the fields are \(known.joined(separator: ", "))")
      }
      guard let field = InteractionField(rawValue: name.lowercased()) else {
        throw Fault(description: "there is no field \"\(name)\"; the fields are \(known.joined(separator: ", "))")
      }
      guard places[field] == nil else { throw Fault(description: "\(field.rawValue) appears twice") }
      places[field] = try Self.place(String(pair[1]))
    }
    if places.isEmpty { throw Fault(description: "no column is named; an example is user=1,item=3,time=2") }
    for field in [InteractionField.user, .item] where places[field] == Place.none {
      throw Fault(description: "\(field.rawValue) cannot be left out")
    }
  }

  private static func place(_ text: String) throws(Fault) -> Place {
    let text = text.trimmingSpaces
    if text.isEmpty || text == "none" || text == "-" { return .none }
    guard let number = Int(text) else { return .name(text) }
    guard number > 0 else { throw Fault(description: "columns are numbered from 1") }
    return .number(number)
  }

  var hasNames: Bool { places.values.contains { if case .name = $0 { true } else { false } } }
}

extension String {
  var trimmingSpaces: String {
    var text = self[...]
    while text.first == " " { text = text.dropFirst() }
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }
}
