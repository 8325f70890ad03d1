/// The value of a key, of any type.
public enum ConfigurationValue: Sendable, Equatable {
  /// Off, unlimited or chosen by the engine; the key's `noneWord` is the word for it.
  case none
  case string(String)
  case int(Int)
  case double(Double)
  case bool(Bool)
  case duration(Duration)
  case list([String])
  case map([String: String])

  /// Returns the value as it is written in a file or after `--set`.
  public func text(noneWord: String = "none") -> String {
    switch self {
    case .none: noneWord
    case .string(let text): text
    case .int(let number): String(number)
    case .double(let number): Self.text(number)
    case .bool(let flag): flag ? "true" : "false"
    case .duration(let duration): ConfigurationDuration.text(duration)
    case .list(let words): words.joined(separator: ",")
    case .map(let pairs): pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }
  }

  /// Returns the shortest text of a number; integers have no fraction.
  static func text(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
  }
}

/// A value as the user gave it, before it is converted to the type of its key.
public enum ConfigurationInput: Sendable, Equatable, Decodable {
  case text(String)
  case int(Int)
  case double(Double)
  case bool(Bool)
  case null
  case list([ConfigurationInput])
  case object([String: ConfigurationInput])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .bool(flag)
    } else if let number = try? container.decode(Int.self) {
      self = .int(number)
    } else if let number = try? container.decode(Double.self) {
      self = .double(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([ConfigurationInput].self) {
      self = .list(list)
    } else {
      self = .object(try container.decode([String: ConfigurationInput].self))
    }
  }

  /// Returns a single word or number as text; `nil` for lists and objects.
  public var scalar: String? {
    switch self {
    case .text(let text): text
    case .int(let number): String(number)
    case .double(let number): ConfigurationValue.text(number)
    case .bool(let flag): flag ? "true" : "false"
    case .null: "none"
    case .list, .object: nil
    }
  }

  /// The value as it is quoted in an error.
  public var shown: String {
    switch self {
    case .text(let text): "\"\(text)\""
    case .null: "null"
    case .list(let items): "[" + items.map(\.shown).joined(separator: ", ") + "]"
    case .object: "{...}"
    default: scalar ?? ""
    }
  }
}
