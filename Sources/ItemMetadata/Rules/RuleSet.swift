/// All rules, within the limits that keep a request cheap.
public struct RuleSet: Sendable, Equatable {
  public static let activeMax = 1000
  public static let activePinsMax = 100
  /// All rules, with those that are over or switched off.
  public static let rulesMax = 5000

  /// In the order in which they take precedence.
  public let rules: [MerchandisingRule]

  public static let none = RuleSet()
  private init() { rules = [] }

  /// - Parameter now: rules that are over by then do not count as active.
  public init(_ rules: [MerchandisingRule], now: Int64) throws(DocumentFault) {
    guard rules.count <= Self.rulesMax else {
      throw DocumentFault(.tooMany, "\(rules.count) rules; at most \(Self.rulesMax) are kept: delete those that are over")
    }
    var ids: Set<String> = []
    for rule in rules where !ids.insert(rule.id).inserted {
      throw DocumentFault(.badID, field: "id", "two rules have the id \(rule.id)")
    }
    let active = rules.filter { $0.isActive(at: now) }
    guard active.count <= Self.activeMax else {
      throw DocumentFault(.tooMany, "\(active.count) active rules; at most \(Self.activeMax): disable or delete some")
    }
    let pins = active.count { $0.kind == .pin }
    guard pins <= Self.activePinsMax else {
      throw DocumentFault(.tooMany, "\(pins) active pins; at most \(Self.activePinsMax): disable or delete some")
    }
    self.rules = rules.sorted { $0.precedes($1) }
  }
}
