import Telemetry
import Foundation

extension LoadedConfiguration {
  /// One line of `config show`; secrets are masked.
  public struct Row: Sendable, Equatable {
    public let key: String
    public let value: String
    public let origin: String
  }

  /// All keys in the order of the table; maps have one row per entry.
  public var rows: [Row] {
    ConfigurationTable.keys.flatMap { key -> [Row] in
      let value = key.value(in: configuration)
      if case .map(let pairs) = value, !pairs.isEmpty {
        return pairs.sorted { $0.key < $1.key }.map { row("\(key.name).\($0.key)", $0.value, isSecret: false) }
      }
      if case .map = value { return [row(key.name, "none", isSecret: false)] }
      let isSecret = value != .none && (key.isSecret || Redaction.isSensitive(name: key.name))
      return [row(key.name, key.text(value), isSecret: isSecret)]
    }
  }

  /// Formats key, effective value and origin in aligned columns.
  public func rendered() -> String {
    let rows = rows
    let keyWidth = rows.map(\.key.count).max() ?? 0
    let valueWidth = min(40, rows.map(\.value.count).max() ?? 0)
    return rows.map { "\(Self.pad($0.key, keyWidth))  \(Self.pad($0.value, valueWidth))  \($0.origin)\n" }.joined()
  }

  /// Formats the rows as one JSON object with sorted keys: `{"model.factors":{"origin":"default","value":64},...}`.
  public func renderedJSON() -> String {
    var members: [String: RenderedValue] = [:]
    for row in rows {
      let key = ConfigurationTable.key(named: row.key)
      let value = key?.value(in: configuration) ?? .string(row.value)
      members[row.key] = RenderedValue(
        value: row.value == Redaction.mask ? .string(row.value) : value, text: row.value, origin: row.origin)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(members) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }

  private func row(_ key: String, _ value: String, isSecret: Bool) -> Row {
    // A secret key of the table that is not set is shown as `none`; entries of maps have names that are not in the table.
    let isUnset = Redaction.isSensitive(name: key) && ConfigurationTable.key(named: key) != nil
    let shown = isSecret ? Redaction.mask : isUnset ? value : Redaction.value(value, name: key)
    return Row(key: key, value: shown, origin: origin(of: key).description)
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
  }

  private struct RenderedValue: Encodable {
    enum Name: String, CodingKey { case value, origin }
    let value: ConfigurationValue
    let text: String
    let origin: String

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Name.self)
      try container.encode(origin, forKey: .origin)
      switch value {
      case .int(let number): try container.encode(number, forKey: .value)
      case .double(let number): try container.encode(number, forKey: .value)
      case .bool(let flag): try container.encode(flag, forKey: .value)
      case .list(let words): try container.encode(words, forKey: .value)
      case .map: try container.encode([String: String](), forKey: .value)
      case .none, .string, .duration: try container.encode(text, forKey: .value)
      }
    }
  }
}
