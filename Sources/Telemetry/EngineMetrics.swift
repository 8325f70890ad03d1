/// One metric with labels: `metrics.eventsApplied.add(3, labels: ["events"])`, or keep the handle of `with("events")`.
public struct MetricFamily<Metric: Sendable>: Sendable {
  public let definition: MetricDefinition
  let registry: MetricRegistry
  let find: @Sendable (MetricRegistry, MetricDefinition, [String]) -> Metric

  /// The metric with these label values, made at the first call. Takes a lock, so keep it where it matters.
  public func with(_ labels: String...) -> Metric { find(registry, definition, labels) }
  public func with(labels: [String]) -> Metric { find(registry, definition, labels) }

  /// Takes the metric with these label values off the page.
  public func remove(labels: [String]) { registry.remove(definition, labels: labels) }
}

extension MetricFamily where Metric == Counter {
  public func add(_ amount: Int = 1, labels: [String]) { with(labels: labels).add(amount) }
}

extension MetricFamily where Metric == Gauge {
  public func set(_ value: Double, labels: [String]) { with(labels: labels).set(value) }
}

extension MetricFamily where Metric == Histogram {
  public func observe(_ value: Double, labels: [String]) { with(labels: labels).observe(value) }
}

/// Handles to all metrics of the engine. Those without labels show from the start, with 0; those with labels from their first value.
public final class EngineMetrics: Sendable {
  public let registry: MetricRegistry

  public let eventsConsumed, eventsApplied, eventsRejected, eventsIgnored, servedLists, eventsClamped: MetricFamily<Counter>
  public let deadLetterMessages, deadLetterFailures, offsetGaps, partitionGapRecords, rebalances: MetricFamily<Counter>
  public let backpressure, nonfiniteVectors, retrains, snapshots: MetricFamily<Counter>
  public let publishKeys, publishBytes, publishErrors, kafkaErrors, adminRequests: MetricFamily<Counter>
  public let eventsKeyMismatch, coalescedUpdates, unknownItems, replayedRecords, redisReconnects: Counter

  public let consumerLagRecords, consumerLagSeconds, stateBytes, modelQuality, retrainDuration: MetricFamily<Gauge>
  public let kafkaBrokerRoundTrip: MetricFamily<Gauge>
  public let lastEventTimestamp, lastAppliedTimestamp, partitionsAssigned, users, items, interactions: Gauge
  public let modelEpoch, modelTrainedTimestamp, retrainProgress, lastSuccessfulRetrainTimestamp: Gauge
  public let snapshotDuration, snapshotBytes, lastSuccessfulSnapshotTimestamp, recoveryDuration: Gauge
  public let publishQueueLength, publishOldest, redisUp, kafkaUp: Gauge

  public let stageDuration: MetricFamily<Histogram>
  public let eventToPublish, foldInBatchSize, redisCommandsDuration: Histogram

  public init(registry: MetricRegistry = MetricRegistry()) {
    self.registry = registry
    func counters(_ definition: MetricDefinition) -> MetricFamily<Counter> {
      MetricFamily(definition: definition, registry: registry) { $0.counter($1, labels: $2) }
    }
    func gauges(_ definition: MetricDefinition) -> MetricFamily<Gauge> {
      MetricFamily(definition: definition, registry: registry) { $0.gauge($1, labels: $2) }
    }
    func histograms(_ definition: MetricDefinition) -> MetricFamily<Histogram> {
      MetricFamily(definition: definition, registry: registry) { $0.histogram($1, labels: $2) }
    }

    eventsConsumed = counters(MetricNames.eventsConsumed)
    eventsApplied = counters(MetricNames.eventsApplied)
    eventsRejected = counters(MetricNames.eventsRejected)
    eventsIgnored = counters(MetricNames.eventsIgnored)
    servedLists = counters(MetricNames.servedLists)
    eventsClamped = counters(MetricNames.eventsClamped)
    eventsKeyMismatch = registry.counter(MetricNames.eventsKeyMismatch)
    deadLetterMessages = counters(MetricNames.deadLetterMessages)
    deadLetterFailures = counters(MetricNames.deadLetterFailures)
    lastEventTimestamp = registry.gauge(MetricNames.lastEventTimestamp)
    lastAppliedTimestamp = registry.gauge(MetricNames.lastAppliedTimestamp)

    consumerLagRecords = gauges(MetricNames.consumerLagRecords)
    consumerLagSeconds = gauges(MetricNames.consumerLagSeconds)
    offsetGaps = counters(MetricNames.offsetGaps)
    partitionGapRecords = counters(MetricNames.partitionGapRecords)
    partitionsAssigned = registry.gauge(MetricNames.partitionsAssigned)
    rebalances = counters(MetricNames.rebalances)

    eventToPublish = registry.histogram(MetricNames.eventToPublish)
    stageDuration = histograms(MetricNames.stageDuration)
    backpressure = counters(MetricNames.backpressure)

    foldInBatchSize = registry.histogram(MetricNames.foldInBatchSize)
    coalescedUpdates = registry.counter(MetricNames.coalescedUpdates)
    nonfiniteVectors = counters(MetricNames.nonfiniteVectors)
    users = registry.gauge(MetricNames.users)
    items = registry.gauge(MetricNames.items)
    interactions = registry.gauge(MetricNames.interactions)
    stateBytes = gauges(MetricNames.stateBytes)
    unknownItems = registry.counter(MetricNames.unknownItems)
    modelEpoch = registry.gauge(MetricNames.modelEpoch)
    modelTrainedTimestamp = registry.gauge(MetricNames.modelTrainedTimestamp)
    modelQuality = gauges(MetricNames.modelQuality)

    retrains = counters(MetricNames.retrains)
    retrainDuration = gauges(MetricNames.retrainDuration)
    retrainProgress = registry.gauge(MetricNames.retrainProgress)
    lastSuccessfulRetrainTimestamp = registry.gauge(MetricNames.lastSuccessfulRetrainTimestamp)

    snapshots = counters(MetricNames.snapshots)
    snapshotDuration = registry.gauge(MetricNames.snapshotDuration)
    snapshotBytes = registry.gauge(MetricNames.snapshotBytes)
    lastSuccessfulSnapshotTimestamp = registry.gauge(MetricNames.lastSuccessfulSnapshotTimestamp)
    recoveryDuration = registry.gauge(MetricNames.recoveryDuration)
    replayedRecords = registry.counter(MetricNames.replayedRecords)

    publishKeys = counters(MetricNames.publishKeys)
    publishBytes = counters(MetricNames.publishBytes)
    publishErrors = counters(MetricNames.publishErrors)
    publishQueueLength = registry.gauge(MetricNames.publishQueueLength)
    publishOldest = registry.gauge(MetricNames.publishOldest)
    redisCommandsDuration = registry.histogram(MetricNames.redisCommandsDuration)
    redisReconnects = registry.counter(MetricNames.redisReconnects)
    redisUp = registry.gauge(MetricNames.redisUp)

    kafkaUp = registry.gauge(MetricNames.kafkaUp)
    kafkaBrokerRoundTrip = gauges(MetricNames.kafkaBrokerRoundTrip)
    kafkaErrors = counters(MetricNames.kafkaErrors)
    adminRequests = counters(MetricNames.adminRequests)
  }

  public func setBuildInfo(version: String, swift: String, librdkafka: String, hiredis: String) {
    registry.gauge(MetricNames.buildInfo, labels: [version, swift, librdkafka, hiredis]).set(1)
  }
}
