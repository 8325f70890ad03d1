/// Counts what a stream of interactions contains, in bounded memory.
public struct InteractionCensus: Sendable {
  public private(set) var rows = 0
  public private(set) var users = DistinctCounter()
  public private(set) var items = DistinctCounter()
  /// Pairs of user and item.
  public private(set) var pairs = DistinctCounter()
  /// Combinations of user, item, type and time.
  private var events = DistinctCounter()
  /// The first and the last time, in milliseconds since 1970.
  public private(set) var times: ClosedRange<Int64>?
  public private(set) var withTime = 0
  public private(set) var withType = 0
  public private(set) var withValue = 0
  /// How many rows have each type; further types than `typesMax` are not listed.
  public private(set) var types: [String: Int] = [:]

  static let typesMax = 100

  public init() {}

  /// Rows that have the user, item, type and time of an earlier one.
  public var repeats: Int { max(0, rows - events.count) }
  public var isExact: Bool { users.isExact && items.isExact && pairs.isExact && events.isExact }

  public mutating func add(_ row: InteractionRow) {
    rows += 1
    let user = CellHash.hash(row.user)
    let item = CellHash.hash(row.item)
    let pair = CellHash.combined(user, item)
    users.insert(user)
    items.insert(item)
    pairs.insert(pair)
    let type = row.type.map { CellHash.hash($0) } ?? 0
    events.insert(CellHash.combined(CellHash.combined(pair, type), UInt64(bitPattern: row.timeMilliseconds ?? .min)))
    if row.value != nil { withValue += 1 }
    if let type = row.type { add(type: String(decoding: type, as: UTF8.self)) }
    if let time = row.timeMilliseconds {
      withTime += 1
      times = min(times?.lowerBound ?? time, time)...max(times?.upperBound ?? time, time)
    }
  }

  private mutating func add(type: String) {
    withType += 1
    if let count = types[type] { types[type] = count + 1 } else if types.count < Self.typesMax { types[type] = 1 }
  }
}
