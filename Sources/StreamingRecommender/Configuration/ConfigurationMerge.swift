import Telemetry

/// Collects assignments in ascending order of precedence and builds the configuration from them.
struct ConfigurationMerge {
  private struct Assignment {
    var value: ConfigurationValue
    var origin: ConfigurationOrigin
  }

  private(set) var problems: [ConfigurationError.Problem] = []
  private var assignments: [String: Assignment] = [:]
  private var entries: [String: [String: (value: String, origin: ConfigurationOrigin)]] = [:]

  mutating func fail(_ key: String?, _ message: String) {
    problems.append(ConfigurationError.Problem(key: key, message: message))
  }

  mutating func assign(_ name: String, _ input: ConfigurationInput, _ origin: ConfigurationOrigin) {
    if let key = ConfigurationTable.key(named: name) {
      assign(key, input, origin)
    } else if let (key, entry) = ConfigurationTable.mapEntry(name) {
      assign(key, entry: entry, input, origin)
    } else if ConfigurationTable.planned.contains(name) {
      fail(name, "\(name) (\(origin)) is planned but not available in this version; remove it")
    } else if ConfigurationTable.groups.contains(where: { $0.name == name }) {
      fail(name, "\(name) (\(origin)): is a group of keys, not a key")
    } else {
      let near = ConfigurationTable.suggestion(for: name).map { "; did you mean \($0)?" } ?? ""
      fail(name, "unknown key \(name) (\(origin))" + near)
    }
  }

  private mutating func assign(_ key: ConfigurationKey, _ input: ConfigurationInput, _ origin: ConfigurationOrigin) {
    if case .map = key.kind {
      return fail(key.name, "\(key.name) (\(origin)): is \(key.allowed); set one entry with \(key.name).NAME")
    }
    if case .file = origin, assignments[key.name]?.origin == origin {
      return fail(key.name, "\(key.name) (\(origin)): is set twice, nested and dotted")
    }
    do {
      assignments[key.name] = Assignment(value: try key.parse(input), origin: origin)
    } catch {
      let shown = key.isSecret ? Redaction.mask : Redaction.text(input.shown)
      fail(key.name, "\(key.name) = \(shown) (\(origin)): \(error.reason)")
    }
  }

  private mutating func assign(_ key: ConfigurationKey, entry: String, _ input: ConfigurationInput, _ origin: ConfigurationOrigin) {
    let name = "\(key.name).\(entry)"
    let shown = Redaction.isSensitive(name: name) ? Redaction.mask : Redaction.text(input.shown)
    guard let text = key.entryText(input) else {
      return fail(name, "\(name) = \(shown) (\(origin)): must be one string, number or boolean")
    }
    if case .map(isNumeric: true) = key.kind, Double(text)?.isFinite != true {
      return fail(name, "\(name) = \(shown) (\(origin)): allowed: a finite number")
    }
    if let reason = key.entryCheck?(entry, text) { return fail(name, "\(name) (\(origin)): \(reason)") }
    entries[key.name, default: [:]][entry] = (text, origin)
  }

  /// Returns the configuration and the origin of every key; contradictions are added to the problems.
  mutating func finished() -> (RecommenderConfiguration, [String: ConfigurationOrigin]) {
    settleParts()
    var configuration = RecommenderConfiguration()
    var origins: [String: ConfigurationOrigin] = [:]
    for key in ConfigurationTable.keys {
      origins[key.name] = .default
      if let assignment = assignments[key.name] {
        key.write(&configuration, assignment.value)
        origins[key.name] = assignment.origin
      } else if let name = key.groupSwitch, let part = assignments[name], part.value == .none {
        origins[key.name] = part.origin
      }
      for (entry, given) in entries[key.name] ?? [:] { origins["\(key.name).\(entry)"] = given.origin }
      if let given = entries[key.name] { key.write(&configuration, .map(given.mapValues(\.value))) }
    }
    checkForms(configuration, origins)
    checkDeadLetterTopics(configuration, origins)
    return (configuration, origins)
  }

  /// Resolves assignments to keys of a part that is `none`: the source with the higher precedence wins, and both in one source are an
  /// error.
  private mutating func settleParts() {
    for key in ConfigurationTable.keys {
      guard let name = key.groupSwitch, let part = assignments[name], part.value == .none, let own = assignments[key.name] else { continue }
      if own.origin.rank > part.origin.rank {
        assignments[name] = Assignment(value: .string("on"), origin: own.origin)
      } else if own.origin.rank == part.origin.rank {
        fail(key.name, "\(key.name) (\(own.origin)): has no effect, because \(name) is none (\(part.origin))")
      } else {
        assignments[key.name] = nil
      }
    }
  }

  /// Refuses a dead-letter topic that is also an input topic, because each dead letter would be rejected again, endlessly.
  private mutating func checkDeadLetterTopics(_ configuration: RecommenderConfiguration, _ origins: [String: ConfigurationOrigin]) {
    let topics = configuration.input.topics
    for topic in topics {
      let letters = configuration.kafka.deadLetterTopic(of: topic)
      guard topics.contains(letters) else { continue }
      let isDefault = configuration.kafka.dlqTopic.isEmpty
      return fail(
        isDefault ? "input.topics" : "kafka.dlq_topic",
        isDefault
          ? "input.topics (\(origins["input.topics"] ?? .default)): \(letters) holds the dead letters of \(topic) and would be read as input, "
            + "so that every dead letter makes another one: remove it, or set kafka.dlq_topic"
          : "kafka.dlq_topic = \(letters) (\(origins["kafka.dlq_topic"] ?? .default)): is one of input.topics, so that every dead letter "
            + "would be read as input and make another one: choose another topic")
    }
  }

  private mutating func checkForms(_ configuration: RecommenderConfiguration, _ origins: [String: ConfigurationOrigin]) {
    let model = configuration.model
    guard let alpha = model.alpha, model.unobservedWeight != RecommenderConfiguration.Model().unobservedWeight else { return }
    fail(
      "model.alpha",
      "model.alpha = \(ConfigurationValue.text(alpha)) (\(origins["model.alpha"] ?? .default)) and model.unobserved_weight = "
        + "\(ConfigurationValue.text(model.unobservedWeight)) (\(origins["model.unobserved_weight"] ?? .default)): "
        + "two forms of one thing, set only one of them")
  }
}
