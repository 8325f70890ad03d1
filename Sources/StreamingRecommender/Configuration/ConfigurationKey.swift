/// One row of `ConfigurationTable`: a key's name, description, allowed values and field.
public struct ConfigurationKey: Sendable {
  public enum Kind: Sendable, Equatable {
    case string
    case int(ClosedRange<Int>)
    case double(ClosedRange<Double>, isLowerBoundExcluded: Bool)
    case bool
    /// A flag, or a list of words that switches it on for these only.
    case boolOrList
    case duration(ClosedRange<Duration>)
    /// Any words, or only those in `choices`.
    case list(choices: [String]?)
    case choice([String])
    /// Values by name; with `isNumeric` they must be finite numbers.
    case map(isNumeric: Bool)
  }

  /// The dotted name, such as `model.factors`.
  public let name: String
  public let kind: Kind
  /// The word for "off", "unlimited" or "chosen by the engine", if the key has one: usually `none`, sometimes `auto`.
  public internal(set) var noneWord: String?
  public let sentence: String
  public internal(set) var isSecret = false
  /// Whether the value can be changed while the engine is running.
  public internal(set) var isReloadable = false
  /// Words that are reserved for a later version and refused by this one.
  var plannedWords: [String] = []
  /// The key that switches this key's group on and off.
  public internal(set) var groupSwitch: String?
  /// Returns what is wrong with a value of the correct type, or `nil`.
  var check: (@Sendable (ConfigurationValue) -> String?)?
  /// Turns other ways to write a value into the one that is parsed.
  var normalize: (@Sendable (ConfigurationInput) -> ConfigurationInput)?
  /// Returns what is wrong with an entry of a map, or `nil`.
  var entryCheck: (@Sendable (_ entry: String, _ text: String) -> String?)?
  let read: @Sendable (RecommenderConfiguration) -> ConfigurationValue
  let write: @Sendable (inout RecommenderConfiguration, ConfigurationValue) -> Void

  init(
    _ name: String, _ kind: Kind, _ sentence: String, read: @escaping @Sendable (RecommenderConfiguration) -> ConfigurationValue,
    write: @escaping @Sendable (inout RecommenderConfiguration, ConfigurationValue) -> Void
  ) {
    self.name = name
    self.kind = kind
    self.sentence = sentence
    self.read = read
    self.write = write
  }

  public func value(in configuration: RecommenderConfiguration) -> ConfigurationValue { read(configuration) }

  public var defaultValue: ConfigurationValue { read(RecommenderConfiguration()) }

  /// Returns `value` as it is written in a file; secrets are not masked.
  public func text(_ value: ConfigurationValue) -> String { value.text(noneWord: noneWord ?? "none") }

  /// The environment variable that sets this key; `nil` for maps.
  public var environmentName: String? {
    if case .map = kind { return nil }
    return Self.environmentName(of: name)
  }

  /// The environment variable that sets a key of this name.
  static func environmentName(of name: String) -> String { "FRESHET_" + name.uppercased().replacing(".", with: "_") }

  /// A short description of the type for users.
  public var kindText: String {
    switch kind {
    case .string: "string"
    case .int: "int"
    case .double: "double"
    case .bool: "bool"
    case .boolOrList: "bool or list"
    case .duration: "duration"
    case .list: "list"
    case .choice: "choice"
    case .map(isNumeric: true): "map of numbers"
    case .map: "map"
    }
  }

  /// A description of the allowed values for users and error messages.
  public var allowed: String {
    let text =
      switch kind {
      case .string: "text"
      case .int(let range): Self.text(range)
      case .double(let range, let isLowerBoundExcluded): Self.text(range, isLowerBoundExcluded)
      case .bool: "true or false"
      case .boolOrList: "true, false or a list of words"
      case .duration(let range): "a duration, \(Self.text(range)), such as 250ms, 5s, 6h or 7d"
      case .list(let choices): choices.map { "a list of " + Self.or($0) } ?? "a list of words"
      case .choice(let words): Self.or(words)
      case .map(isNumeric: true): "an object of numbers"
      case .map: "an object of strings"
      }
    guard let noneWord, !isChoice else { return text }
    return "\(text), or \(noneWord)"
  }

  private var isChoice: Bool { if case .choice = kind { true } else { false } }

  private static func or(_ words: [String]) -> String {
    words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
  }

  private static func text(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max
      ? "a whole number, at least \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
  }

  private static func text(_ range: ClosedRange<Double>, _ isLowerBoundExcluded: Bool) -> String {
    let low = ConfigurationValue.text(range.lowerBound)
    let bottom = isLowerBoundExcluded ? "above \(low)" : "at least \(low)"
    if range.upperBound >= .greatestFiniteMagnitude { return "a finite number \(bottom)" }
    return "a number \(bottom) and at most \(ConfigurationValue.text(range.upperBound))"
  }

  private static func text(_ range: ClosedRange<Duration>) -> String {
    if range.upperBound >= .seconds(36_500 * 86_400) { return "at least \(ConfigurationDuration.text(range.lowerBound))" }
    return "\(ConfigurationDuration.text(range.lowerBound)) to \(ConfigurationDuration.text(range.upperBound))"
  }
}
