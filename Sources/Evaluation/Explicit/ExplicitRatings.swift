import Datasets
import Factorization
import StreamingRecommender

/// The ratings of a file, at most one per pair; users and items are numbered in the order of their ids.
public struct ExplicitRatings: Sendable {
  public struct Rating: Sendable, Equatable {
    public var user: Int32
    public var item: Int32
    public var value: Float
  }

  /// Ids as bytes, because strings can be equal although their bytes differ.
  public private(set) var users: [[UInt8]] = []
  public private(set) var items: [[UInt8]] = []
  /// Sorted by user, then item.
  public private(set) var ratings: [Rating] = []
  /// The number of rows without a rating: unreadable, without a finite value, or replaced by a later rating of the pair.
  public private(set) var droppedRows = 0
  /// What could not be read; `nil` for ratings from memory.
  public private(set) var report: InteractionFile.Report?

  /// Reads a file. A later row of a pair replaces an earlier one; in JSON lines `event_value` is the rating and `op: delete` removes it.
  public init(path: String) throws { try self.init(FileInteractions(path, FileInteractions.Settings(value: .weight))) }

  /// The same, with a file that was opened before.
  public init(_ source: FileInteractions) throws {
    var rows: [Row] = []
    try source.readValued { event, value in
      rows.append(Row(user: event.user, item: event.item, value: event.operation == .delete ? nil : value.map { Float($0) }))
    }
    add(rows)
    report = source.file.report
    droppedRows += source.file.report.badLines + source.ignored
  }

  public init(_ rows: [(user: String, item: String, value: Float)]) {
    add(rows.map { Row(user: Array($0.user.utf8), item: Array($0.item.utf8), value: $0.value) })
  }

  private struct Row {
    var user: [UInt8]
    var item: [UInt8]
    var value: Float?
  }

  private mutating func add(_ rows: [Row]) {
    let (userNames, userIndex) = Self.numbered(rows.lazy.map(\.user))
    let (itemNames, itemIndex) = Self.numbered(rows.lazy.map(\.item))
    users = userNames
    items = itemNames
    var newest: [Int64: Float?] = [:]
    for row in rows {
      let value = row.value.flatMap { $0.isFinite ? $0 : nil }
      newest.updateValue(value, forKey: Int64(userIndex[row.user]!) << 32 | Int64(itemIndex[row.item]!))
    }
    ratings = newest.compactMap { pair, value in
      value.map { Rating(user: Int32(pair >> 32), item: Int32(truncatingIfNeeded: pair), value: $0) }
    }.sorted { ($0.user, $0.item) < ($1.user, $1.item) }
    droppedRows += rows.count - ratings.count
  }

  private static func numbered(_ names: some Sequence<[UInt8]>) -> (names: [[UInt8]], index: [[UInt8]: Int]) {
    let sorted = Set(names).sorted { $0.lexicographicallyPrecedes($1) }
    return (sorted, Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) }))
  }

  /// Returns a matrix with one row per user and all items as columns; `part` is a subset of `ratings` in the same order.
  func matrix(of part: [Rating]) -> InteractionMatrix {
    var matrix = InteractionMatrix(columns: items.count)
    matrix.reserve(rows: users.count, entries: part.count)
    var next = 0
    for user in users.indices {
      while next < part.count, part[next].user == user {
        matrix.append(column: part[next].item, strength: part[next].value)
        next += 1
      }
      matrix.endRow()
    }
    return matrix
  }
}
