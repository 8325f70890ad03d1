/// The rules that are in force for one request.
///
/// Who scores the catalogue leaves out `excluded`, and passes the best of the `boosted` items as candidates besides the best of all:
/// `ListAssembly` can lift only what it is given.
public struct AppliedRules: Sendable {
  struct Applied: Sendable {
    let rule: MerchandisingRule
    let items: ItemSet
    /// The item of a rule about one item.
    let item: Int32?
  }

  /// In the order in which they take precedence.
  private(set) var pins: [Applied] = []
  private var boosts: [Applied] = []
  private var buries: [Applied] = []
  /// Pins of items that do not exist.
  private(set) var pinsWithoutItem: [MerchandisingRule] = []
  /// The items that a rule leaves out.
  public private(set) var excluded = ItemSet()
  /// The items that a rule lifts or lowers.
  public private(set) var boosted = ItemSet()
  /// The items that go below all others.
  public private(set) var buried = ItemSet()

  /// The first rule for slots of exploration, and the items that it may show.
  private(set) var exploring: Applied?

  public static let none = AppliedRules()
  init() {}

  mutating func add(_ rule: MerchandisingRule, _ items: ItemSet, item: Int32?) {
    let applied = Applied(rule: rule, items: items, item: item)
    switch rule.kind {
    case .pin: pins.append(applied)
    case .exclude: excluded = excluded.union(items)
    case .boost:
      boosts.append(applied)
      boosted = boosted.union(items)
    case .bury:
      buries.append(applied)
      buried = buried.union(items)
    case .explore: exploring = exploring ?? applied
    }
  }

  /// What is shown in slots for exploration, and the items that may be; `nil` without such slots.
  public var exploration: (settings: MerchandisingRule.Exploration, items: ItemSet)? {
    exploring.flatMap { applied in applied.rule.exploration.map { ($0, applied.items) } }
  }

  mutating func note(unknownItemOf rule: MerchandisingRule) { if rule.kind == .pin { pinsWithoutItem.append(rule) } }

  /// How far the item is lifted in units of the spread, with the ids of the rules: they add up, within -3 to 3.
  func boost(of item: Int32) -> (strength: Double, rules: [String]) {
    guard boosted.contains(item) else { return (0, []) }
    let own = boosts.filter { $0.items.contains(item) }
    let sum = own.reduce(0) { $0 + ($1.rule.strength ?? 0) }
    return (min(max(sum, -MerchandisingRule.strengthMax), MerchandisingRule.strengthMax), own.map(\.rule.id))
  }

  /// The ids of the rules that put the item below all others.
  func buries(of item: Int32) -> [String] {
    guard buried.contains(item) else { return [] }
    return buries.filter { $0.items.contains(item) }.map(\.rule.id)
  }
}
