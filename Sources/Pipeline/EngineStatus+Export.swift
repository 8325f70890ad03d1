import StreamingRecommender
import Telemetry

// Exports values of the loop as metrics.

extension EngineUpdate {
  /// - Parameter isReplay: whether the engine is still catching up with the log after its start.
  func count(in metrics: EngineMetrics, isReplay: Bool) {
    for (topic, counts) in topics {
      metrics.eventsConsumed.add(counts.consumed, labels: [topic])
      metrics.eventsApplied.add(counts.applied, labels: [topic])
      for (reason, count) in counts.rejected { metrics.eventsRejected.add(count, labels: [topic, reason.rawValue]) }
      for (reason, count) in counts.ignored { metrics.eventsIgnored.add(count, labels: [topic, reason.rawValue]) }
    }
    if clampedValues > 0 { metrics.eventsClamped.add(clampedValues, labels: ["event_value"]) }
    if clampedTimestamps > 0 { metrics.eventsClamped.add(clampedTimestamps, labels: ["timestamp"]) }
    if unreadableTimestamps > 0 { metrics.eventsTimestampReplaced.add(unreadableTimestamps) }
    if !unknownTombstones.isEmpty { metrics.tombstonesUnknown.add(unknownTombstones.count) }
    metrics.eventsKeyMismatch.add(keyMismatches)
    metrics.unknownItems.add(unknownItems)
    metrics.coalescedUpdates.add(applied.count - changedUsers.count)
    if isReplay { metrics.replayedRecords.add(consumed) }
  }
}

extension RetrainRecord {
  func count(in metrics: EngineMetrics) {
    metrics.retrains.add(1, labels: [result == .accepted ? "ok" : result.rawValue])
    for phase in secondsPerPhase { metrics.retrainDuration.set(phase.seconds, labels: [phase.name]) }
    if let quality = qualityNew { metrics.modelQuality.set(quality, labels: ["recall_at_20", "holdout"]) }
    if let churn { metrics.listChurn.set(churn.drift) }
    if result == .accepted { metrics.lastSuccessfulRetrainTimestamp.set(Double(endedAtMilliseconds) / 1e3) }
  }
}

extension SnapshotReceipt {
  func count(in metrics: EngineMetrics, atMilliseconds now: Int64) {
    metrics.snapshots.add(1, labels: ["ok"])
    metrics.snapshotBytes.set(Double(bytes))
    metrics.snapshotDuration.set(seconds)
    metrics.lastSuccessfulSnapshotTimestamp.set(Double(now) / 1e3)
  }
}

extension Attribution {
  func export(to metrics: EngineMetrics) {
    for (counts, family) in [(clicks, metrics.attributed), (impressions, metrics.impressions)] {
      for (origin, count) in counts { family.with(origin.source.rawValue, origin.rule, "\(origin.arm)").raise(to: Double(count)) }
    }
    for (rank, count) in zip(Self.ranks, clicksByRank) where count > 0 { metrics.attributedRank.with("\(rank)").raise(to: Double(count)) }
    for (reason, count) in unattributed { metrics.unattributed.with(reason.rawValue).raise(to: Double(count)) }
  }
}

extension EngineStatus {
  func export(to metrics: EngineMetrics, engine: RecommenderEngine, deadLetterFailures: Int) {
    exportState(to: metrics)
    exportSource(to: metrics, topic: engine.settings.topics[0])
    exportPublisher(to: metrics)
    exportQuality(to: metrics)
    exportArchive(to: metrics)
    engine.attribution.export(to: metrics)
    metrics.deadLetterFailures.with(engine.settings.topics[0]).raise(to: Double(deadLetterFailures))
    metrics.nonfiniteVectors.with("fold_in").raise(to: Double(engine.nonFiniteVectors))
    metrics.mergedUsers.set(Double(engine.state.merged.count))
    metrics.mergedUsersDropped.raise(to: Double(engine.state.merged.dropped))
    metrics.retrainProgress.set(retrainRatio)
  }

  private func exportState(to metrics: EngineMetrics) {
    metrics.users.set(Double(users))
    metrics.items.set(Double(items))
    metrics.itemDocuments.set(Double(itemDocuments ?? 0))
    metrics.hiddenItems.set(Double(hiddenItems))
    metrics.interactions.set(Double(interactions))
    for (part, bytes) in [
      ("interactions", size.interactions), ("users", size.users), ("items", size.items), ("factors", size.factors),
    ] { metrics.stateBytes.set(Double(bytes), labels: [part]) }
    metrics.modelEpoch.set(Double(epoch ?? 0))
    metrics.modelTrainedTimestamp.set(Double(modelTrainedAtMilliseconds ?? 0) / 1e3)
  }

  private func exportQuality(to metrics: EngineMetrics) {
    for (source, tally) in quality.totals {
      metrics.liveEvents.with(source.rawValue).raise(to: Double(tally.events))
      metrics.liveHits.with(source.rawValue).raise(to: Double(tally.hits))
      metrics.livePopularHits.with(source.rawValue).raise(to: Double(tally.popularHits))
      metrics.liveReciprocalRanks.with(source.rawValue).raise(to: tally.reciprocalRanks)
    }
    metrics.shadowEvents.set(Double(shadow?.hits.events ?? 0))
    metrics.shadowHits.set(Double(shadow?.hits.liveHits ?? 0), labels: ["live"])
    metrics.shadowHits.set(Double(shadow?.hits.shadowHits ?? 0), labels: ["shadow"])
    metrics.modelDrift.set(drift ?? 0)
    metrics.retrainsPaused.set(rolledBackTo == nil ? 0 : 1)
  }

  private func exportArchive(to metrics: EngineMetrics) {
    guard let archive else { return }
    metrics.archivedRows.raise(to: Double(archive.rows))
    metrics.archiveBytes.raise(to: Double(archive.bytes))
    metrics.archiveFiles.raise(to: Double(archive.files))
    metrics.archiveFailures.raise(to: Double(archive.failures))
    metrics.archiveWaiting.set(Double(archive.waitingRows))
  }

  private func exportSource(to metrics: EngineMetrics, topic: String) {
    metrics.partitionsAssigned.set(Double(source.assigned.count))
    for (partition, lag) in source.lagRecords {
      metrics.consumerLagRecords.set(Double(lag), labels: [partition.topic, "\(partition.partition)"])
    }
    for partition in source.assigned {
      let seconds = source.lagRecords[partition] == 0 ? 0 : lagSeconds ?? 0
      metrics.consumerLagSeconds.set(seconds, labels: [partition.topic, "\(partition.partition)"])
    }
    metrics.kafkaUp.set(source.isUp ? 1 : 0)
    if let roundTrip = source.brokerRoundTripSeconds { metrics.kafkaBrokerRoundTrip.set(roundTrip, labels: ["0.99"]) }
    for (code, count) in source.errors { metrics.kafkaErrors.with(code).raise(to: Double(count)) }
    metrics.offsetGaps.with(topic).raise(to: Double(source.offsetGaps))
  }

  private func exportPublisher(to metrics: EngineMetrics) {
    metrics.redisUp.set(publisher.isUp ? 1 : 0)
    metrics.publishQueueLength.set(Double(publisher.queuedCommands + waitingUsers))
    metrics.publishOldest.set(publisher.oldestSeconds)
    metrics.redisReconnects.raise(to: Double(publisher.reconnects))
    for (kind, count) in publisher.published { metrics.publishKeys.with(kind).raise(to: Double(count)) }
    for (kind, bytes) in publisher.publishedBytes { metrics.publishBytes.with(kind).raise(to: Double(bytes)) }
    for (kind, count) in publisher.errors { metrics.publishErrors.with(kind).raise(to: Double(count)) }
  }
}
