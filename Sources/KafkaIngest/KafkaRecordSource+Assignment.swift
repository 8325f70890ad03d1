import CRdKafka
import StreamingRecommender
import Telemetry

// Which partitions are read, from where, and what happens where the log does not hold what we need.
extension KafkaRecordSource {
  /// Called by librdkafka from inside `poll` and `close`.
  func rebalance(_ code: rd_kafka_resp_err_t, _ partitions: KafkaCallbacks.OpaquePartitionList) {
    known.rebalances += 1
    switch code {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
      let incremental = client.usesIncrementalRebalance
      let assigned = partitions.elements.map { TopicPartition($0) }
      openReaders(assigned, others: incremental)
      for (index, id) in assigned.enumerated() { partitions.elements[index].offset = fetchOffset(of: id) }
      noteCode(incremental ? client.incrementalAssign(partitions) : client.assign(partitions), "assigning partitions")
      inspector.lookUpCommitted(assigned.filter { known.committed[$0] == nil })
      events.append(.assigned(assigned.sorted()))
    default:
      let revoked = partitions.elements.map { TopicPartition($0) }
      closeReaders(Set(revoked))
      let incremental = client.usesIncrementalRebalance
      noteCode(incremental ? client.incrementalUnassign(partitions) : client.assign(nil), "giving partitions back")
      events.append(.revoked(revoked.sorted()))
    }
  }

  /// All partitions of all topics, without a group.
  func assignDirectly() {
    isAssignedDirectly = true
    let assigned = known.all.sorted()
    let list = PartitionList(capacity: assigned.count)
    openReaders(assigned, others: false)
    for id in assigned { list.append(id, offset: fetchOffset(of: id)) }
    noteCode(client.assign(list.pointer), "assigning partitions")
    events.append(.assigned(assigned))
  }

  /// Before the assignment, so that no record finds its way into the common queue.
  private func openReaders(_ assigned: [TopicPartition], others: Bool) {
    if !others { closeReaders(Set(readers.map(\.id))) }
    for id in assigned {
      guard let queue = KafkaQueue(partition: id, of: client) else { continue }
      queue.wake(wakes)
      let reader = PartitionReader(id, queue: queue, next: positions[id], mark: marks[id])
      reader.isPaused = paused.contains(id)
      readers.append(reader)
    }
  }

  /// The position is kept: if the partition is assigned again, reading continues there.
  private func closeReaders(_ revoked: Set<TopicPartition>) {
    for reader in readers where revoked.contains(reader.id) {
      positions[reader.id] = reader.position
      marks[reader.id] = reader.mark
    }
    readers.removeAll { revoked.contains($0.id) }
  }

  private func fetchOffset(of id: TopicPartition) -> Int64 {
    readers.first { $0.id == id }?.fetchOffset ?? PartitionList.beginning
  }

  private func noteCode(_ code: rd_kafka_resp_err_t, _ action: String) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    noteError(code, "\(action) failed: \(String(cString: rd_kafka_err2str(code)))")
  }
}

// MARK: - Gaps

extension KafkaRecordSource {
  func inspect(_ reader: PartitionReader, expected: Int64) {
    reader.state = .inspecting(expected: expected)
    inspector.inspect(reader.id)
  }

  /// What to do now that a partition's first and next offset are known.
  func takeWatermarks(_ answer: Result<ClosedRange<Int64>, KafkaError>, of reader: PartitionReader) {
    if case .success(let watermarks) = answer { reader.watermarks = watermarks }
    guard case .inspecting(var expected) = reader.state else { return }
    if case .success(let log) = answer, reader.verification != nil, log.lowerBound > expected {
      // Retention removed the record to compare with.
      reader.verification = nil
      expected = reader.next ?? expected
    }
    switch answer {
    case .failure:
      reader.state = .inspectingAgain(expected: expected, at: MonotonicClock.nanoseconds() + 1_000_000_000)
    case .success(let log) where log.contains(expected):
      // The broker was wrong for a moment, for example while its leader moved.
      resume(reader, at: expected)
    case .success(let log) where expected > log.upperBound:
      // Halts whatever kafka.on_gap says: state from another log with the same offsets would be wrong from then on.
      halt(
        reader, reader.next ?? expected,
        "the next offset is \(reader.next ?? expected) but the log ends at \(log.upperBound): the topic was deleted and created again, or its "
          + "log was cut; restore it, or start with an empty instance.data_dir")
    case .success(let log) where onGap == .earliest:
      let lost = log.lowerBound - expected
      self.log.warning(
        "records are gone from the log before they were read; going on at the earliest, as kafka.on_gap says",
        [
          "topic": reader.id.topic, "partition": reader.id.partition, "offset": expected, "resumed": log.lowerBound, "records": lost,
        ])
      events.append(.gap(reader.id, expected: expected, resumed: log.lowerBound))
      resume(reader, at: log.lowerBound)
    case .success(let log):
      halt(
        reader, expected,
        "\(log.lowerBound - expected) records from offset \(expected) on are gone from the log, which starts at \(log.lowerBound): "
          + "retention is shorter than the outage; set kafka.on_gap = earliest to go on without them")
    }
  }

  func inspectAgainWhereDue() {
    let now = MonotonicClock.nanoseconds()
    for reader in readers {
      if case .inspectingAgain(let expected, let time) = reader.state, now >= time { inspect(reader, expected: expected) }
    }
  }

  private func resume(_ reader: PartitionReader, at offset: Int64) {
    if reader.verification == nil { reader.next = offset }
    reader.state = .reading
    needsReassignment = true
  }

  /// Starts all partitions again where they are. librdkafka refuses to seek in a partition that stopped on an error; the records
  /// it has already fetched of the others are outdated by this and are fetched again.
  func reassignIfNeeded() {
    guard needsReassignment else { return }
    needsReassignment = false
    let list = PartitionList(capacity: readers.count)
    for reader in readers {
      reader.discardFetched()
      if case .halted = reader.state { continue }
      list.append(reader.id, offset: reader.fetchOffset ?? PartitionList.beginning)
    }
    if client.usesIncrementalRebalance {
      noteCode(client.incrementalUnassign(list.pointer), "resuming after a gap")
      noteCode(client.incrementalAssign(list.pointer), "resuming after a gap")
    } else {
      noteCode(client.assign(list.pointer), "resuming after a gap")
    }
  }

  func haltRecreated(_ reader: PartitionReader, _ mark: RecordMark) {
    halt(
      reader, mark.offset + 1,
      "the log does not hold the record that was read at offset \(mark.offset): the topic was deleted and created again, or its log was "
        + "cut; restore it, or start with an empty instance.data_dir")
  }

  /// Stops delivery until the next assignment, which compares the log with what was read.
  func suspendForVerification(where isConcerned: (TopicPartition) -> Bool = { _ in true }) {
    for reader in readers where reader.state == .reading && isConcerned(reader.id) {
      reader.verify()
      if reader.verification != nil { reader.state = .suspended }
    }
  }

  /// Assigns suspended partitions again.
  func verifySuspended(where isConcerned: (TopicPartition) -> Bool = { _ in true }) {
    for reader in readers where reader.state == .suspended && isConcerned(reader.id) {
      reader.state = .reading
      needsReassignment = true
    }
  }

  func halt(_ reader: PartitionReader, _ expected: Int64, _ advice: String) {
    reader.state = .halted(advice)
    events.append(.gap(reader.id, expected: expected, resumed: nil))
    log.error(advice, ["topic": reader.id.topic, "partition": reader.id.partition])
  }
}
