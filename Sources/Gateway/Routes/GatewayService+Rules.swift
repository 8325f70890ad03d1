import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry

// Rules of the people who run the shop. They stand in Redis, so that every gateway has them within a second.
extension GatewayService {
  static let previewUsersMax = 10

  func getRules(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let (version, rules) = try reading { try store.documents(MerchandisingRule.self) }
    return .now(.json(["version": .integer(Int(version)), "rules": .array(rules.map(\.json))] as JSONValue))
  }

  func getRule(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    guard let rule = try reading({ try store.documents(MerchandisingRule.self).documents.first { $0.id == id } }) else {
      throw Self.noRule(id)
    }
    return .now(.json(rule.json))
  }

  func putRule(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    var object = JSONValue.object(try Self.members(of: request.body))
    guard object["id"].map({ $0 == .string(id) }) ?? true else {
      throw Problem(.body, "id in the body is not the rule of the path", fix: "leave it out, or name \(id.prefix(64))")
    }
    object["id"] = .string(id)
    let now = WallClock.milliseconds()
    let bytes = object.bytes
    let rule = try Self.rule(bytes, createdAt: now)
    let change = try reading {
      // A rule that is changed keeps its age, which decides between pins of one priority.
      try store.change(id, now: now) { (before: MerchandisingRule?) throws(DocumentFault) in
        try MerchandisingRule(bytes, createdAt: before?.createdAt ?? now)
      }
    }
    let before = try Self.outcome(change, Self.ruleSchema)
    audit.record(request.caller, "rule.put \(id)", before: before?.json ?? .null, after: rule.json)
    return .now(.json(rule.json, status: before == nil ? 201 : 200))
  }

  func deleteRule(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    let change = try reading { try store.change(id, now: WallClock.milliseconds()) { (_: MerchandisingRule?) in nil } }
    guard let before = try Self.outcome(change, Self.ruleSchema) else { throw Self.noRule(id) }
    audit.record(request.caller, "rule.delete \(id)", before: before.json)
    return .now(.empty(204))
  }

  /// The lists of some users before and after a rule, without writing it.
  func previewRule(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    var object = JSONValue.object(try Self.members(of: request.body))
    guard case .array(let names)? = object["users"], (1...Self.previewUsersMax).contains(names.count), let body = object["rule"],
      case .object = body
    else {
      throw Problem(
        .body, "rule and users are needed", fix: #"send {"rule": {...}, "users": ["...", up to \#(Self.previewUsersMax)]}"#)
    }
    object = body
    if object["id"] == nil { object["id"] = "preview" }
    let now = WallClock.milliseconds()
    let rule = try Self.rule(object.bytes, createdAt: now)
    let users = try names.map { (name) throws(Problem) in Identifier(try RequestOption.identifier(name, Self.usersOption)) }
    var options = ListOptions()
    options.placement = rule.placement
    let view = store.view
    let imported = withMaker { $0.importsToRead }
    let stored = try reading { try store.users(users, withRows: true, imported: imported) }
    let others = view.rules?.compiled.rules.rules.filter { $0.id != rule.id } ?? []
    let set: RuleSet
    do throws(DocumentFault) { set = try RuleSet(others + [rule], now: now) } catch { throw Self.problem(error, Self.ruleSchema) }
    let directory = view.newest?.directory
    let compiled = CompiledRules(set, view.catalogue.index, now: now) { directory?.number(Identifier($0)) }
    let results = scratch.withScratch { scratch -> [JSONValue] in
      let before = maker(view, scratch)
      var after = maker(view.with(rules: RulesView(compiled, version: 0)), scratch)
      // A rule of an arm is shown as it is there.
      after.armRules.remove(rule.id)
      return zip(users, stored).map { user, stored in
        func items(_ maker: ListMaker) -> JSONValue {
          .array(
            maker.list(for: user, stored, options).items.map { item in
              ["item": .string(item.item.string), "rules": .array(item.rules.map { .string($0) })]
            })
        }
        return ["user": .string(user.string), "before": items(before), "after": items(after)]
      }
    }
    return .now(.json(["results": .array(results)] as JSONValue))
  }

  // MARK: Problems

  private static func rule(_ bytes: [UInt8], createdAt: Int64) throws(Problem) -> MerchandisingRule {
    do throws(DocumentFault) { return try MerchandisingRule(bytes, createdAt: createdAt) } catch { throw problem(error, ruleSchema) }
  }

  private static let ruleSchema = "schemas/rule-v1.schema.json"

  static func problem(_ fault: DocumentFault, _ schema: String) -> Problem {
    Problem(
      .body, fault.message, fix: "see \(schema)",
      members: [.init("reason", .string(fault.reason.rawValue))] + (fault.field.map { [.init("field", .string($0))] } ?? []))
  }

  static func outcome<Document>(_ change: StoredChange<Document>, _ schema: String) throws(Problem) -> Document? {
    switch change {
    case .done(let before): return before
    case .refused(let fault): throw problem(fault, schema)
    case .overtaken: throw Problem(.conflict, "others change \(Document.noun)s at the same time", fix: "try again")
    }
  }

  private static func noRule(_ id: String) -> Problem {
    Problem(.notFound, "there is no rule \(id.prefix(64))", fix: "GET /v1/rules lists all")
  }
}
