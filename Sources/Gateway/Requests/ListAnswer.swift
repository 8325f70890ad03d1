import ItemMetadata
import ServingFormats
import StreamingRecommender

/// A list as it is answered.
public struct ListAnswer: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public var item: Identifier
    /// `nil` for an item that only a rule put there.
    public var score: Float?
    public var source: ItemSource
    /// From 1, over all pages.
    public var rank: Int
    /// The ids of the rules that touched it.
    public var rules: [String] = []
    public var ruleClass: AssembledList.RuleClass = []
    public var document: ItemDocument?
    /// The name of the imported list that gave it.
    public var list: String?
    public var parts: Scorer.Parts?
  }

  /// Why a list is not what was asked for, though it is served. The raw value is in answers and metrics.
  public enum Degradation: String, Sendable, CaseIterable {
    /// There is no row of the user, so that the stored list was filtered; does the engine run with `publish.rows=true`?
    case noRow = "no_row"
    /// The matrix of the row's epoch is not loaded (yet).
    case epoch
    /// The row is older than the last start of the engine.
    case numbers
    /// Fewer items than asked for passed the filter; others follow them.
    case filterRelaxed = "filter_relaxed"
    /// The engine has counted for less time than the window has.
    case window
    /// The namespace of the user's arm has no model; the list is the one of the gateway's own namespace.
    case namespace
    /// Redis is away.
    case redis
  }

  public var user: Identifier?
  /// Why the first item is in the list; `nil` for an empty one.
  public var source: ItemSource?
  public var epoch: UInt32?
  public var madeAtMilliseconds: Int64?
  public var items: [Item] = []
  public var degraded: Degradation?
  /// Whether the vector was extended by `context` without the user's history.
  public var isApproximate = false
  /// Whether the list is the stored one and not computed for this request.
  public var isStored = false
  /// The arm of the experiment in which it was made.
  public var arm: AssignedArm?
  /// What became of the imported lists.
  public var imported: [ImportedUse] = []
  /// Whether the engine's own list ended before the page did, beside imported ones that go on.
  var ownListEnded = false
  /// The window of a list of what trends.
  public var window: TrendingWindow?
  /// What an explanation should say besides the items.
  public var notes: [String] = []

  public init(user: Identifier?) { self.user = user }
}
