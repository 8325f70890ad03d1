/// One row of a file in column format.
public struct InteractionRow: Equatable, Sendable {
  /// What the row does with the pair of user and item.
  public enum Operation: String, Sendable { case add, set, delete }

  public var user: [UInt8]
  public var item: [UInt8]
  public var value: Double?
  /// Timestamp in milliseconds since 1970.
  public var timeMilliseconds: Int64?
  /// The type of the event, if a column holds it.
  public var type: [UInt8]?
  /// Identifies repeated events.
  public var id: [UInt8]?
  public var operation: Operation?

  public init(
    user: [UInt8], item: [UInt8], value: Double? = nil, timeMilliseconds: Int64? = nil, type: [UInt8]? = nil, id: [UInt8]? = nil,
    operation: Operation? = nil
  ) {
    self.user = user
    self.item = item
    self.value = value
    self.timeMilliseconds = timeMilliseconds
    self.type = type
    self.id = id
    self.operation = operation
  }
}
