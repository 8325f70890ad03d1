import StreamingRecommender

/// The dead letters that the broker has not acknowledged, bounded in bytes per partition and in total.
///
/// Snapshots contain them, so neither a snapshot nor a new model has to wait for their acknowledgement; after a restart they are sent
/// again. A partition with too many unacknowledged dead letters is paused while the others continue.
struct DeadLetterQueue: Sendable {
  struct Limits: Sendable, Equatable {
    /// The number of bytes at which a partition is paused; it resumes at a quarter of that.
    var partitionBytes = 4 << 20
    /// The number of dead letters at which a partition is paused.
    var partitionCount = 1000
    /// The total number of bytes at which every partition with unacknowledged dead letters is paused.
    var totalBytes = 32 << 20
  }

  typealias Load = DeadLetterLoad

  let limits: Limits
  private var entries: [(sequence: UInt64, letter: DeadLetter)] = []
  private var head = 0
  private(set) var loads: [TopicPartition: Load] = [:]
  private(set) var held: Set<TopicPartition> = []

  init(limits: Limits = Limits()) { self.limits = limits }

  var unacknowledged: [DeadLetter] { entries[head...].map(\.letter) }
  var isEmpty: Bool { head == entries.count }
  var bytes: Int { loads.values.reduce(0) { $0 + $1.bytes } }

  /// Adds a dead letter that was passed to the sink with the number `sequence`.
  mutating func append(_ letter: DeadLetter, sequence: UInt64) {
    entries.append((sequence, letter))
    loads[letter.source, default: Load()].count += 1
    loads[letter.source, default: Load()].bytes += Self.bytes(of: letter)
  }

  mutating func acknowledge(through sequence: UInt64) {
    while head < entries.count, entries[head].sequence <= sequence {
      let letter = entries[head].letter
      loads[letter.source]!.count -= 1
      loads[letter.source]!.bytes -= Self.bytes(of: letter)
      if loads[letter.source]!.count == 0 { loads[letter.source] = nil }
      head += 1
    }
    // Amortised O(1): at most as many entries are moved as were removed.
    if head * 2 > entries.count {
      entries.removeFirst(head)
      head = 0
    }
  }

  /// Recomputes which partitions are paused. Returns the newly paused and the newly resumed ones.
  mutating func updateHeld() -> (new: [TopicPartition], released: [TopicPartition]) {
    let isFull = bytes > limits.totalBytes
    let before = held
    held = Set(loads.filter { isFull || isHeld($0.key, $0.value) }.keys)
    return (held.subtracting(before).sorted(), before.subtracting(held).sorted())
  }

  private func isHeld(_ partition: TopicPartition, _ load: Load) -> Bool {
    let share = held.contains(partition) ? 4 : 1
    return load.bytes > limits.partitionBytes / share || load.count > limits.partitionCount / share
  }

  private static func bytes(of letter: DeadLetter) -> Int { letter.record.bytes + letter.message.utf8.count + 64 }
}
