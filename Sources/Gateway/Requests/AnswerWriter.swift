import ItemMetadata
import StreamingRecommender
import Telemetry

/// Writes answers as JSON.
struct AnswerWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 2_048) { bytes.reserveCapacity(capacity) }

  /// One list as an object.
  mutating func append(_ answer: ListAnswer, fields: [String], now: Int64, recommendationID: String?) {
    append("{")
    if let user = answer.user {
      append("\"user\":")
      JSONString.append(user.bytes, to: &bytes)
      append(",")
    }
    if let arm = answer.arm { append("\"experiment\":\"\(arm.experiment)\",\"arm\":\"\(arm.arm.name)\",") }
    if let window = answer.window { append("\"window\":\"\(window.rawValue)\",") }
    append("\"source\":\"")
    append(answer.source?.rawValue ?? "none")
    append("\",\"epoch\":")
    append(answer.epoch.map { String($0) } ?? "null")
    append(",\"age_ms\":")
    append(answer.madeAtMilliseconds.map { String(max(0, now - $0)) } ?? "null")
    if let recommendationID {
      append(",\"recommendation_id\":\"")
      append(recommendationID)
      append("\"")
    }
    append(",\"items\":[")
    for (index, item) in answer.items.enumerated() {
      if index > 0 { append(",") }
      append(item, fields)
    }
    append("]")
    if let degraded = answer.degraded { append(",\"degraded\":\"\(degraded.rawValue)\"") }
    if answer.isApproximate { append(",\"approximate\":true") }
    if !answer.notes.isEmpty {
      append(",\"notes\":")
      bytes += JSONValue.array(answer.notes.map { .string($0) }).bytes
    }
    append("}")
  }

  private mutating func append(_ item: ListAnswer.Item, _ fields: [String]) {
    append("{\"item\":")
    JSONString.append(item.item.bytes, to: &bytes)
    append(",\"score\":")
    append(item.score.flatMap { $0.isFinite ? $0.description : nil } ?? "null")
    append(",\"source\":\"")
    append(item.source.rawValue)
    append("\"")
    if let list = item.list { append(",\"list\":\"\(list)\"") }
    append(",\"rank\":")
    append(String(item.rank))
    if !item.rules.isEmpty {
      append(",\"rules\":")
      bytes += JSONValue.array(item.rules.map { .string($0) }).bytes
    }
    if !fields.isEmpty {
      append(",\"fields\":")
      bytes += Self.fields(fields, of: item.document).bytes
    }
    if let parts = item.parts {
      append(",\"explain\":{\"vector\":\(parts.vector),\"trend\":\(parts.trend),\"transitions\":\(parts.transitions)}")
    }
    append("}")
  }

  mutating func append(_ text: String) { bytes += text.utf8 }

  /// The fields that the document has, under the names that were asked for.
  static func fields(_ names: [String], of document: ItemDocument?) -> JSONValue {
    guard let document else { return .object([]) }
    return .object(names.compactMap { name in field(name, of: document).map { JSONValue.Member(name, $0) } })
  }

  private static func field(_ name: String, of document: ItemDocument) -> JSONValue? {
    switch name {
    case "title": return document.title.map { .string($0) }
    case "categories": return .array(document.categories.map { .string($0) })
    case "tags": return .array(document.tags.map { .string($0) })
    case "properties": return .object(document.properties)
    case "available_from": return document.availableFrom.map { .string(Timestamp.rfc3339(milliseconds: $0)) }
    case "available_until": return document.availableUntil.map { .string(Timestamp.rfc3339(milliseconds: $0)) }
    default:
      var value = JSONValue.object(document.properties)
      for part in (name.hasPrefix("properties.") ? name.dropFirst(11) : name[...]).split(separator: ".") {
        guard let inner = value[String(part)] else { return nil }
        value = inner
      }
      return value
    }
  }
}
