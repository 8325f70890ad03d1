/// Makes lists of lines: each user's items, best first, each once.
///
/// Holds the lines of one user at a time. That the lines of a user follow each other is checked with 64 bits of each user's id, about
/// 16 bytes of memory a user.
public struct RankedListGrouping {
  public struct List: Equatable, Sendable {
    public var user: [UInt8]
    /// Best first. Without scores in the file, the score is 1 / place.
    public var items: [Item]
  }

  public struct Item: Equatable, Sendable {
    public var item: [UInt8]
    public var score: Float
  }

  /// A user's lines do not follow each other.
  public struct Split: Error, Equatable, Sendable {
    public var user: [UInt8]
  }

  /// Lines of one user that are held; more are bad lines.
  public static let linesOfUserMax = 10_000

  /// Items that a list keeps.
  public let countMax: Int
  public private(set) var lists = 0
  public private(set) var items = 0
  /// Items that were beyond `countMax`.
  public private(set) var cut = 0
  /// Lists with a rank that no line has.
  public private(set) var listsWithGaps = 0
  /// Lists whose last item has a higher score than the first, so that rank and score contradict each other.
  public private(set) var listsWithRisingScores = 0

  private var rows: [RankedListRow] = []
  private var knownItems: Set<[UInt8]> = []
  private var knownRanks: Set<Int> = []
  private var finished: Set<Int> = []

  public init(countMax: Int) { self.countMax = countMax }

  /// Takes the next line. Returns the list of the user before, if this line is of another one.
  ///
  /// A line that cannot be used is a `fault`; the list before is returned all the same.
  public mutating func add(_ row: RankedListRow) throws(Split) -> (finished: List?, fault: RankedListRow.Fault?) {
    var done: List?
    if let current = rows.first, current.user != row.user { done = finish() }
    guard !finished.contains(row.user.hashValue) else { throw Split(user: row.user) }
    return (done, take(row))
  }

  /// The list of the last user.
  public mutating func finish() -> List? {
    guard let first = rows.first else { return nil }
    defer {
      finished.insert(first.user.hashValue)
      rows.removeAll(keepingCapacity: true)
      knownItems.removeAll(keepingCapacity: true)
      knownRanks.removeAll(keepingCapacity: true)
    }
    let sorted = ordered()
    if first.rank != nil { noteRanks(sorted) }
    let hasScores = sorted.allSatisfy { $0.score != nil }
    let kept = sorted.prefix(countMax)
    lists += 1
    items += kept.count
    cut += sorted.count - kept.count
    return List(
      user: first.user,
      items: kept.enumerated().map { place, row in
        Item(item: row.item, score: hasScores ? Float(row.score ?? 0) : 1 / Float(place + 1))
      })
  }

  private mutating func take(_ row: RankedListRow) -> RankedListRow.Fault? {
    let isRanked = rows.first.map { $0.rank != nil } ?? (row.rank != nil)
    guard isRanked ? row.rank != nil : row.score != nil else {
      return rows.isEmpty
        ? .init("no_score", "has neither a score nor a rank")
        : .init(isRanked ? "no_rank" : "no_score", "has no \(isRanked ? "rank" : "score"), and the lines of the user before it have one")
    }
    if let score = row.score, !Float(score).isFinite { return .init("bad_score", "the score is beyond 32-bit floats") }
    guard !knownItems.contains(row.item) else { return .init("repeated_item", "the user has a line of this item already") }
    if isRanked, let rank = row.rank, knownRanks.contains(rank) {
      return .init("repeated_rank", "the user has an item of rank \(rank) already")
    }
    guard rows.count < Self.linesOfUserMax else {
      return .init("too_many", "the user has more than \(Self.linesOfUserMax) lines")
    }
    rows.append(row)
    knownItems.insert(row.item)
    if isRanked, let rank = row.rank { knownRanks.insert(rank) }
    return nil
  }

  /// By rank where there are ranks, else by score; the order of the lines decides between equal scores.
  private func ordered() -> [RankedListRow] {
    if rows.first?.rank != nil { return rows.sorted { ($0.rank ?? 0) < ($1.rank ?? 0) } }
    let order = rows.indices.sorted { (rows[$0].score ?? 0, $1) > (rows[$1].score ?? 0, $0) }
    return order.map { rows[$0] }
  }

  private mutating func noteRanks(_ sorted: [RankedListRow]) {
    if let first = sorted.first?.rank, let last = sorted.last?.rank, first > 1 || last - first + 1 != sorted.count { listsWithGaps += 1 }
    if let first = sorted.first?.score, let last = sorted.last?.score, last > first { listsWithRisingScores += 1 }
  }
}
