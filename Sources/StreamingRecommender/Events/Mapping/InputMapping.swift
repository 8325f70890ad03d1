/// Which places of a record fill which fields, from the preset and the keys `input.fields` and `input.ignore`.
struct InputMapping: Sendable {
  struct Candidate: Hashable, Sendable {
    var source: InputSource
    /// Whether it may stand beside another candidate of the field where repetitions are refused.
    var isFallback = false
  }

  private(set) var rows: [EventField: [Candidate]] = [:]
  private(set) var rules: [IgnoreRule] = []
  let isExclusive: Bool
  let isZeroNoValue: Bool

  /// The settings have been checked where they were read; here a fault in them is a programming error.
  init(_ input: RecommenderConfiguration.Input) {
    self.init(InputPreset(input), fields: input.fields, ignore: input.ignore)
  }

  init(_ preset: InputPreset, fields: [String: String] = [:], ignore: [String] = []) {
    isExclusive = preset.isExclusive && fields.isEmpty
    isZeroNoValue = preset.isZeroNoValue && fields[EventField.eventValue.name] == nil
    for prefix in preset.prefixes { add(preset.rows, under: prefix) }
    add(preset.outerRows, under: "")
    for (name, text) in fields {
      guard let field = EventField.mapped(named: name) else { preconditionFailure("input.fields.\(name) is not a field") }
      rows[field] = Self.checked { () throws(InputSyntaxFault) in try Self.candidates(text, preset.prefixes) }
    }
    rules = (preset.ignore + ignore).map { text in Self.checked { () throws(InputSyntaxFault) in try IgnoreRule(text) } }
  }

  private mutating func add(_ preset: [InputPreset.Row], under prefix: String) {
    for (field, texts) in preset where EventField.readFields.contains(field) {
      for text in texts {
        let isFallback = text.first == "?"
        let path = isFallback ? text.dropFirst() : text[...]
        let source = Self.checked { () throws(InputSyntaxFault) in try InputSource(Self.joined(prefix, path)) }
        if rows[field, default: []].contains(where: { $0.source == source }) { continue }
        rows[field, default: []].append(Candidate(source: source, isFallback: isFallback))
      }
    }
  }

  private static func joined(_ prefix: String, _ path: Substring) -> Substring {
    prefix.isEmpty || path.first == "=" || path.first == "@" ? path : "\(prefix).\(path)"[...]
  }

  /// The candidates of a key; each path is looked for under each prefix of the preset.
  static func candidates(_ text: String, _ prefixes: [String]) throws(InputSyntaxFault) -> [Candidate] {
    var found: [Candidate] = []
    for prefix in prefixes {
      for part in InputText.split(text, at: "|") {
        let candidate = Candidate(source: try InputSource(joined(prefix, InputText.trimmed(part))), isFallback: true)
        if !found.contains(candidate) { found.append(candidate) }
      }
    }
    return found
  }

  private static func checked<Value>(_ make: () throws(InputSyntaxFault) -> Value) -> Value {
    do { return try make() } catch { preconditionFailure("the mapping was not checked: \(error.reason)") }
  }

  // MARK: Keys and CloudEvents

  /// The mapping of the user and the item only, applied to a record's key.
  var ofKeys: InputMapping {
    var copy = self
    copy.rules = []
    copy.rows = rows.filter { $0.key == .user || $0.key == .item }.mapValues { candidates in
      candidates.flatMap { candidate -> [Candidate] in
        guard case .value(let path) = candidate.source else { return [] }
        return [candidate, Candidate(source: .value(InputPath(steps: [.name("payload", isExact: false)] + path.steps)), isFallback: true)]
      }
    }
    let payload = InputPath.Step.name("payload", isExact: false)
    let user = InputPath.Step.name(EventField.user.name, isExact: false)
    for steps in [[user], [payload, user], [payload]] {
      copy.rows[.user, default: []].append(Candidate(source: .value(InputPath(steps: steps)), isFallback: true))
    }
    return copy
  }

  /// A mapping of the user alone, from one path of a record's key.
  static func ofKey(at path: InputPath) -> InputMapping {
    var mapping = InputMapping(InputPreset(rows: []))
    mapping.rows[.user] = [Candidate(source: .value(path), isFallback: true)]
    return mapping
  }

  /// CloudEvents with the attributes in headers: the value is the data.
  var ofBinaryCloudEvents: InputMapping {
    var copy = self
    for (field, name) in [(EventField.eventType, "ce_type"), (.timestamp, "ce_time"), (.eventID, "ce_id")] {
      copy.rows[field, default: []].append(Candidate(source: .header(name, InputPath()), isFallback: true))
    }
    return copy
  }

  /// CloudEvents with the attributes beside the data in one JSON object.
  var ofStructuredCloudEvents: InputMapping {
    var copy = self
    copy.rows = rows.mapValues { candidates in
      candidates.flatMap { candidate -> [Candidate] in
        guard case .value(let path) = candidate.source else { return [candidate] }
        return Self.dataSteps.map {
          Candidate(source: .value(InputPath(steps: $0 + path.steps)), isFallback: candidate.isFallback)
        }
      }
    }
    for (field, name) in [(EventField.eventType, "type"), (.timestamp, "time"), (.eventID, "id")] {
      let path = InputPath(steps: [.name(name, isExact: true)])
      copy.rows[field, default: []].append(Candidate(source: .value(path), isFallback: true))
    }
    for index in copy.rules.indices {
      if case .value(let path) = copy.rules[index].source {
        copy.rules[index].source = .value(InputPath(steps: Self.dataSteps[0] + path.steps))
      }
    }
    return copy
  }

  private static let dataSteps: [[InputPath.Step]] = [
    [.name("data", isExact: true), .json], [.name("data_base64", isExact: true), .base64],
  ]
}
