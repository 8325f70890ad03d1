import Telemetry

extension Experiment {
  public static let bytesMax = 16_384
  private static let fieldNames = ["name", "arms", "from", "until", "placement", "enabled", "created_at", "note"]
  private static let armFieldNames = ["name", "share", "namespace", "parameters", "rules"]
  private static let parameterNames = ["diversity", "max_per_category"]
  private static let nameRule = "must have 1 to 64 letters, digits, points, hyphens and underscores of ASCII"

  /// Reads one JSON object. Unknown fields are refused, because a misspelled one would change what the experiment does.
  /// - Parameter createdAt: the time of an experiment that does not name its own.
  public init(_ bytes: [UInt8], createdAt: Int64) throws(DocumentFault) {
    let fields = try DocumentFields(bytes, bytesMax: Self.bytesMax)
    try fields.refuseOthers(than: Self.fieldNames, of: "an experiment")
    let name = try Self.name(fields, "name")
    let (from, until) = (try fields.time("from"), try fields.time("until"))
    if let from, let until, until <= from {
      throw DocumentFault(.badValue, field: "until", "until must be after from; as it is, the experiment would never run")
    }
    self.init(
      name: name, arms: try Self.arms(fields), from: from, until: until, placement: try fields.word("placement", bytesMax: 64),
      isEnabled: try fields.flag("enabled") ?? true, createdAt: try fields.time("created_at") ?? createdAt,
      note: try fields.word("note", bytesMax: 1024))
  }

  private static func name(_ fields: DocumentFields, _ field: String) throws(DocumentFault) -> String {
    let name = try fields.identifier(field)
    guard name.isPlainName else { throw DocumentFault(.badID, field: field, "\(field) \(nameRule)") }
    return name
  }

  private static func arms(_ fields: DocumentFields) throws(DocumentFault) -> [Arm] {
    guard let value = fields["arms"] else {
      throw DocumentFault(
        .missingField, field: "arms", #"arms is missing, for example [{"name": "a", "share": 50}, {"name": "b", "share": 50}]"#)
    }
    guard case .array(let values) = value, (2...armsMax).contains(values.count) else {
      throw DocumentFault(.badValue, field: "arms", "arms must be a list of 2 to \(armsMax) objects")
    }
    let arms = try values.map { (value) throws(DocumentFault) in try arm(value) }
    guard Set(arms.map(\.name)).count == arms.count else { throw DocumentFault(.badValue, field: "arms", "two arms have one name") }
    let sum = arms.reduce(0) { $0 + $1.share }
    guard sum <= 100 + ArmAllocation.rounding else {
      throw DocumentFault(.badValue, field: "share", "the shares of the arms are \(JSONValue.number(sum).text) % in all; at most 100 %")
    }
    return arms
  }

  private static func arm(_ value: JSONValue) throws(DocumentFault) -> Arm {
    guard case .object(let members) = value, case let fields = DocumentFields(members) else {
      throw DocumentFault(.badValue, field: "arms", "each arm must be an object with name and share")
    }
    try fields.refuseOthers(than: armFieldNames, of: "an arm")
    guard let share = try fields.number("share", 0...100) else {
      throw DocumentFault(.missingField, field: "share", "each arm needs its share of users in percent")
    }
    let parameters = try fields.object("parameters")
    try parameters?.refuseOthers(than: parameterNames, of: "the parameters of an arm")
    return Arm(
      name: try name(fields, "name"), share: share, namespace: try namespace(fields),
      diversity: try parameters?.number("diversity", 0...1), maxPerCategory: try parameters?.integer("max_per_category", 1...1_000),
      rules: try rules(fields))
  }

  private static func namespace(_ fields: DocumentFields) throws(DocumentFault) -> String? {
    guard let text = try fields.word("namespace", bytesMax: 64) else { return nil }
    guard !text.isEmpty, !text.utf8.contains(0) else {
      throw DocumentFault(.badValue, field: "namespace", "namespace must be the redis.namespace of an engine")
    }
    return text
  }

  private static let rulesMax = 100

  private static func rules(_ fields: DocumentFields) throws(DocumentFault) -> [String] {
    guard let value = fields["rules"] else { return [] }
    var rules: [String] = []
    if case .array(let values) = value { rules = values.compactMap { DocumentFields.word($0) } }
    guard case .array(let values) = value, values.count <= rulesMax, rules.count == values.count, rules.allSatisfy(\.isPlainName) else {
      throw DocumentFault(.badValue, field: "rules", "rules must be a list of at most \(rulesMax) ids of rules")
    }
    return rules
  }

  // MARK: Writing

  /// The experiment as JSON, without what is as by default. Reading it gives the experiment again.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [.init("name", .string(name)), .init("arms", .array(arms.map(\.json)))]
    func add(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
    add("from", from.map { .string(Timestamp.rfc3339(milliseconds: $0)) })
    add("until", until.map { .string(Timestamp.rfc3339(milliseconds: $0)) })
    add("placement", placement.map { .string($0) })
    add("enabled", isEnabled ? nil : false)
    add("created_at", .string(Timestamp.rfc3339(milliseconds: createdAt)))
    add("note", note.map { .string($0) })
    return .object(members)
  }
}

extension Experiment.Arm {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [.init("name", .string(name)), .init("share", .number(share))]
    if let namespace { members.append(.init("namespace", .string(namespace))) }
    var parameters: [JSONValue.Member] = []
    if let diversity { parameters.append(.init("diversity", .number(diversity))) }
    if let maxPerCategory { parameters.append(.init("max_per_category", .integer(maxPerCategory))) }
    if !parameters.isEmpty { members.append(.init("parameters", .object(parameters))) }
    if !rules.isEmpty { members.append(.init("rules", .array(rules.map { .string($0) }))) }
    return .object(members)
  }
}
