/// Whether and when an item may be shown.
public struct ItemAvailability: Sendable, Equatable {
  public let isHidden: Bool
  /// The first millisecond since 1970 at which the item may be shown.
  public let from: Int64?
  /// The first millisecond at which it may no longer be shown.
  public let until: Int64?

  /// Whether neither the document nor time keeps the item from being shown.
  public var isUnrestricted: Bool { !isHidden && from == nil && until == nil }

  public func holds(at now: Int64) -> Bool { !isHidden && (from.map { now >= $0 } ?? true) && (until.map { now < $0 } ?? true) }

  /// The next time at which the item begins or ceases to be available, if nobody changes the document.
  ///
  /// A window that ends before it begins is never open.
  public func nextChange(after now: Int64) -> Int64? {
    let (from, until) = (from ?? .min, until ?? .max)
    guard !isHidden, from < until else { return nil }
    if from > now { return from }
    return until > now && until != .max ? until : nil
  }
}
