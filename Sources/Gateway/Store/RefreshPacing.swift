/// Spaces repeated work so that it takes at most one part in `share` of the time: a copy of a large matrix is made less often than one of
/// a small matrix.
public struct RefreshPacing: Sendable {
  static let share: UInt64 = 20
  private var notBefore: UInt64 = 0

  public init() {}

  public func isDue(nowNanoseconds: UInt64) -> Bool { nowNanoseconds >= notBefore }

  public mutating func done(from start: UInt64, to end: UInt64) { notBefore = end &+ (end &- start) * Self.share }
}
