import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry

/// The parameters of one request after the table has checked them.
struct OptionValues {
  private var values: [String: JSONValue] = [:]
  let isBody: Bool

  /// Reads a query. A parameter that the table does not have is an error: a misspelt filter must not give an unfiltered list.
  init(_ query: HTTPQuery, _ table: [RequestOption]) throws(Problem) {
    isBody = false
    for item in query.items where !table.contains(where: { $0.name == item.name }) { throw Self.unknown(item.name, table) }
    for option in table { values[option.name] = try option.value(in: query) }
  }

  /// Reads the members of a body.
  init(_ members: [JSONValue.Member], _ table: [RequestOption]) throws(Problem) {
    isBody = true
    for member in members {
      guard let option = table.first(where: { $0.name == member.key }) else { throw Self.unknown(member.key, table) }
      if member.value == .null { continue }
      // A single entry need not be in a list.
      var value = member.value
      switch (option.kind, value) {
      case (.texts, .string), (.texts, .integer), (.weights, .string), (.weights, .object): value = .array([value])
      default: break
      }
      values[option.name] = try option.checked(value)
    }
  }

  private static func unknown(_ name: String, _ table: [RequestOption]) -> Problem {
    Problem(
      .parameter, "there is no parameter \"\(name.prefix(60))\" here", fix: "use \(table.map(\.name).joined(separator: ", "))",
      members: [.init("parameter", .string(String(name.prefix(60))))])
  }

  // MARK: Values

  func has(_ name: String) -> Bool { values[name] != nil }
  func integer(_ name: String) -> Int? { if case .integer(let number)? = values[name] { number } else { nil } }
  func flag(_ name: String) -> Bool? { if case .bool(let flag)? = values[name] { flag } else { nil } }
  func text(_ name: String) -> String? { if case .string(let text)? = values[name] { text } else { nil } }

  func number(_ name: String) -> Double? {
    switch values[name] {
    case .integer(let number)?: Double(number)
    case .number(let number)?: number
    default: nil
    }
  }

  func texts(_ name: String) -> [String]? {
    guard case .array(let list)? = values[name] else { return nil }
    return list.map { value in
      switch value {
      case .string(let text): text
      case .integer(let number): String(number)
      default: ""
      }
    }
  }

  func identifiers(_ name: String) -> [Identifier]? { texts(name)?.map { Identifier($0) } }

  func weights(_ option: RequestOption) throws(Problem) -> [ListOptions.Weighted]? {
    guard case .array(let list)? = values[option.name] else { return nil }
    var weights: [ListOptions.Weighted] = []
    for value in list {
      let (item, weight) = try option.weighted(value)
      weights.append(ListOptions.Weighted(item: Identifier(item), weight: Float(weight)))
    }
    return weights
  }
}
