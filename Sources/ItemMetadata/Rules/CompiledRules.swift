/// The rules with the items that they are about, for one version of the catalogue.
///
/// A value like the index: make a new one with `brought(to:now:number:)` when the catalogue changes, the rules change or the second ends,
/// and publish it. What is not touched by a change is not looked at again, and rules with one target share its items.
public struct CompiledRules: Sendable {
  enum Items: Sendable {
    /// `nil` as long as no such item is known.
    case one(Int32?)
    case passing(ItemFilter)
  }

  public let rules: RuleSet
  /// The items of each rule, in the order of the rules.
  private var items: [Items]
  private var tracked: [ItemFilter: TrackedItems] = [:]

  /// - Parameters:
  ///   - previous: the rules before a change, whose items are used again where the targets are the same.
  ///   - number: the permanent number of an item by its id, or `nil` if there is no such item yet.
  public init(
    _ rules: RuleSet, _ index: CatalogueIndex, now: Int64, previous: CompiledRules? = nil, number: (String) -> Int32?
  ) {
    self.rules = rules
    items = rules.rules.map { rule in
      if case .item(let id) = rule.target { return .one(number(id)) }
      return rule.target.filter.map { .passing($0) } ?? .one(nil)
    }
    for case .passing(let filter) in items where tracked[filter] == nil {
      tracked[filter] = previous?.tracked[filter]?.brought(to: index, now: now) ?? TrackedItems(.passes(filter), index, now: now)
    }
  }

  /// Whether the rules speak of this index at this time.
  public func isCurrent(_ index: CatalogueIndex, now: Int64) -> Bool { tracked.values.allSatisfy { $0.isCurrent(index, now: now) } }

  /// The same rules for another version of the catalogue; items that were unknown are looked up again.
  public func brought(to index: CatalogueIndex, now: Int64, number: (String) -> Int32?) -> CompiledRules {
    var result = self
    for (place, rule) in rules.rules.enumerated() {
      if case .one(nil) = items[place], case .item(let id) = rule.target { result.items[place] = .one(number(id)) }
    }
    result.tracked = tracked.mapValues { $0.brought(to: index, now: now) }
    return result
  }

  /// The rules that are in force for such a request.
  ///
  /// - Parameter isAllowed: leaves out rules for a reason of the caller's, such as the user's arm.
  public func applying(
    user: String?, placement: String?, now: Int64, where isAllowed: (MerchandisingRule) -> Bool = { _ in true }
  ) -> AppliedRules {
    var applied = AppliedRules()
    for (rule, items) in zip(rules.rules, items)
    where isAllowed(rule) && rule.applies(user: user, placement: placement, now: now) {
      switch items {
      case .one(nil): applied.note(unknownItemOf: rule)
      case .one(let item?): applied.add(rule, ItemSet([item]), item: item)
      case .passing(let filter): applied.add(rule, tracked[filter]?.items ?? ItemSet(), item: nil)
      }
    }
    return applied
  }
}
