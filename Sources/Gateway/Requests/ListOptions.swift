import ItemMetadata
import StreamingRecommender

/// What a request asks of a list.
public struct ListOptions: Sendable {
  public static let countMax = 1_000
  public static let endMax = 10_000
  public static let idsMax = 1_000
  /// Of ids in a query; longer lists go into the body of a POST.
  public static let queryIDsMax = 50
  public static let contextMax = 100
  public static let fieldsMax = 32

  public struct Weighted: Sendable, Equatable {
    public var item: Identifier
    public var weight: Float
    public init(item: Identifier, weight: Float) {
      self.item = item
      self.weight = weight
    }
  }

  /// The number of items; `nil` for as many as the configuration says.
  public var n: Int?
  public var offset = 0
  public var exclude: [Identifier] = []
  /// The only candidates; `nil` for all items.
  public var include: [Identifier]?
  public var filter: ItemFilter?
  /// Whether a filter that leaves too little gives a short list, and not one that is filled with other items.
  public var isStrict = true
  /// Items that matter in this moment.
  public var context: [Weighted] = []
  /// 0 for the best items, 1 for the most different ones.
  public var diversity = 0.0
  /// Whether the request itself names the diversity.
  public var givesDiversity = false
  public var maxPerCategory: Int?
  public var minScore: Float?
  /// Fields of the documents to return.
  public var fields: [String] = []
  /// A free word that names the place on the page; a label of counters and rules.
  public var placement: String?
  public var includesSeen = false
  public var explains = false

  /// The arm of the experiment in which the request takes part.
  public var arm: AssignedArm?

  public init() {}

  /// In an arm, whose parameters count where the request does not say.
  func with(_ arm: AssignedArm?) -> ListOptions {
    guard let arm else { return self }
    var options = self
    options.arm = arm
    if !givesDiversity, let diversity = arm.arm.diversity { options.diversity = diversity }
    options.maxPerCategory = maxPerCategory ?? arm.arm.maxPerCategory
    return options
  }

  /// Whether the stored list, less the items that may not be shown, cannot be the answer.
  var needsComputation: Bool {
    include != nil || filter != nil || !context.isEmpty || diversity > 0 || maxPerCategory != nil || includesSeen || explains
  }
}
