import StreamingRecommender
import Telemetry

// The topic of items: documents, and items that may not be listed.
extension IngestLoop {
  /// Takes what the topic of items brings. Before it was read to its end once, nothing is published: lists could name hidden items.
  func stepItems() {
    guard let source = ports.items else { return }
    let now = ports.clock.wallMilliseconds
    let batch = source.poll(max: Self.itemsAtOnce, timeout: .zero)
    var hides = false
    var changed: [Identifier] = []
    for part in batch.parts {
      for record in part.records {
        switch engine.applyItem(record, nowMilliseconds: now) {
        case .changed(let id, let hidesOne):
          changed.append(id)
          hides = hides || hidesOne
          metrics.itemRecords.with("applied").add()
        case .rejected(let reason, let message): reject(record, part.source, reason, message)
        }
      }
    }
    for case .fatal(let why) in batch.events { itemProblem = why }
    if engine.advanceItems(toMilliseconds: now) { hides = true }
    planner.makeDue(documentsOf: changed)
    if hides { planner.sweep(users: engine.state.users.partitions.reduce(0) { $0 + $1.capacity }) }
    if !hasReadItems || !batch.parts.isEmpty { noteReading(source.status) }
  }

  private static let itemsAtOnce = 1000

  private func noteReading(_ status: SourceStatus) {
    itemProblem = status.problem ?? status.halted.values.first
    guard !hasReadItems, status.holdsEverything, status.assigned.isSubset(of: status.lagRecords.keys),
      status.lagRecords.values.allSatisfy({ $0 == 0 })
    else { return }
    hasReadItems = true
    itemProblem = nil
    log.info("the topic of items is read", ["items": engine.items.count, "hidden": engine.state.catalogue.hidden.count])
  }

  /// A record that stood in the topic when this process began may have been sent to the dead letters before.
  private func reject(_ record: Record, _ source: TopicPartition, _ reason: String, _ message: String) {
    metrics.itemRecords.with("rejected").add()
    log.warning("a record of items is rejected: \(message)", ["source": "\(source)", "offset": record.offset, "reason": reason])
    if hasReadItems { handle(DeadLetter(source: source, record: record, reason: reason, message: message)) }
  }
}
