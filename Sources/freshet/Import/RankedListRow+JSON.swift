import Datasets
import ItemMetadata
import Telemetry

extension RankedListRow {
  /// Reads a line such as `{"user": "anna", "item": "sku-1", "score": 0.93}`; ids may be whole numbers, and other members count for nothing.
  static func reading(json bytes: [UInt8]) throws(Fault) -> RankedListRow {
    let value: JSONValue
    do throws(JSONReader.Fault) { value = try JSONReader.value(bytes) } catch { throw Fault("not_json", "no JSON: \(error.message)") }
    guard case .object(let members) = value else { throw Fault("not_json", "no JSON object") }
    var found: [RankedListField: JSONValue] = [:]
    for member in members {
      guard let field = RankedListField(named: member.key) else { continue }
      guard found[field] == nil else { throw Fault("repeated_member", "two members are the \(field.rawValue)") }
      found[field] = member.value
    }
    var row = RankedListRow(user: try id(found[.user], .user), item: try id(found[.item], .item))
    try checkIDs(user: row.user, item: row.item)
    row.score = try number(found[.score], .score)
    if let rank = try number(found[.rank], .rank) {
      guard let whole = Int(exactly: rank), whole >= 0 else {
        throw Fault("bad_rank", "the rank is no whole number of at least 0")
      }
      row.rank = whole
    }
    return row
  }

  private static func id(_ value: JSONValue?, _ field: RankedListField) throws(Fault) -> [UInt8] {
    switch value {
    case .string(let text)?: Array(text.utf8)
    case .integer(let number)?: Array(String(number).utf8)
    case nil, .null?: throw Fault("bad_\(field.rawValue)", "has no \(field.rawValue)")
    default: throw Fault("bad_\(field.rawValue)", "the \(field.rawValue) is neither a text nor a whole number")
    }
  }

  private static func number(_ value: JSONValue?, _ field: RankedListField) throws(Fault) -> Double? {
    switch value {
    case .integer(let number)?: return Double(number)
    case .number(let number)? where number.isFinite: return number
    case nil, .null?: return nil
    default: throw Fault("bad_\(field.rawValue)", "the \(field.rawValue) is no finite number")
    }
  }
}
