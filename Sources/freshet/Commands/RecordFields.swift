import Foundation

/// Which places of JSON records hold a value, and how often.
struct RecordFields {
  struct Place {
    var count = 0
    var example = ""
  }

  /// Records that were looked into; parsing every one of many tells no more.
  private(set) var records = 0
  private(set) var places: [String: Place] = [:]

  static let recordsMax = 5000
  private static let placesMax = 500
  private static let depthMax = 6

  /// - Parameter json: a record's value, without a frame.
  mutating func add(_ json: [UInt8]) {
    guard records < Self.recordsMax else { return }
    guard let object = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else { return }
    records += 1
    var seen: Set<String> = []
    visit(object, "", depth: 0, &seen)
    for path in seen { places[path]?.count += 1 }
  }

  private mutating func visit(_ value: Any, _ path: String, depth: Int, _ seen: inout Set<String>) {
    guard depth <= Self.depthMax else { return }
    switch value {
    case let object as [String: Any]:
      for (name, value) in object { visit(value, path.isEmpty ? name : path + "." + name, depth: depth + 1, &seen) }
    case let array as [Any]: for element in array.prefix(20) { visit(element, path + "[]", depth: depth, &seen) }
    case is NSNull: break
    case let text as String where text.first == "{":
      if let inner = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] {
        visit(inner, path + ":json", depth: depth + 1, &seen)
      } else {
        note(text, path, &seen)
      }
    default: note("\(value)", path, &seen)
    }
  }

  private mutating func note(_ text: String, _ path: String, _ seen: inout Set<String>) {
    guard places[path] != nil || places.count < Self.placesMax else { return }
    seen.insert(path)
    if places[path] == nil { places[path] = Place(example: String(text.prefix(40))) }
  }
}
