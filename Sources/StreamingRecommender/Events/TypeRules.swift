/// What is done with the events of one type.
struct TypeRule: Equatable, Sendable {
  var weight = 1.0
  /// What events of the type do where the record does not say it.
  var operation: Interaction.Operation?
  /// Whether events of the type are no interactions.
  var isIgnored = false
  /// Whether events of the type make an item one that the user has seen.
  var countsAsSeen = true

  /// Parses the words of `input.types`: a weight, `ignore`, or an operation.
  mutating func take(_ word: String) -> Bool {
    if let weight = Double(word), weight.isFinite {
      self.weight = weight
    } else if word == "ignore" {
      isIgnored = true
    } else if let repeats = RecommenderConfiguration.Input.Repeats(rawValue: word) {
      operation = repeats.operation
    } else {
      guard case .apply(let operation)? = DecodingRules.operationRule(word) else { return false }
      self.operation = operation
    }
    return true
  }
}

/// The rules of all types, from `input.weights`, `input.types` and the preset.
struct TypeRules: Sendable {
  private let rules: [(type: [UInt8], rule: TypeRule)]
  private var `default`: TypeRule
  /// Whether a type without a rule is ignored.
  private let ignoresUnknown: Bool
  let withoutType: TypeRule?

  init(_ input: RecommenderConfiguration.Input, preset: [String: String]) {
    `default` = TypeRule(weight: input.defaultWeight)
    var rules: [String: TypeRule] = [:]
    var hasWeights = !input.weights.isEmpty
    func rule(_ type: String) -> TypeRule { rules[type] ?? TypeRule(weight: input.weights[type] ?? input.defaultWeight) }
    for (type, word) in preset where input.weights[type] == nil {
      var new = rule(type)
      _ = new.take(word)
      rules[type] = new
    }
    for (type, weight) in input.weights { rules[type] = TypeRule(weight: weight) }
    for (entry, word) in input.types.sorted(by: { $0.key < $1.key }) {
      let (type, part) = Self.typeAndPart(entry)
      // What is configured for a type replaces what the preset says of it.
      var new = part == nil || rules[type]?.isIgnored == true ? TypeRule(weight: rule(type).weight) : rule(type)
      let isTaken = new.take(word)
      precondition(isTaken, "input.types.\(entry) was not checked")
      if Double(word) != nil { hasWeights = true }
      rules[type] = new
    }
    if !input.seenTypes.isEmpty {
      `default`.countsAsSeen = false
      for type in Set(rules.keys).union(input.seenTypes) {
        var new = rules[type] ?? TypeRule(weight: input.defaultWeight)
        new.countsAsSeen = input.seenTypes.contains(type)
        rules[type] = new
      }
    }
    // What the same user and item again means; it does not matter for single events.
    if input.repeats != .sum {
      `default`.operation = input.repeats.operation
      for type in rules.keys where rules[type]?.operation == nil { rules[type]?.operation = input.repeats.operation }
    }
    self.rules = rules.sorted { $0.key < $1.key }.map { (Array($0.key.utf8), $0.value) }
    ignoresUnknown = hasWeights && input.unknownType == .ignore
    withoutType = rules["interaction"] ?? `default`
  }

  /// Splits `unlike.op` and `unlike.weight`, by which a type in a file has several properties.
  static func typeAndPart(_ entry: String) -> (type: String, part: String?) {
    for part in ["op", "weight"] where entry.hasSuffix(".\(part)") && entry.utf8.count > part.utf8.count + 1 {
      return (String(entry.dropLast(part.utf8.count + 1)), part)
    }
    return (entry, nil)
  }

  /// Returns why an entry of `input.types` cannot be used, or `nil`.
  static func fault(ofEntry entry: String, _ word: String) -> String? {
    var rule = TypeRule()
    guard rule.take(word) else { return "allowed: a weight, ignore, add (sum), once, set (newest) or delete" }
    switch typeAndPart(entry).part {
    case "op": return Double(word) == nil ? nil : "allowed: ignore, add (sum), once, set (newest) or delete"
    case "weight": return Double(word) != nil ? nil : "allowed: a finite number"
    default: return nil
    }
  }

  /// There are few types, so a linear search is faster than hashing.
  func rule(of type: UnsafeBufferPointer<UInt8>) -> TypeRule? {
    for (name, rule) in rules where name.count == type.count && isEqual(name, type) { return rule }
    return !ignoresUnknown || matches(type, "interaction") ? `default` : nil
  }

  private func isEqual(_ name: [UInt8], _ type: UnsafeBufferPointer<UInt8>) -> Bool {
    for index in 0..<type.count where name[index] != type[index] { return false }
    return true
  }
}
