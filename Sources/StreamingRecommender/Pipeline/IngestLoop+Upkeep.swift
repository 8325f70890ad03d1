import Telemetry

// What is looked at several times a second: back-pressure, memory, status, metrics.
extension IngestLoop {
  static let watchEvery = Duration.milliseconds(200)

  func watch() {
    let now = ports.clock.monotonicNanoseconds
    guard now - watchedNanoseconds >= Self.watchEvery.nanoseconds else { return }
    watchedNanoseconds = now
    holdBackPartitions()
    watchMemory()
    pausePartitions()
    updateStatus(now)
  }

  /// A partition whose dead letters cannot be written waits; the others go on.
  func holdBackPartitions() {
    let waiting = ports.deadLetters.unacknowledged
    for (partition, letters) in waiting where letters > Self.lettersMax && !heldPartitions.contains(partition) {
      heldPartitions.insert(partition)
      log.error(
        "\(partition) waits: \(letters) dead letters are not acknowledged; check that \(partition.topic).dlq exists and takes writes")
    }
    for partition in heldPartitions where (waiting[partition] ?? 0) < Self.lettersMin {
      heldPartitions.remove(partition)
      log.info("\(partition) goes on: its dead letters are written")
    }
    if !heldPartitions.isEmpty { metrics.backpressure.with("dead_letters").add(seconds: Self.watchEvery.milliseconds / 1e3) }
  }

  func watchMemory() {
    guard let limit = settings.maxResidentBytes else { return }
    let over = ports.residentBytes() > limit
    if over != isMemoryPaused {
      isMemoryPaused = over
      log.warning(over ? "memory is above limits.max_rss; consuming waits" : "memory is below limits.max_rss again")
    }
    if over { metrics.backpressure.with("memory").add(seconds: Self.watchEvery.milliseconds / 1e3) }
  }

  /// One decision for all reasons to wait: partitions whose dead letters wait, and all of them while memory is short.
  func pausePartitions() {
    let wanted = isMemoryPaused ? source.all : heldPartitions
    for partition in wanted.subtracting(pausedPartitions) { ports.source.setPaused(true, partition) }
    for partition in pausedPartitions.subtracting(wanted) { ports.source.setPaused(false, partition) }
    pausedPartitions = wanted
  }

  func updateStatus(_ now: UInt64) {
    if lag == 0 { caughtUpMilliseconds = ports.clock.wallMilliseconds }
    var next = EngineStatus()
    next.epoch = engine.model?.epoch
    next.visibleEpoch = planner.visibleEpoch
    next.users = engine.store.users.count
    next.items = engine.store.items.count
    next.interactions = engine.store.pairCount
    next.eventsApplied = engine.eventsApplied
    next.source = source
    next.publisher = ports.publisher.status
    next.isActive = next.source.holdsEverything
    next.lagRecords = lag
    next.lagSeconds = lagSeconds
    (next.freshnessP50Milliseconds, next.freshnessP99Milliseconds) = freshness.percentiles(now: MonotonicClock.nanoseconds())
    next.waitingUsers = planner.dirty.count
    next.rollout = planner.rollout.map { "\($0.phase)" }
    next.isHolding = planner.isHolding
    next.lastSnapshotMilliseconds = snapshots.lastMilliseconds
    next.lastSnapshotProblem = snapshots.problem
    next.deadLetterProblem = heldPartitions.isEmpty ? nil : "dead letters cannot be written for \(heldPartitions.sorted())"
    next.eventsSinceFreeze = engine.eventsSinceFreeze
    if let job = jobs.running(.retrain) {
      next.retrainPhase = job.phase
      next.retrainRatio = job.ratio
    }
    next.lastRetrain = lastRetrain
    next.tickedNanoseconds = MonotonicClock.nanoseconds()
    next.fatal = fatal
    status.set(next)
    if !hasCaughtUp, lag == 0 {
      hasCaughtUp = true
      metrics.recoveryDuration.set(Double(now - startedNanoseconds) / 1e9)
    }
    export(next)
  }

  func count(_ update: EngineUpdate, _ batches: [RecordBatch]) {
    let topic = batches[0].source.topic  // a batch of several topics counts under the first
    metrics.eventsConsumed.add(update.consumed, labels: [topic])
    metrics.eventsApplied.add(update.applied.count, labels: [topic])
    for (reason, count) in update.rejected { metrics.eventsRejected.add(count, labels: [topic, reason.rawValue]) }
    for (reason, count) in update.ignored { metrics.eventsIgnored.add(count, labels: [topic, reason.rawValue]) }
    if update.clampedValues > 0 { metrics.eventsClamped.add(update.clampedValues, labels: ["event_value"]) }
    if update.clampedTimestamps > 0 { metrics.eventsClamped.add(update.clampedTimestamps, labels: ["timestamp"]) }
    metrics.eventsKeyMismatch.add(update.keyMismatches)
    metrics.unknownItems.add(update.unknownItems)
    metrics.coalescedUpdates.add(update.applied.count - update.changedUsers.count)
    if !hasCaughtUp { metrics.replayedRecords.add(update.consumed) }
    if let time = batches.lazy.flatMap(\.records).compactMap(\.timestampMilliseconds).max() {
      lastRecordMilliseconds = time
      metrics.lastEventTimestamp.set(Double(time) / 1e3)
    }
    if !update.applied.isEmpty { metrics.lastAppliedTimestamp.set(Double(ports.clock.wallMilliseconds) / 1e3) }
  }

  func export(_ status: EngineStatus) {
    metrics.users.set(Double(status.users))
    metrics.items.set(Double(status.items))
    metrics.interactions.set(Double(status.interactions))
    metrics.modelEpoch.set(Double(status.epoch ?? 0))
    metrics.modelTrainedTimestamp.set(Double(engine.model?.trainedAtMilliseconds ?? 0) / 1e3)
    metrics.partitionsAssigned.set(Double(status.source.assigned.count))
    for (partition, lag) in status.source.lagRecords {
      metrics.consumerLagRecords.set(Double(lag), labels: [partition.topic, "\(partition.partition)"])
    }
    for partition in status.source.assigned {
      let seconds = status.source.lagRecords[partition] == 0 ? 0 : status.lagSeconds ?? 0
      metrics.consumerLagSeconds.set(seconds, labels: [partition.topic, "\(partition.partition)"])
    }
    metrics.kafkaUp.set(status.source.isUp ? 1 : 0)
    if let roundTrip = status.source.brokerRoundTripSeconds { metrics.kafkaBrokerRoundTrip.set(roundTrip, labels: ["0.99"]) }
    for (code, count) in status.source.errors { metrics.kafkaErrors.with(code).raise(to: Double(count)) }
    metrics.offsetGaps.with(engine.settings.topics[0]).raise(to: Double(status.source.offsetGaps))
    metrics.redisUp.set(status.publisher.isUp ? 1 : 0)
    metrics.publishQueueLength.set(Double(status.publisher.queuedCommands + status.waitingUsers))
    metrics.publishOldest.set(status.publisher.oldestSeconds)
    metrics.redisReconnects.raise(to: Double(status.publisher.reconnects))
    for (kind, count) in status.publisher.published { metrics.publishKeys.with(kind).raise(to: Double(count)) }
    for (kind, bytes) in status.publisher.publishedBytes { metrics.publishBytes.with(kind).raise(to: Double(bytes)) }
    for (kind, count) in status.publisher.errors { metrics.publishErrors.with(kind).raise(to: Double(count)) }
    metrics.deadLetterFailures.with(engine.settings.topics[0]).raise(to: Double(ports.deadLetters.failures))
    metrics.nonfiniteVectors.with("fold_in").raise(to: Double(engine.nonFiniteVectors))
    metrics.retrainProgress.set(status.retrainRatio)
  }
}
