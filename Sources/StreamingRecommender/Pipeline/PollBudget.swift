/// What one poll may still return: a number of records and their bytes. The first record always fits.
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

  /// Whether a record of this size still fits; it is then accounted for. After the first refusal there is no room.
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
