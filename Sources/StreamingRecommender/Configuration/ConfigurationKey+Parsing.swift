extension ConfigurationKey {
  /// Why a value is refused; the caller adds key, value and origin.
  struct Refusal: Error {
    let reason: String
  }

  func parse(_ input: ConfigurationInput) throws(Refusal) -> ConfigurationValue {
    let input = normalize?(input) ?? input
    if let noneWord, isNone(input, noneWord) { return .none }
    guard let value = converted(input), isInRange(value) else {
      if let word = input.scalar, plannedWords.contains(word) {
        throw Refusal(reason: "planned but not available in this version; allowed: \(allowed)")
      }
      throw Refusal(reason: "allowed: \(allowed)" + suggestion(input))
    }
    if let reason = check?(value) { throw Refusal(reason: reason) }
    return value
  }

  /// The text of a map's entry; a list is written as its candidates.
  func entryText(_ input: ConfigurationInput) -> String? {
    guard case .list(let items) = input, case .map(isNumeric: false) = kind else { return input.scalar }
    let words = items.compactMap(\.scalar)
    return words.count == items.count && !words.isEmpty ? words.joined(separator: " | ") : nil
  }

  private func isNone(_ input: ConfigurationInput, _ noneWord: String) -> Bool {
    input == .null || input == .text(noneWord)
  }

  private func converted(_ input: ConfigurationInput) -> ConfigurationValue? {
    switch kind {
    case .string:
      guard case .text(let text) = input else { return nil }
      return .string(text)
    case .int: return wholeNumber(input).map { .int($0) }
    case .double: return number(input).map { .double($0) }
    case .bool:
      guard let word = input.scalar, let flag = Bool(word) else { return nil }
      return .bool(flag)
    case .boolOrList: return input.scalar.flatMap(Bool.init).map { .bool($0) } ?? list(input, choices: nil)
    case .duration:
      guard let word = input.scalar else { return nil }
      return ConfigurationDuration.parse(word).map { .duration($0) }
    case .list(let choices): return list(input, choices: choices)
    case .choice(let words):
      guard let word = input.scalar, words.contains(word) else { return nil }
      return .string(word)
    case .map: return nil
    }
  }

  private func wholeNumber(_ input: ConfigurationInput) -> Int? {
    switch input {
    case .int(let number): number
    case .double(let number): Int(exactly: number)
    case .text(let text): Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
    default: nil
    }
  }

  private func number(_ input: ConfigurationInput) -> Double? {
    switch input {
    case .int(let number): Double(number)
    case .double(let number): number
    case .text(let text): Double(text)
    default: nil
    }
  }

  /// Parses `a,b` or `["a","b"]`; a list may be empty only if its key accepts `none`.
  private func list(_ input: ConfigurationInput, choices: [String]?) -> ConfigurationValue? {
    let words: [String]
    switch input {
    case .text(let text):
      words = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }.map(String.init)
    case .list(let items):
      words = items.compactMap { if case .text(let text) = $0 { text } else { nil } }
      guard words.count == items.count else { return nil }
    default: return nil
    }
    guard !words.isEmpty, !words.contains(""), Set(words).count == words.count else { return nil }
    if let choices, !words.allSatisfy(choices.contains) { return nil }
    return .list(words)
  }

  private func isInRange(_ value: ConfigurationValue) -> Bool {
    switch (kind, value) {
    case (.int(let range), .int(let number)): range.contains(number)
    case (.double(let range, let isLowerBoundExcluded), .double(let number)):
      number.isFinite && range.contains(number) && !(isLowerBoundExcluded && number == range.lowerBound)
    case (.duration(let range), .duration(let duration)): range.contains(duration)
    default: true
    }
  }

  private func suggestion(_ input: ConfigurationInput) -> String {
    guard case .choice(let words) = kind, let word = input.scalar, let near = Suggestion.nearest(to: word, in: words) else { return "" }
    return "; did you mean \(near)?"
  }
}
