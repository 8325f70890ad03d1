import Factorization

// Constructors for the rows of the table: a name, the field it sets, the allowed values and one sentence.

typealias ConfigurationField<Value> = WritableKeyPath<RecommenderConfiguration, Value> & Sendable

extension ConfigurationKey {
  static func string(_ name: String, _ field: ConfigurationField<String>, _ sentence: String) -> Self {
    Self(name, .string, sentence) {
      .string($0[keyPath: field])
    } write: {
      if case .string(let text) = $1 { $0[keyPath: field] = text }
    }
  }

  /// A string key for which an empty field means that the engine chooses the value, or that there is none; `word` denotes that in files
  /// and flags.
  static func string(_ name: String, _ field: ConfigurationField<String>, empty word: String, _ sentence: String) -> Self {
    var key = Self(name, .string, sentence) {
      $0[keyPath: field].isEmpty ? .none : .string($0[keyPath: field])
    } write: {
      if case .string(let text) = $1 { $0[keyPath: field] = text } else { $0[keyPath: field] = "" }
    }
    key.noneWord = word
    return key
  }

  static func int(_ name: String, _ field: ConfigurationField<Int>, _ range: ClosedRange<Int>, _ sentence: String) -> Self {
    Self(name, .int(range), sentence) {
      .int($0[keyPath: field])
    } write: {
      if case .int(let number) = $1 { $0[keyPath: field] = number }
    }
  }

  static func int(
    _ name: String, _ field: ConfigurationField<Int?>, _ range: ClosedRange<Int>, noneWord: String = "none", _ sentence: String
  ) -> Self {
    var key = Self(name, .int(range), sentence) {
      $0[keyPath: field].map { .int($0) } ?? .none
    } write: {
      if case .int(let number) = $1 { $0[keyPath: field] = number } else { $0[keyPath: field] = nil }
    }
    key.noneWord = noneWord
    return key
  }

  static func double(
    _ name: String, _ field: ConfigurationField<Double>, above: Double? = nil, _ range: ClosedRange<Double>, _ sentence: String
  ) -> Self {
    let kind = Kind.double((above ?? range.lowerBound)...range.upperBound, isLowerBoundExcluded: above != nil)
    return Self(name, kind, sentence) {
      .double($0[keyPath: field])
    } write: {
      if case .double(let number) = $1 { $0[keyPath: field] = number }
    }
  }

  /// A key whose field is a `Float`; values are shown with single-precision digits.
  static func float(
    _ name: String, _ field: ConfigurationField<Float>, above: Double? = nil, _ range: ClosedRange<Double>, _ sentence: String
  ) -> Self {
    let kind = Kind.double((above ?? range.lowerBound)...range.upperBound, isLowerBoundExcluded: above != nil)
    return Self(name, kind, sentence) {
      .double(Double($0[keyPath: field].description) ?? Double($0[keyPath: field]))
    } write: {
      if case .double(let number) = $1 { $0[keyPath: field] = Float(number) }
    }
  }

  /// A duration whose field is a number of milliseconds as a `Float`.
  static func floatMilliseconds(
    _ name: String, _ field: ConfigurationField<Float>, _ range: ClosedRange<Duration>, _ sentence: String
  ) -> Self {
    Self(name, .duration(range), sentence) {
      .duration(.milliseconds(Double($0[keyPath: field])))
    } write: {
      if case .duration(let duration) = $1 { $0[keyPath: field] = Float(duration.milliseconds) }
    }
  }

  static func bool(_ name: String, _ field: ConfigurationField<Bool>, _ sentence: String) -> Self {
    Self(name, .bool, sentence) {
      .bool($0[keyPath: field])
    } write: {
      if case .bool(let flag) = $1 { $0[keyPath: field] = flag }
    }
  }

  static func boolOrList(
    _ name: String, _ flag: ConfigurationField<Bool>, _ words: ConfigurationField<[String]>, _ sentence: String
  ) -> Self {
    Self(name, .boolOrList, sentence) {
      $0[keyPath: words].isEmpty ? .bool($0[keyPath: flag]) : .list($0[keyPath: words])
    } write: {
      switch $1 {
      case .bool(let isOn): ($0[keyPath: flag], $0[keyPath: words]) = (isOn, [])
      case .list(let list): ($0[keyPath: flag], $0[keyPath: words]) = (true, list)
      default: break
      }
    }
  }

  static func duration(
    _ name: String, _ field: ConfigurationField<Duration>, _ range: ClosedRange<Duration>, _ sentence: String
  ) -> Self {
    Self(name, .duration(range), sentence) {
      .duration($0[keyPath: field])
    } write: {
      if case .duration(let duration) = $1 { $0[keyPath: field] = duration }
    }
  }

  static func duration(
    _ name: String, _ field: ConfigurationField<Duration?>, _ range: ClosedRange<Duration>, _ sentence: String
  ) -> Self {
    var key = Self(name, .duration(range), sentence) {
      $0[keyPath: field].map { .duration($0) } ?? .none
    } write: {
      if case .duration(let duration) = $1 { $0[keyPath: field] = duration } else { $0[keyPath: field] = nil }
    }
    key.noneWord = "none"
    return key
  }

  static func choice<Choice>(
    _ name: String, _ field: ConfigurationField<Choice>, planned: [String] = [], _ sentence: String
  ) -> Self where Choice: RawRepresentable<String> & CaseIterable & Sendable {
    var key = Self(name, .choice(Choice.allCases.map(\.rawValue)), sentence) {
      .string($0[keyPath: field].rawValue)
    } write: {
      if case .string(let word) = $1, let choice = Choice(rawValue: word) { $0[keyPath: field] = choice }
    }
    key.plannedWords = planned
    return key
  }

  static func list(_ name: String, _ field: ConfigurationField<[String]>, _ sentence: String) -> Self {
    Self(name, .list(choices: nil), sentence) {
      .list($0[keyPath: field])
    } write: {
      if case .list(let words) = $1 { $0[keyPath: field] = words }
    }
  }

  static func list<Choice>(
    _ name: String, _ field: ConfigurationField<[Choice]>, _ sentence: String
  ) -> Self where Choice: RawRepresentable<String> & CaseIterable & Sendable {
    var key = Self(name, .list(choices: Choice.allCases.map(\.rawValue)), sentence) {
      $0[keyPath: field].isEmpty ? .none : .list($0[keyPath: field].map(\.rawValue))
    } write: {
      if case .list(let words) = $1 {
        $0[keyPath: field] = words.compactMap(Choice.init(rawValue:))
      } else {
        $0[keyPath: field] = []
      }
    }
    key.noneWord = "none"
    return key
  }

  /// A list that may be empty, which is written `none`.
  static func optionalList(_ name: String, _ field: ConfigurationField<[String]>, _ sentence: String) -> Self {
    var key = Self(name, .list(choices: nil), sentence) {
      $0[keyPath: field].isEmpty ? .none : .list($0[keyPath: field])
    } write: {
      if case .list(let words) = $1 { $0[keyPath: field] = words } else { $0[keyPath: field] = [] }
    }
    key.noneWord = "none"
    return key
  }

  /// A map of texts; entries are merged individually.
  static func map(_ name: String, _ field: ConfigurationField<[String: String]>, _ sentence: String) -> Self {
    Self(name, .map(isNumeric: false), sentence) {
      .map($0[keyPath: field])
    } write: {
      if case .map(let pairs) = $1 { $0[keyPath: field] = pairs }
    }
  }

  static func map(_ name: String, _ field: ConfigurationField<[String: Double]>, _ sentence: String) -> Self {
    Self(name, .map(isNumeric: true), sentence) {
      .map($0[keyPath: field].mapValues(ConfigurationValue.text))
    } write: {
      if case .map(let pairs) = $1 { $0[keyPath: field] = pairs.compactMapValues(Double.init) }
    }
  }

  /// A key that switches an optional part of the model `on` or off (`none`).
  static func part<Part: Sendable>(
    _ name: String, _ field: ConfigurationField<Part?>, on: @escaping @Sendable () -> Part, _ sentence: String
  ) -> Self {
    var key = Self(name, .choice(["on", "none"]), sentence) {
      $0[keyPath: field] == nil ? .none : .string("on")
    } write: {
      if case .none = $1 { $0[keyPath: field] = nil } else if $0[keyPath: field] == nil { $0[keyPath: field] = on() }
    }
    key.noneWord = "none"
    return key
  }

  /// Applies the key to a field of an optional part; while the part is off, the value is `none`.
  func within<Part: Sendable>(_ field: ConfigurationField<Part?>, switch name: String, on: @escaping @Sendable () -> Part) -> Self {
    let inner = self
    var key = Self(inner.name, inner.kind, inner.sentence) {
      $0[keyPath: field] == nil ? .none : inner.read($0)
    } write: {
      if $0[keyPath: field] == nil { $0[keyPath: field] = on() }
      inner.write(&$0, $1)
    }
    key.groupSwitch = name
    key.noneWord = inner.noneWord
    return key
  }

  func reloadable() -> Self {
    var key = self
    key.isReloadable = true
    return key
  }

  func secret() -> Self {
    var key = self
    key.isSecret = true
    return key
  }

  func normalized(_ normalize: @escaping @Sendable (ConfigurationInput) -> ConfigurationInput) -> Self {
    var key = self
    key.normalize = normalize
    return key
  }

  func checked(_ check: @escaping @Sendable (ConfigurationValue) -> String?) -> Self {
    var key = self
    key.check = check
    return key
  }

  func checkedEntries(_ check: @escaping @Sendable (_ entry: String, _ text: String) -> String?) -> Self {
    var key = self
    key.entryCheck = check
    return key
  }
}

/// Accessors to the optional parts of the model as if they were on; keys of a part are only read and written while it is on.
extension RecommenderConfiguration.Model {
  var recencyPart: RecencyWeights {
    get { recency ?? RecencyWeights() }
    set { recency = newValue }
  }
  var trendPart: TrendRules {
    get { trend ?? TrendRules() }
    set { trend = newValue }
  }
  var transitionsPart: TransitionRules {
    get { transitions ?? TransitionRules() }
    set { transitions = newValue }
  }
}
