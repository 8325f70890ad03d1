/// One row of a file in column format.
public struct InteractionRow: Equatable, Sendable {
  public var user: [UInt8]
  public var item: [UInt8]
  public var value: Double?
  /// Timestamp in milliseconds since 1970.
  public var timeMilliseconds: Int64?

  public init(user: [UInt8], item: [UInt8], value: Double? = nil, timeMilliseconds: Int64? = nil) {
    self.user = user
    self.item = item
    self.value = value
    self.timeMilliseconds = timeMilliseconds
  }
}
