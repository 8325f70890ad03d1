/// What a caller may do; each role includes those before it.
public enum AccessRole: String, Sendable, CaseIterable, Comparable {
  /// Lists, items, status.
  case read
  /// Events and items, too.
  case write
  /// Retrains, rules, models and all else that changes what others see, too.
  case admin

  private var rank: Int {
    switch self {
    case .read: 0
    case .write: 1
    case .admin: 2
    }
  }

  public static func < (left: AccessRole, right: AccessRole) -> Bool { left.rank < right.rank }
}
