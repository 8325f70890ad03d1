import StreamingRecommender

/// Collects rows for the archive until there are enough for a file. A value; the loop hands the segments on.
struct ArchiveBuffers: Sendable {
  struct Limits: Sendable {
    /// Rows of a partition that make a segment.
    var segmentRows = 131_072
    /// Rows of all partitions together; above it, the partition with the most rows makes a segment.
    var totalRows = 262_144
  }

  private static let millisecondsPerDay: Int64 = 86_400_000

  private let limits: Limits
  private var open: [TopicPartition: ArchiveSegment] = [:]
  /// The days of the newest segments.
  private var days: [TopicPartition: Int] = [:]
  private(set) var rows = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  /// Adds the rows of a batch and returns the segments that are complete.
  ///
  /// - Parameter nowMilliseconds: no record counts as produced later, so that a wrong clock of a producer opens no day far ahead.
  mutating func add(_ batch: ArchivedBatch, nowMilliseconds: Int64) -> [ArchiveSegment] {
    let produced = min(batch.last.timestampMilliseconds ?? nowMilliseconds, nowMilliseconds)
    // Days only go forward, also from one segment to the next.
    let day = max(Int(max(0, produced) / Self.millisecondsPerDay), days[batch.source] ?? 0)
    days[batch.source] = day
    var complete: [ArchiveSegment] = []
    if let segment = open[batch.source], segment.day < day, let ended = take(batch.source) { complete.append(ended) }
    rows += batch.rows.count
    if open[batch.source] == nil {
      open[batch.source] = ArchiveSegment(source: batch.source, rows: batch.rows, last: batch.last, day: day)
    } else {
      open[batch.source]?.rows += batch.rows
      open[batch.source]?.last = batch.last
    }
    if let count = open[batch.source]?.rows.count, count >= limits.segmentRows, let full = take(batch.source) { complete.append(full) }
    while rows > limits.totalRows, let largest = open.max(by: { $0.value.rows.count < $1.value.rows.count }), let ended = take(largest.key)
    {
      complete.append(ended)
    }
    return complete
  }

  /// Everything, in the order of the partitions.
  mutating func takeAll() -> [ArchiveSegment] { open.keys.sorted().compactMap { take($0) } }

  private mutating func take(_ source: TopicPartition) -> ArchiveSegment? {
    guard let segment = open.removeValue(forKey: source) else { return nil }
    rows -= segment.rows.count
    return segment
  }
}
