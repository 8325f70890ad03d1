/// Counts of item-to-item transitions: a total and the most frequent successors per item.
///
/// Copies share chunks (copy-on-write). Memory is bounded: about 1.1 KB per item with 100 successors. Full rows use a SpaceSaving variant
/// with decrements (after Metwally et al., 2005): see `add`.
public struct TransitionCounts: Sendable, Equatable {
  /// A successor of an item with its count.
  public struct Successor: Sendable, Equatable {
    public var item: Int32
    public var count: Float
  }

  struct Row: Sendable, Equatable {
    /// Total of all counts, evicted successors included.
    var total: Float = 0
    var successors: [Successor] = []

    mutating func halve() {
      total /= 2
      for index in successors.indices { successors[index].count /= 2 }
    }
  }

  /// A row whose total exceeds this is halved, because `Float` loses small increments in a large sum; old transitions decay as a side
  /// effect.
  private static let totalMax: Float = 65_536

  public let successorsMax: Int
  private var rows = ChunkedArray<Row>()
  public private(set) var entries = 0

  public init(successorsMax: Int) { self.successorsMax = successorsMax }

  /// Estimated memory in bytes; arrays grow by doubling, so capacity is assumed to be 1.5 times the count.
  var bytes: Int {
    entries * MemoryLayout<Successor>.stride * 3 / 2 + rows.count * (MemoryLayout<Row>.stride + 32)
  }

  /// Upper bound of item indices that may have a row.
  var capacity: Int { rows.count }

  func row(_ item: Int32) -> Row { Int(item) < rows.count ? rows[Int(item)] : Row() }

  public static func == (a: TransitionCounts, b: TransitionCounts) -> Bool {
    a.successorsMax == b.successorsMax && (0..<Int32(max(a.capacity, b.capacity))).allSatisfy { a.row($0) == b.row($0) }
  }

  /// Restores a row from a snapshot. If the row exceeds `successorsMax`, the largest counters are kept.
  mutating func restore(_ item: Int32, _ row: Row) {
    grow(toHold: item)
    var row = row
    if row.successors.count > successorsMax {
      row.successors = Array(row.successors.sorted { $0.count == $1.count ? $0.item < $1.item : $0.count > $1.count }.prefix(successorsMax))
    }
    entries += row.successors.count - rows[Int(item)].successors.count
    rows[Int(item)] = row
  }

  /// Counts a transition. When a row is full, a new successor decrements the smallest counter and replaces it once larger, so a rare
  /// successor cannot evict a frequent one.
  mutating func add(_ count: Float, from item: Int32, to successor: Int32) {
    guard count > 0 else { return }
    grow(toHold: item)
    let most = successorsMax
    if Self.add(count, successor, most, to: &rows[Int(item)]) { entries += 1 }
  }

  /// Subtracts a counted transition. A successor that was evicted since is not restored.
  mutating func subtract(_ count: Float, from item: Int32, to successor: Int32) {
    guard Int(item) < rows.count else { return }
    rows[Int(item)].total = max(0, rows[Int(item)].total - count)
    guard let at = rows[Int(item)].successors.firstIndex(where: { $0.item == successor }) else { return }
    rows[Int(item)].successors[at].count = max(0, rows[Int(item)].successors[at].count - count)
  }

  /// Returns whether the row gained an entry.
  private static func add(_ count: Float, _ successor: Int32, _ most: Int, to row: inout Row) -> Bool {
    row.total += count
    if row.total > totalMax { row.halve() }
    let isDone = row.successors.withUnsafeMutableBufferPointer { entries in
      var smallest = 0
      for index in entries.indices {
        if entries[index].item == successor {
          entries[index].count += count
          return true
        }
        if entries[index].count < entries[smallest].count { smallest = index }
      }
      guard entries.count >= most else { return false }
      if entries[smallest].count <= count {
        entries[smallest] = Successor(item: successor, count: count)
      } else {
        entries[smallest].count -= count
      }
      return true
    }
    if isDone { return false }
    row.successors.append(Successor(item: successor, count: count))
    return true
  }

  private mutating func grow(toHold item: Int32) { rows.grow(to: Int(item) + 1, with: Row()) }
}
