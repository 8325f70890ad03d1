/// One page of a list, ready to be answered.
public struct AssembledList: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public let item: Int32
    /// The score of the model; `nil` for an item that only a rule put there.
    public let score: Float?
    /// What boosts added to the score.
    public let boost: Float
    /// From 1, counted over all pages.
    public let rank: Int
    public let source: ItemSource
    /// The ids of the rules that touched the item.
    public let rules: [String]
    public let ruleClass: RuleClass
  }

  /// What kinds of rules touched an item.
  public struct RuleClass: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let pin = RuleClass(rawValue: 1)
    public static let boost = RuleClass(rawValue: 2)
    public static let bury = RuleClass(rawValue: 4)
  }

  /// What a reader of an explanation should know besides the items.
  public enum Note: Sendable, Equatable {
    /// A pin whose position, or the next free one, is not on a page of `n`.
    case pinBeyondEnd(rule: String, position: Int)
    case pinLeftOut(rule: String, PinFault)
    /// So many items of the page pass `max_per_category`, because the list would be shorter without them.
    case categoryLimitPassed(items: Int)
  }

  public enum PinFault: String, Sendable {
    case unknownItem = "unknown_item"
    /// Hidden, removed or out of date.
    case unavailable
    /// Left out by the request or by a rule.
    case excluded
    case filtered
    case seen
    /// Another pin has the item.
    case alreadyPinned = "already_pinned"
    /// No candidate is in the pin's category or passes its filter.
    case noCandidate = "no_candidate"
  }

  public let items: [Item]
  public let notes: [Note]
  /// Whether the page is short because there were no more candidates.
  public let ranOut: Bool
}
