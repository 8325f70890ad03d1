/// Where an item of an answer comes from.
public enum ItemSource: String, Sendable, CaseIterable {
  case personal, foldin, similar, popular, context, trending
  /// A new item in a slot for exploration.
  case explore
  /// An item that only a rule put there.
  case pinned
  /// An item of a list that another program made.
  case imported

  /// The number in a recommendation id, from 1 to 15.
  public var code: UInt8 {
    switch self {
    case .personal: 1
    case .foldin: 2
    case .similar: 3
    case .popular: 4
    case .context: 5
    case .trending: 6
    case .explore: 7
    case .pinned: 8
    case .imported: 9
    }
  }

  public init?(code: UInt8) {
    guard let source = Self.allCases.first(where: { $0.code == code }) else { return nil }
    self = source
  }
}
