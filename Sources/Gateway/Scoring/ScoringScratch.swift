import Factorization
import Synchronization

/// Memory that scoring uses and leaves behind for the next request.
///
/// `@unchecked Sendable` is sound because `ScratchPool` lends each one to one thread at a time.
public final class ScoringScratch: @unchecked Sendable {
  let selector = TopNSelector()
  let candidates = CandidateSelector()
  var scores: [Float] = []
  var compact: [Float] = []
  var kept: [Int32] = []
  var excluded = ItemMarks()
  private var workspace: (factors: Int, workspace: RowSolver.Workspace)?

  public init() {}

  func workspace(factors: Int) -> RowSolver.Workspace {
    if let workspace, workspace.factors == factors { return workspace.workspace }
    let made = RowSolver.Workspace(factors: factors)
    workspace = (factors, made)
    return made
  }
}

/// Item numbers that are marked for the duration of one computation; clearing costs as much as marking, not as the catalogue.
struct ItemMarks {
  private var words: [UInt64] = []
  private var marked: [Int32] = []

  func contains(_ item: Int32) -> Bool {
    let word = Int(item) >> 6
    return word < words.count && words[word] >> UInt64(item & 63) & 1 == 1
  }

  mutating func insert(_ item: Int32) {
    let word = Int(item) >> 6
    if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
    words[word] |= 1 << UInt64(item & 63)
    marked.append(item)
  }

  mutating func removeAll() {
    for item in marked { words[Int(item) >> 6] = 0 }
    marked.removeAll(keepingCapacity: true)
  }
}

/// Lends scratch memory to threads: at most as many exist as threads ever computed at the same time.
public final class ScratchPool: Sendable {
  private let free = Mutex<[ScoringScratch]>([])

  public init() {}

  public func withScratch<Result>(_ body: (ScoringScratch) throws -> Result) rethrows -> Result {
    let scratch = free.withLock { $0.popLast() } ?? ScoringScratch()
    defer { free.withLock { $0.append(scratch) } }
    return try body(scratch)
  }
}
