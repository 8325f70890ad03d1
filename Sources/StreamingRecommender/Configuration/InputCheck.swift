import Timestamps

/// Checks of the keys that describe records. Each returns what is wrong, or `nil`.
enum InputCheck {
  static let candidatesMax = 8
  static let rulesMax = 32

  static func field(_ name: String, _ text: String) -> String? {
    guard EventField.mapped(named: name) != nil else {
      let names = EventField.mappedFields.map(\.name)
      let near = Suggestion.nearest(to: name, in: names).map { "; did you mean \($0)?" } ?? ""
      return "there is no such field; allowed: \(names.joined(separator: ", "))\(near)"
    }
    do {
      let count = try InputSource.candidates(text).count
      return count > candidatesMax ? "at most \(candidatesMax) candidates are allowed" : nil
    } catch { return error.reason }
  }

  static func rules(_ value: ConfigurationValue) -> String? {
    guard case .list(let rules) = value else { return nil }
    if rules.count > rulesMax { return "at most \(rulesMax) rules are allowed" }
    for rule in rules {
      do { _ = try IgnoreRule(rule) } catch { return error.reason }
    }
    return nil
  }

  static func operation(_ code: String, _ word: String) -> String? {
    DecodingRules.operationRule(word) == nil ? "allowed: add, once, set, delete, merge or ignore" : nil
  }

  static func timestampFormat(_ value: ConfigurationValue) -> String? {
    guard case .string(let pattern) = value else { return nil }
    do {
      _ = try TimestampFormat(pattern)
      return nil
    } catch { return error.description }
  }

  static func key(_ value: ConfigurationValue) -> String? {
    guard case .string(let text) = value else { return nil }
    do {
      let rule = try KeyRule(text)
      if case .json(let path) = rule, path.levels > 0 { return "[] makes several events; a key names one user" }
      return nil
    } catch { return error.reason }
  }
}
