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
    checkItems(configuration, origins)
    checkGateway(configuration.gateway, origins)
    checkAdmin(configuration.admin, origins)
    checkSchemas(configuration, origins)
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

  /// Refuses a gateway that other machines can reach without a token or TLS, and half of a certificate.
  private mutating func checkGateway(_ gateway: RecommenderConfiguration.Gateway, _ origins: [String: ConfigurationOrigin]) {
    if gateway.certificateFile.isEmpty != gateway.certificateKeyFile.isEmpty {
      let missing = gateway.certificateFile.isEmpty ? "gateway.tls_certificate_file" : "gateway.tls_key_file"
      fail(missing, "\(missing) is missing: TLS needs a certificate and its key")
    }
    guard !gateway.listen.isEmpty, gateway.tokenFile.isEmpty, gateway.certificateFile.isEmpty,
      !ConfigurationCheck.isLoopback(gateway.listen)
    else { return }
    fail(
      "gateway.listen",
      "gateway.listen = \(gateway.listen) (\(origins["gateway.listen"] ?? .default)): other machines could reach it without a token: set "
        + "gateway.token_file, or use 127.0.0.1 behind a proxy that authenticates")
  }

  /// Refuses a topic of items that is read as events, too: each document would be rejected.
  private mutating func checkItems(_ configuration: RecommenderConfiguration, _ origins: [String: ConfigurationOrigin]) {
    let topic = configuration.items.topic
    let letters = configuration.input.topics.map(configuration.kafka.deadLetterTopic)
    guard configuration.input.topics.contains(topic) || letters.contains(topic) else { return }
    fail(
      "items.topic",
      "items.topic = \(topic) (\(origins["items.topic"] ?? .default)): is also a topic of events or of dead letters: documents of items "
        + "need a compacted topic of their own")
  }

  /// Refuses an admin server that other machines can reach without a token.
  private mutating func checkAdmin(_ admin: RecommenderConfiguration.Admin, _ origins: [String: ConfigurationOrigin]) {
    guard !admin.listen.isEmpty, admin.tokenFile.isEmpty, !ConfigurationCheck.isLoopback(admin.listen) else { return }
    fail(
      "admin.listen",
      "admin.listen = \(admin.listen) (\(origins["admin.listen"] ?? .default)): other machines could reach it without a token: set "
        + "admin.token_file, or use 127.0.0.1 and let probes.listen serve the probes and metrics")
  }

  /// Refuses formats that need a schema without a place that gives one, and halves of credentials.
  private mutating func checkSchemas(_ configuration: RecommenderConfiguration, _ origins: [String: ConfigurationOrigin]) {
    let (input, registry) = (configuration.input, configuration.schemaRegistry)
    func origin(_ key: String) -> ConfigurationOrigin { origins[key] ?? .default }
    if input.format == .avro || input.format == .protobuf, registry.urls.isEmpty, input.schemaFile.isEmpty {
      fail(
        "input.format",
        "input.format = \(input.format.rawValue) (\(origin("input.format"))): needs schemas: set schema_registry.url, or input.schema_file")
    }
    if !input.schemaMessage.isEmpty, input.schemaFile.isEmpty {
      fail("input.schema_message", "input.schema_message (\(origin("input.schema_message"))): has no effect without input.schema_file")
    }
    if registry.username.isEmpty != registry.passwordFile.isEmpty {
      let (given, missing) =
        registry.username.isEmpty
        ? ("schema_registry.password_file", "schema_registry.username") : ("schema_registry.username", "schema_registry.password_file")
      fail(given, "\(given) (\(origin(given))): needs \(missing), too")
    }
    if !registry.tokenFile.isEmpty, !registry.username.isEmpty {
      fail(
        "schema_registry.token_file",
        "schema_registry.token_file (\(origin("schema_registry.token_file"))) and schema_registry.username "
          + "(\(origin("schema_registry.username"))): two ways to sign in, set only one of them")
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
