import Factorization

/// How transitions are counted and what they add to a score: the sparse second part of it.
public struct TransitionRules: Sendable, Equatable {
  /// Factor of the part in the score.
  public var weight: Float
  /// Newest own items that lead somewhere.
  public var last: Int
  /// Weight of each older one against the one after it.
  public var decay: Float
  /// Least weight of a step after a pause, and how long a pause must be to matter.
  public var gapFloor: Float
  public var gapScaleMilliseconds: Float
  /// Weight of the reverse direction.
  public var backward: Float
  /// Successors kept per item.
  public var successors: Int
  /// Added to an item's total before its counts are divided by it.
  public var shrinkage: Float

  public init(
    weight: Float = 10, last: Int = 20, decay: Float = 0.7, gapFloor: Float = 0.1, gapScaleMilliseconds: Float = 120_000,
    backward: Float = 0.3, successors: Int = 100, shrinkage: Float = 20
  ) {
    self.weight = weight
    self.last = last
    self.decay = decay
    self.gapFloor = gapFloor
    self.gapScaleMilliseconds = gapScaleMilliseconds
    self.backward = backward
    self.successors = successors
    self.shrinkage = shrinkage
  }

  /// Weight of a step of `gapMilliseconds`, in (0, 1].
  func weight(gapMilliseconds: Int64) -> Float {
    gapFloor + (1 - gapFloor) * exponential(-Float(max(0, gapMilliseconds)) / gapScaleMilliseconds)
  }
}

/// What came after what: for each item its total and its largest successors.
///
/// A value in chunks that a frozen copy shares. Memory is bounded by items x (successors x 8 bytes).
public struct TransitionCounts: Sendable, Equatable {
  public struct Successor: Sendable, Equatable {
    public var item: Int32
    public var count: Float
  }

  struct Row: Sendable, Equatable {
    /// Of all that was ever counted, what was evicted included.
    var total: Float = 0
    var successors: [Successor] = []
  }

  static let itemsPerChunk = 512

  public let successorsMax: Int
  private var chunks: [[Row]] = []
  public private(set) var entries = 0

  public init(successorsMax: Int) { self.successorsMax = successorsMax }

  var bytes: Int { entries * MemoryLayout<Successor>.stride + chunks.count * Self.itemsPerChunk * MemoryLayout<Row>.stride }

  /// Items below this may have a row.
  var capacity: Int { chunks.count * Self.itemsPerChunk }

  func row(_ item: Int32) -> Row {
    let chunk = Int(item) / Self.itemsPerChunk
    return chunk < chunks.count ? chunks[chunk][Int(item) % Self.itemsPerChunk] : Row()
  }

  mutating func restore(_ item: Int32, _ row: Row) {
    grow(toHold: item)
    entries += row.successors.count
    chunks[Int(item) / Self.itemsPerChunk][Int(item) % Self.itemsPerChunk] = row
  }

  /// Counts a step from one item to another. A newcomer to a full row wears its smallest entry down and takes its place once that
  /// is the smaller one: a rare successor cannot push out a frequent one, and a new frequent one gets in.
  mutating func add(_ count: Float, from item: Int32, to successor: Int32) {
    grow(toHold: item)
    let most = successorsMax
    let grown = Self.add(
      count, successor, most, to: &chunks[Int(item) / Self.itemsPerChunk][Int(item) % Self.itemsPerChunk])
    if grown { entries += 1 }
  }

  /// Returns whether the row has one more entry.
  private static func add(_ count: Float, _ successor: Int32, _ most: Int, to row: inout Row) -> Bool {
    row.total += count
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

extension RecommenderEngine {
  /// Counts the steps from the user's items before this event to its item, and back.
  mutating func countTransitions(user: Int32, item: Int32, at order: InteractionOrder) {
    guard let rules = settings.transitions else { return }
    var step: Float = 1
    var steps: [(item: Int32, count: Float)] = []
    store.forEachNewestFirst(user) { earlier, strength, time in
      guard earlier != item, strength > 0, time <= order else { return true }
      steps.append((earlier, step * rules.weight(gapMilliseconds: order.timeMilliseconds - time.timeMilliseconds)))
      step *= rules.decay
      return steps.count < rules.last
    }
    for (earlier, count) in steps {
      transitions.add(count, from: earlier, to: item)
      if rules.backward > 0 { transitions.add(rules.backward * count, from: item, to: earlier) }
    }
  }

  /// What the user's newest items add to the scores of their successors; several entries of an item add up, in their order.
  func boosts(_ user: Int32) -> [ScoredItem] {
    guard let rules = settings.transitions else { return [] }
    var boosts: [ScoredItem] = []
    var step = rules.weight
    var found = 0
    var newest: Int64?
    store.forEachNewestFirst(user) { item, strength, order in
      guard strength > 0 else { return true }
      let gap = (newest ?? order.timeMilliseconds) - order.timeMilliseconds
      newest = newest ?? order.timeMilliseconds
      let row = transitions.row(item)
      if !row.successors.isEmpty {
        let scale = step * rules.weight(gapMilliseconds: gap) / (row.total + rules.shrinkage)
        boosts.reserveCapacity(boosts.count + row.successors.count)
        for successor in row.successors { boosts.append(ScoredItem(item: successor.item, score: scale * successor.count)) }
      }
      step *= rules.decay
      found += 1
      return found < rules.last
    }
    return boosts
  }
}
