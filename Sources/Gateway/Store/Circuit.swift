/// Decides whether Redis is worth asking, so that requests do not wait one after another for a server that is away.
///
/// It opens at the first failure of a connection; from then on only the poller tries, and closes it when an answer came.
public struct Circuit: Sendable, Equatable {
  /// Why Redis cannot be asked now; `nil` while it can.
  public private(set) var problem: String?
  public private(set) var failures = 0

  public init() {}

  public var isClosed: Bool { problem == nil }

  /// Returns whether this is the first failure since an answer.
  public mutating func failed(_ reason: String) -> Bool {
    failures += 1
    defer { problem = reason }
    return problem == nil
  }

  /// Returns whether there was a problem before.
  public mutating func answered() -> Bool {
    defer { problem = nil }
    return problem != nil
  }
}
