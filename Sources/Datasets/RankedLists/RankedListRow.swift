/// One line of a file of lists: an item of a user's list, and what says where it stands there.
public struct RankedListRow: Equatable, Sendable {
  public var user: [UInt8]
  public var item: [UInt8]
  public var score: Double?
  /// 1, or 0, is the best place.
  public var rank: Int?

  public init(user: [UInt8], item: [UInt8], score: Double? = nil, rank: Int? = nil) {
    self.user = user
    self.item = item
    self.score = score
    self.rank = rank
  }

  /// Why a line cannot be used.
  public struct Fault: Error, Equatable, Sendable {
    /// The same word for all faults of one kind.
    public var kind: String
    public var reason: String
    public init(_ kind: String, _ reason: String) {
      self.kind = kind
      self.reason = reason
    }
  }

  /// Throws unless the ids can be those of a user and an item.
  public static func checkIDs(user: [UInt8], item: [UInt8]) throws(Fault) {
    if let fault = user.withUnsafeBufferPointer(idFault) { throw Fault("bad_user", "the user \(fault)") }
    if let fault = item.withUnsafeBufferPointer(idFault) { throw Fault("bad_item", "the item \(fault)") }
  }
}

/// What a column, or a member of a JSON object, of a file of lists holds.
public enum RankedListField: String, CaseIterable, Sendable {
  case user, item, score, rank

  private var others: Set<String> {
    switch self {
    case .user: ["userid", "customer", "customerid", "visitor", "visitorid", "uid"]
    case .item: ["itemid", "product", "productid", "article", "articleid", "sku", "iid"]
    case .score: ["prediction", "pred", "relevance", "probability"]
    case .rank: ["position", "place"]
    }
  }

  /// `nil` for a name that stands for none of them. Case and everything but letters and digits count for nothing.
  public init?(named name: String) {
    let folded = ColumnNames.folded(name)
    guard let field = Self.allCases.first(where: { $0.rawValue == folded || $0.others.contains(folded) }) else { return nil }
    self = field
  }
}
