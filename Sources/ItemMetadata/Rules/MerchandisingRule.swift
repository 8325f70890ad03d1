import Telemetry

/// A wish of the people who run the shop: show an item at a place, lift or lower items, leave them out, or try new ones.
public struct MerchandisingRule: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable { case pin, boost, bury, exclude, explore }

  /// The items that the rule is about.
  public enum Target: Sendable, Equatable {
    case item(String)
    case category(String)
    /// The filter and its text as it was written.
    case filter(ItemFilter, text: String)
    /// All items: an exploration without a target.
    case everything

    /// The items as a filter, or `nil` for a single item.
    var filter: ItemFilter? {
      switch self {
      case .item: nil
      case .category(let name): .categories(anyOf: [name])
      case .filter(let filter, _): filter
      case .everything: .everything
      }
    }

    public static func == (a: Self, b: Self) -> Bool {
      switch (a, b) {
      case (.item(let a), .item(let b)), (.category(let a), .category(let b)), (.filter(_, let a), .filter(_, let b)): a.hasSameBytes(as: b)
      case (.everything, .everything): true
      default: false
      }
    }
  }

  /// Slots of lists for items of which little is known.
  public struct Exploration: Sendable, Equatable {
    /// Of the items of a list, from 0 to 0.5.
    public let share: Double
    /// Items with more events are left out; older events count less, as in the popular list.
    public let maxEvents: Double

    public static let shareMax = 0.5
    public static let maxEventsMax = 1_000_000.0

    public init(share: Double, maxEvents: Double) {
      self.share = share
      self.maxEvents = maxEvents
    }
  }

  public static let positionMax = 1000
  public static let strengthMax = 3.0

  public let id: String
  public let kind: Kind
  public let target: Target
  /// The rank that a pin takes, from 1.
  public let position: Int?
  /// How far a boost lifts an item, or lowers it if negative, in units of the list's spread: -3 to 3.
  public let strength: Double?
  /// What an `explore` shows.
  public let exploration: Exploration?
  /// The first millisecond since 1970 at which the rule is in force.
  public let from: Int64?
  /// The first millisecond at which it no longer is.
  public let until: Int64?
  /// The share of users for whom the rule is in force, in percent.
  public let share: Double
  /// Chooses which users these are; rules with one salt and share choose the same ones.
  public let salt: String
  /// The placement for which the rule is in force; `nil` is all.
  public let placement: String?
  /// Of two pins on one position, the one with the higher priority stays.
  public let priority: Int
  /// Whether a pin leaves out users who have seen its item.
  public let skipsSeen: Bool
  public let isEnabled: Bool
  public let createdAt: Int64
  public let note: String?

  /// Whether the rule counts as active: enabled and not over. It may not have begun.
  public func isActive(at now: Int64) -> Bool { isEnabled && until.map { now < $0 } ?? true }

  /// Whether the rule is in force for such a request.
  public func applies(user: String?, placement: String?, now: Int64) -> Bool {
    guard isActive(at: now), from.map({ now >= $0 }) ?? true else { return false }
    if let own = self.placement, !(placement?.hasSameBytes(as: own) ?? false) { return false }
    return UserShare.includes(user, percent: share, salt: salt)
  }

  /// Whether this rule goes before another one: higher priority, then older, then smaller id.
  func precedes(_ other: Self) -> Bool {
    if priority != other.priority { return priority > other.priority }
    if createdAt != other.createdAt { return createdAt < other.createdAt }
    return id.precedesByBytes(other.id)
  }
}
