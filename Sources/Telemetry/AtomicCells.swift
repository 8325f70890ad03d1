import Synchronization

/// A fixed number of counters that any thread may raise and read.
///
/// Unchecked: the memory belongs to this object from `init` to `deinit`, and every access to a cell is atomic.
final class AtomicCells: @unchecked Sendable {
  let count: Int
  private let cells: UnsafeMutablePointer<Atomic<UInt64>>

  init(count: Int) {
    self.count = count
    cells = .allocate(capacity: count)
    for index in 0..<count { (cells + index).initialize(to: Atomic(0)) }
  }

  deinit {
    cells.deinitialize(count: count)
    cells.deallocate()
  }

  func add(_ amount: UInt64, at index: Int) {
    assert(index >= 0 && index < count, "cell \(index) of \(count)")
    cells[index].wrappingAdd(amount, ordering: .relaxed)
  }

  func load(_ index: Int) -> UInt64 {
    assert(index >= 0 && index < count, "cell \(index) of \(count)")
    return cells[index].load(ordering: .relaxed)
  }

  func loadAll() -> [UInt64] { (0..<count).map(load) }
}

/// A number with a fraction that any thread may change and read.
struct AtomicDouble: ~Copyable, Sendable {
  private let bits: Atomic<UInt64>

  init(_ value: Double = 0) { bits = Atomic(value.bitPattern) }

  func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
  func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  func update(_ change: (Double) -> Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = change(Double(bitPattern: old)).bitPattern
      let (exchanged, original) = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }
}
