import Datasets
import Factorization
import StreamingRecommender

/// The interactions of a file in file order, with users and items as indices into tables of ids.
///
/// It takes 13 bytes per interaction (21 with times), stored in chunks so that growing copies nothing. `matrix` needs 17 more while it
/// runs and keeps 8. Once the chunks are released, the transposition of a training brings the peak to 22 bytes per interaction, or 30
/// with times.
public struct StaticInteractions: Sendable {
  public private(set) var users = IdentifierTable()
  public private(set) var items = IdentifierTable()
  public private(set) var count = 0
  /// What could not be read; `nil` for interactions from memory.
  public private(set) var report: InteractionFile.Report?
  private var chunks: [Chunk] = []
  private let keepsTimes: Bool

  static let eventsPerChunk = 1 << 16
  private static let rowsBetweenProgress = 1 << 13

  private struct Chunk: Sendable {
    var users: [Int32] = []
    var items: [Int32] = []
    var strengths: [Float] = []
    var operations: [UInt8] = []
    /// Milliseconds since 1970; empty if times are not kept.
    var times: [Int64] = []

    init(keepsTimes: Bool) {
      users.reserveCapacity(eventsPerChunk)
      items.reserveCapacity(eventsPerChunk)
      strengths.reserveCapacity(eventsPerChunk)
      operations.reserveCapacity(eventsPerChunk)
      if keepsTimes { times.reserveCapacity(eventsPerChunk) }
    }
  }

  /// One interaction: a change of the pair (user, item).
  struct Event {
    var user: Int32
    var item: Int32
    var strength: Float
    var operation: Interaction.Operation
    /// Milliseconds since 1970; 0 without times.
    var time: Int64
  }

  public init(
    path: String, value: ValueRule = .ignore, keepsTimes: Bool = false, progress: (_ bytesRead: Int) -> Void = { _ in }
  ) throws {
    try self.init(FileInteractions(path, FileInteractions.Settings(value: value)), keepsTimes: keepsTimes, progress: progress)
  }

  /// Reads a file in one pass.
  ///
  /// - Parameters:
  ///   - keepsTimes: whether to keep times, for a split by time.
  ///   - progress: called every few thousand rows with the number of bytes read.
  /// - Throws: `DatasetError`.
  public init(_ source: FileInteractions, keepsTimes: Bool = false, progress: (_ bytesRead: Int) -> Void = { _ in }) throws {
    self.init(keepsTimes: keepsTimes)
    try source.read { interaction in
      if count % Self.rowsBetweenProgress == 0 { progress(source.file.bytesRead) }
      append(interaction)
    }
    report = source.file.report
  }

  public init(_ data: EvaluationData, keepsTimes: Bool = false) {
    self.init(keepsTimes: keepsTimes)
    for interaction in data.interactions { append(interaction) }
    report = data.report
  }

  private init(keepsTimes: Bool) { self.keepsTimes = keepsTimes }

  private mutating func append(_ interaction: Interaction) {
    if count % Self.eventsPerChunk == 0 { chunks.append(Chunk(keepsTimes: keepsTimes)) }
    count += 1
    let last = chunks.count - 1
    chunks[last].users.append(users.intern(interaction.user).index)
    chunks[last].items.append(items.intern(interaction.item).index)
    chunks[last].strengths.append(interaction.strength)
    chunks[last].operations.append(interaction.operation.rawValue)
    if keepsTimes { chunks[last].times.append(interaction.timeMilliseconds) }
  }

  /// Visits the interactions in file order.
  func visit(_ body: (Event) -> Void) {
    for chunk in chunks {
      for at in chunk.users.indices {
        body(
          Event(
            user: chunk.users[at], item: chunk.items[at], strength: chunk.strengths[at],
            operation: Interaction.Operation(rawValue: chunk.operations[at]) ?? .set, time: keepsTimes ? chunk.times[at] : 0))
      }
    }
  }

  /// The times in milliseconds since 1970, in file order.
  var times: [Int64] {
    precondition(keepsTimes, "these interactions were read without times")
    return chunks.flatMap(\.times)
  }
}

/// The pairs of a static data set: one row per user and one column per item, both in the order of their ids.
public struct StaticPairs: Sendable {
  public let users: StaticIdentifiers
  public let items: StaticIdentifiers
  /// users.count x items.count; the columns of a row are ascending.
  public let matrix: InteractionMatrix

  /// Uses all interactions; ids whose pairs were all deleted are included.
  public init(_ interactions: StaticInteractions) {
    self.init(interactions, users: StaticIdentifiers(interactions.users), items: StaticIdentifiers(interactions.items))
  }

  /// Uses only the interactions for which `isKept` returns true; their ids must be included in both tables.
  init(
    _ interactions: StaticInteractions, users: StaticIdentifiers, items: StaticIdentifiers,
    where isKept: (StaticInteractions.Event) -> Bool = { _ in true }
  ) {
    self.users = users
    self.items = items
    matrix = StaticRows.merged(interactions, users, items, where: isKept)
  }
}

/// Converts interactions in file order to rows of pairs.
private enum StaticRows {
  /// Applies a pair's changes in order: `set` replaces, `add` adds, `delete` removes.
  static func merged(
    _ interactions: StaticInteractions, _ users: StaticIdentifiers, _ items: StaticIdentifiers,
    where isKept: (StaticInteractions.Event) -> Bool
  ) -> InteractionMatrix {
    var ends = [Int](repeating: 0, count: users.count + 1)
    interactions.visit { event in if isKept(event) { ends[Int(users.places[Int(event.user)]) + 1] += 1 } }
    for row in 0..<users.count { ends[row + 1] += ends[row] }
    let total = ends[users.count]
    var columns = [Int32](repeating: 0, count: total)
    var strengths = [Float](repeating: 0, count: total)
    var operations = [UInt8](repeating: 0, count: total)
    // The first free position of each row; after the loop, the row's end.
    interactions.visit { event in
      guard isKept(event) else { return }
      let row = Int(users.places[Int(event.user)])
      columns[ends[row]] = items.places[Int(event.item)]
      strengths[ends[row]] = event.strength
      operations[ends[row]] = event.operation.rawValue
      ends[row] += 1
    }
    var matrix = InteractionMatrix(columns: items.count)
    matrix.reserve(rows: users.count, entries: total)
    var order: [UInt64] = []
    var start = 0
    for row in 0..<users.count {
      appendRow(start..<ends[row], columns, strengths, operations, to: &matrix, &order)
      start = ends[row]
    }
    return matrix
  }

  /// - Parameter order: a scratch buffer for sorting.
  private static func appendRow(
    _ row: Range<Int>, _ columns: [Int32], _ strengths: [Float], _ operations: [UInt8], to matrix: inout InteractionMatrix,
    _ order: inout [UInt64]
  ) {
    order.removeAll(keepingCapacity: true)
    // The column in the high bits and the position in the low ones, so that equal columns keep file order.
    for at in row { order.append(UInt64(columns[at]) << 32 | UInt64(at - row.lowerBound)) }
    order.sort()
    var next = 0
    while next < order.count {
      let column = order[next] >> 32
      var strength: Float?
      while next < order.count, order[next] >> 32 == column {
        let at = row.lowerBound + Int(order[next] & 0xFFFF_FFFF)
        switch Interaction.Operation(rawValue: operations[at]) {
        case .delete: strength = nil
        case .add: strength = (strength ?? 0) + strengths[at]
        case .once: strength = Interaction.stronger(strength ?? 0, strengths[at])
        case .set, nil: strength = strengths[at]
        }
        next += 1
      }
      if let strength { matrix.append(column: Int32(column), strength: strength) }
    }
    matrix.endRow()
  }
}
