/// Writes the sections of one snapshot. Removed users are left out, so the index of a user in the file is its position among the present
/// users of its partition.
struct SnapshotWriter {
  private let snapshot: Snapshot
  private let state: EngineState
  private static let usersPerSection = 4096
  private static let itemsPerSection = 16_384

  init(_ snapshot: Snapshot) {
    self.snapshot = snapshot
    state = snapshot.state
  }

  func writeWhole(to sink: SnapshotSink) throws {
    try SnapshotFraming.write(.engine, to: sink, writeEngine)
    try SnapshotFraming.write(.lifecycle, to: sink) {
      $0.write(snapshot.epoch)
      $0.write(snapshot.rolledOutEpoch)
    }
    try SnapshotFraming.write(.offsets, to: sink) { writeOffsets(state.offsets, &$0) }
    try SnapshotFraming.write(.items, to: sink, writeItems)
    try SnapshotFraming.write(.trend, to: sink, writeTrend)
    try SnapshotFraming.write(.model, to: sink, writeModel)
    for first in stride(from: 0, to: state.catalogue.transitions.capacity, by: Self.itemsPerSection) {
      try SnapshotFraming.write(.transitions, to: sink) { writeTransitions(first, &$0) }
    }
    for partition in state.users.partitions { try write(partition, to: sink) }
    try SnapshotFraming.write(.forgotten, to: sink, writeForgotten)
    try writeRecentEvents(to: sink) { _ in true }
    if !state.merged.isEmpty { try SnapshotFraming.write(.merged, to: sink, writeMergedUsers) }
    if !state.catalogue.gone.isEmpty { try SnapshotFraming.write(.goneItems, isOptional: true, to: sink, writeGoneItems) }
    if let prior = snapshot.model?.prior {
      try SnapshotFraming.write(.itemPrior, isOptional: true, to: sink) { Self.writeItemPrior(prior, &$0) }
    }
    if let windows = state.catalogue.windows {
      try SnapshotFraming.write(.trendWindows, isOptional: true, to: sink) { $0.write(blob: windows.encoded()) }
    }
    if let epoch = snapshot.rolledBackTo { try SnapshotFraming.write(.retrainPause, isOptional: true, to: sink) { $0.write(epoch) } }
    if let promotion = snapshot.promotion {
      try SnapshotFraming.write(.promotion, isOptional: true, to: sink) { promotion.write(to: &$0) }
    }
    if !snapshot.deadLetters.isEmpty { try SnapshotFraming.write(.deadLetters, to: sink, writeDeadLetters) }
  }

  func writeOnly(_ number: Int32, to sink: SnapshotSink) throws {
    try SnapshotFraming.write(.engine, to: sink, writeEngine)
    let offsets = PartitionOffsets(state.offsets.next.filter { $0.key.partition == number })
    try SnapshotFraming.write(.offsets, to: sink) { writeOffsets(offsets, &$0) }
    try SnapshotFraming.write(.items, to: sink, writeItems)
    try write(state.users.partitions[Int(number)], to: sink)
    try writeRecentEvents(to: sink) { $0.partition == number }
  }

  // MARK: Shared state

  private func writeEngine(_ writer: inout ByteWriter) {
    writer.write(snapshot.sequence)
    writer.write(state.eventsApplied)
    writer.write(count: snapshot.eventsSinceFreeze)
    writer.write(state.users.newestTimeMilliseconds)
    writer.write(count: state.topics.names.count)
    for topic in state.topics.names { writer.write(name: Array(topic.utf8)) }
    writer.write(count: state.users.partitions.count)
    writer.write(UInt8(state.hasStrayRecords ? 1 : 0))
  }

  private func writeOffsets(_ offsets: PartitionOffsets, _ writer: inout ByteWriter) {
    writer.write(count: offsets.next.count)
    for (partition, offset) in offsets.next.sorted(by: { $0.key < $1.key }) {
      writer.write(name: Array(partition.topic.utf8))
      writer.write(partition.partition)
      writer.write(offset)
      let mark = state.marks[partition].flatMap { $0.offset == offset - 1 ? $0 : nil }
      writer.write(mark?.timestampMilliseconds ?? -1)
      writer.write(UInt8(mark == nil ? 0 : 1))
      writer.write(mark?.checksum ?? 0)
    }
  }

  private func writeItems(_ writer: inout ByteWriter) {
    let items = state.catalogue.items
    writer.write(count: items.capacity)
    for item in 0..<Int32(items.capacity) { writer.write(name: items.name(item)) }
  }

  private func writeTrend(_ writer: inout ByteWriter) {
    let trend = state.catalogue.trend
    writer.write(trend.halfLife ?? 0)
    writer.write(trend.growth)
    writer.write(trend.total)
    writer.write(trend.sumOfSquares)
    writer.write(count: trend.accumulators.count)
    writer.write(floats: trend.accumulators)
  }

  private func writeTransitions(_ first: Int, _ writer: inout ByteWriter) {
    let transitions = state.catalogue.transitions
    let items = min(first + Self.itemsPerSection, transitions.capacity) - first
    writer.write(count: transitions.successorsMax)
    writer.write(count: first)
    writer.write(count: items)
    for item in first..<(first + items) {
      let row = transitions.row(Int32(item))
      writer.write(row.total)
      writer.write(UInt32(row.successors.count))
      for successor in row.successors {
        writer.write(successor.item)
        writer.write(successor.count)
      }
    }
  }

  private func writeModel(_ writer: inout ByteWriter) {
    writeNewItems(&writer)
    guard let model = snapshot.model else {
      writer.write(UInt32(0))
      return
    }
    writer.write(UInt32(model.factors))
    writer.write(model.epoch)
    writer.write(count: model.trainedPairs)
    writer.write(model.trainedAtMilliseconds)
    writer.write(count: model.servedUsers)
    writer.write(floats: model.meanUser)
    writer.write(floats: model.gramian.packed)
    writer.write(floats: model.userGramian.packed)
    writer.write(count: model.itemFactors.rows)
    for item in 0..<model.itemFactors.rows {
      writer.write(model.origins[item].rawValue)
      writer.write(floats: model.itemFactors[item])
    }
  }

  private func writeNewItems(_ writer: inout ByteWriter) {
    let items = state.catalogue.newItems.users.filter { snapshot.model?.isTrained($0.key) != true }
    let places = items.isEmpty ? [] : state.users.partitions.map(places)
    writer.write(count: items.count)
    for (item, users) in items.sorted(by: { $0.key < $1.key }) {
      let present = users.filter(state.users.isPresent)
      writer.write(item)
      writer.write(count: present.count)
      for user in present {
        writer.write(user.partition)
        writer.write(places[Int(user.partition)][Int(user.index)])
      }
    }
  }

  /// Position of each user among the present users, by index.
  private func places(_ partition: UserPartition) -> [Int32] {
    var next: Int32 = 0
    return (0..<Int32(partition.capacity)).map { user in
      defer { if partition.ids.isPresent(user) { next += 1 } }
      return next
    }
  }

  private func writeForgotten(_ writer: inout ByteWriter) {
    let ids = state.forgotten.ids
    writer.write(count: ids.count)
    for (id, confirmedAt) in ids {
      writer.write(name: id.bytes)
      writer.write(confirmedAt ?? -1)
    }
  }

  private func writeRecentEvents(to sink: SnapshotSink, where isIncluded: (TopicPartition) -> Bool) throws {
    for (source, window) in state.recent.sorted(by: { $0.key < $1.key }) where isIncluded(source) {
      try SnapshotFraming.write(.recent, isOptional: true, to: sink) { writer in
        writer.write(name: Array(source.topic.utf8))
        writer.write(source.partition)
        writer.write(count: window.count)
        for fingerprint in window.oldestFirst { writer.write(fingerprint) }
      }
    }
  }

  private func writeMergedUsers(_ writer: inout ByteWriter) {
    let entries = state.merged.oldestFirst
    writer.write(count: entries.count)
    for entry in entries {
      writer.write(name: entry.id.bytes)
      writer.write(name: entry.into.bytes)
    }
  }

  private static func writeItemPrior(_ prior: ItemPrior, _ writer: inout ByteWriter) {
    writer.write(UInt32(prior.factors))
    writer.write(UInt8(prior.titleWords ? 1 : 0))
    writer.write(count: prior.columns.count)
    for feature in prior.columns.sorted(by: { $0.value < $1.value }) { writer.write(blob: Array(feature.key.utf8)) }
    writer.write(floats: prior.weights)
  }

  private func writeGoneItems(_ writer: inout ByteWriter) {
    writer.write(count: state.catalogue.gone.count)
    for item in state.catalogue.gone.sorted() { writer.write(item) }
  }

  private func writeDeadLetters(_ writer: inout ByteWriter) {
    writer.write(count: snapshot.deadLetters.count)
    for letter in snapshot.deadLetters {
      writer.write(name: Array(letter.source.topic.utf8))
      writer.write(letter.source.partition)
      writer.write(letter.record.offset)
      writer.write(letter.record.timestampMilliseconds ?? -1)
      writer.write(blob: letter.record.key)
      writer.write(blob: letter.record.value)
      writer.write(count: letter.record.headers.count)
      for header in letter.record.headers {
        writer.write(blob: Array(header.name.utf8))
        writer.write(blob: header.value)
      }
      writer.write(blob: Array(letter.reason.utf8))
      writer.write(blob: Array(letter.message.utf8))
    }
  }

  // MARK: Users

  private func write(_ partition: UserPartition, to sink: SnapshotSink) throws {
    let users = (0..<Int32(partition.capacity)).filter(partition.ids.isPresent)
    try SnapshotFraming.write(.partition, to: sink) {
      $0.write(partition.number)
      $0.write(count: users.count)
      $0.write(count: partition.evictedFromHistory)
      $0.write(count: partition.evictedFromSeen)
      $0.write(UInt32(snapshot.model?.factors ?? 0))
      $0.write(snapshot.model?.epoch ?? 0)
    }
    for start in stride(from: 0, to: users.count, by: Self.usersPerSection) {
      try SnapshotFraming.write(.users, version: 2, to: sink) { writer in
        let slice = users[start..<min(start + Self.usersPerSection, users.count)]
        writer.write(partition.number)
        writer.write(count: slice.count)
        for user in slice { write(user, of: partition, &writer) }
      }
    }
  }

  private func write(_ user: Int32, of partition: UserPartition, _ writer: inout ByteWriter) {
    writer.write(name: partition.ids.name(user))
    let history = partition.history(user)
    writer.write(count: history.pairs.count)
    for pair in history.pairs {
      writer.write(pair.item)
      writer.write(pair.strength)
      writer.write(pair.rawWord)
      if pair.state == .addedAfterBarrier { writer.write(history.barrier(pair.item)?.word ?? 0) }
    }
    writer.write(count: history.evicted.count)
    for item in history.evicted { writer.write(item) }
    var vectorState = snapshot.model == nil ? .none : partition.served.state(user)
    if vectorState == .current, snapshot.stale.contains(UserReference(partition: partition.number, index: user)) { vectorState = .stale }
    writer.write(vectorState.rawValue)
    if vectorState != .none { partition.served.withVector(user) { writer.write(floats: $0) } }
  }
}
