import StreamingRecommender

/// The number of records and bytes that one poll may still return. The first record is always accepted, whatever its size.
public struct PollBudget: Equatable, Sendable {
  public private(set) var records: Int
  private var bytes: Int
  private var isUntouched = true
  private var isExhausted = false

  public init(records: Int, bytes: Int) {
    self.records = records
    self.bytes = bytes
  }

  public var hasRoom: Bool { records > 0 && !isExhausted }

  /// Takes a record of `size` bytes from the budget. Returns false if it does not fit; every later call then returns false.
  public mutating func take(_ size: Int) -> Bool {
    guard hasRoom, isUntouched || size <= bytes else {
      isExhausted = true
      return false
    }
    isUntouched = false
    records -= 1
    bytes -= size
    return true
  }
}
