/// The windows over which items that trend are counted.
public enum TrendingWindow: String, Sendable, CaseIterable {
  case hour = "1h"
  case day = "24h"
  case week = "7d"

  public var seconds: Int {
    switch self {
    case .hour: 3_600
    case .day: 86_400
    case .week: 604_800
    }
  }
}
