/// What came after what: for each item its total and its largest successors.
///
/// A value in chunks that a frozen copy shares. Memory is bounded: up to about 1.1 KB an item with 100 successors.
public struct TransitionCounts: Sendable, Equatable {
  public struct Successor: Sendable, Equatable {
    public var item: Int32
    public var count: Float
  }

  struct Row: Sendable, Equatable {
    /// Of all that was ever counted, what was evicted included.
    var total: Float = 0
    var successors: [Successor] = []

    mutating func halve() {
      total /= 2
      for index in successors.indices { successors[index].count /= 2 }
    }
  }

  /// A row that has counted more is halved: Float would lose small counts in a large sum, and what was long ago fades.
  private static let totalMax: Float = 65_536

  static let itemsPerChunk = 512

  public let successorsMax: Int
  private var chunks: [[Row]] = []
  public private(set) var entries = 0

  public init(successorsMax: Int) { self.successorsMax = successorsMax }

  /// Arrays grow by doubling: a row takes up to twice its entries.
  var bytes: Int {
    entries * MemoryLayout<Successor>.stride * 3 / 2 + chunks.count * Self.itemsPerChunk * (MemoryLayout<Row>.stride + 32)
  }

  /// Items below this may have a row.
  var capacity: Int { chunks.count * Self.itemsPerChunk }

  func row(_ item: Int32) -> Row {
    let chunk = Int(item) / Self.itemsPerChunk
    return chunk < chunks.count ? chunks[chunk][Int(item) % Self.itemsPerChunk] : Row()
  }

  /// Puts a row back; the largest of its successors, where it was made under a higher bound.
  mutating func restore(_ item: Int32, _ row: Row) {
    grow(toHold: item)
    var row = row
    if row.successors.count > successorsMax {
      row.successors = Array(row.successors.sorted { $0.count == $1.count ? $0.item < $1.item : $0.count > $1.count }.prefix(successorsMax))
    }
    let old = chunks[Int(item) / Self.itemsPerChunk][Int(item) % Self.itemsPerChunk]
    entries += row.successors.count - old.successors.count
    chunks[Int(item) / Self.itemsPerChunk][Int(item) % Self.itemsPerChunk] = row
  }

  /// Counts a step from one item to another. A newcomer to a full row wears its smallest entry down and takes its place once that
  /// is the smaller one: a rare successor cannot push out a frequent one, and a new frequent one gets in.
  mutating func add(_ count: Float, from item: Int32, to successor: Int32) {
    guard count > 0 else { return }
    grow(toHold: item)
    let most = successorsMax
    let grown = Self.add(
      count, successor, most, to: &chunks[Int(item) / Self.itemsPerChunk][Int(item) % Self.itemsPerChunk])
    if grown { entries += 1 }
  }

  /// Returns whether the row has one more entry.
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

  private mutating func grow(toHold item: Int32) {
    while capacity <= Int(item) { chunks.append([Row](repeating: Row(), count: Self.itemsPerChunk)) }
  }
}
