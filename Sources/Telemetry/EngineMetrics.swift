/// Handles to all metrics of the engine, one line each; `MetricNames` says what they mean.
///
/// Metrics without labels, and those whose labels are known in advance, are on the page from the start with 0.
public final class EngineMetrics: Sendable {
  public let registry: MetricRegistry

  // MARK: Events
  public let eventsConsumed = MetricFamily<Counter>(MetricNames.eventsConsumed)
  public let eventsApplied = MetricFamily<Counter>(MetricNames.eventsApplied)
  public let eventsRejected = MetricFamily<Counter>(MetricNames.eventsRejected)
  public let eventsIgnored = MetricFamily<Counter>(MetricNames.eventsIgnored)
  public let eventsClamped = MetricFamily<Counter>(MetricNames.eventsClamped)
  public let eventsTimestampReplaced = Counter(MetricNames.eventsTimestampReplaced)
  public let tombstonesUnknown = Counter(MetricNames.tombstonesUnknown)
  public let mergedUsers = Gauge(MetricNames.mergedUsers)
  public let mergedUsersDropped = Counter(MetricNames.mergedUsersDropped)
  public let eventsKeyMismatch = Counter(MetricNames.eventsKeyMismatch)
  public let deadLetterMessages = MetricFamily<Counter>(MetricNames.deadLetterMessages)
  public let deadLetterFailures = MetricFamily<Counter>(MetricNames.deadLetterFailures)
  public let lastEventTimestamp = Gauge(MetricNames.lastEventTimestamp)
  public let lastAppliedTimestamp = Gauge(MetricNames.lastAppliedTimestamp)

  // MARK: Partitions
  public let consumerLagRecords = MetricFamily<Gauge>(MetricNames.consumerLagRecords)
  public let consumerLagSeconds = MetricFamily<Gauge>(MetricNames.consumerLagSeconds)
  public let offsetGaps = MetricFamily<Counter>(MetricNames.offsetGaps)
  public let partitionGapRecords = MetricFamily<Counter>(MetricNames.partitionGapRecords)
  public let partitionsAssigned = Gauge(MetricNames.partitionsAssigned)
  public let rebalances = MetricFamily<Counter>(MetricNames.rebalances)

  // MARK: Latency
  public let eventToPublish = Histogram(MetricNames.eventToPublish)
  public let stageDuration = MetricFamily<Histogram>(MetricNames.stageDuration)
  public let backpressure = MetricFamily<Counter>(MetricNames.backpressure)
  public let itemRecords = MetricFamily<Counter>(MetricNames.itemRecords)
  public let schemaRequests = MetricFamily<Counter>(MetricNames.schemaRequests)

  // MARK: Model and state
  public let foldInBatchSize = Histogram(MetricNames.foldInBatchSize)
  public let coalescedUpdates = Counter(MetricNames.coalescedUpdates)
  public let nonfiniteVectors = MetricFamily<Counter>(MetricNames.nonfiniteVectors)
  public let users = Gauge(MetricNames.users)
  public let items = Gauge(MetricNames.items)
  public let itemDocuments = Gauge(MetricNames.itemDocuments)
  public let hiddenItems = Gauge(MetricNames.hiddenItems)
  public let interactions = Gauge(MetricNames.interactions)
  public let stateBytes = MetricFamily<Gauge>(MetricNames.stateBytes)
  public let unknownItems = Counter(MetricNames.unknownItems)
  public let modelEpoch = Gauge(MetricNames.modelEpoch)
  public let modelTrainedTimestamp = Gauge(MetricNames.modelTrainedTimestamp)
  public let modelQuality = MetricFamily<Gauge>(MetricNames.modelQuality)

  // MARK: Live quality
  public let liveEvents = MetricFamily<Counter>(MetricNames.liveEvents)
  public let liveHits = MetricFamily<Counter>(MetricNames.liveHits)
  public let livePopularHits = MetricFamily<Counter>(MetricNames.livePopularHits)
  public let liveReciprocalRanks = MetricFamily<Counter>(MetricNames.liveReciprocalRanks)
  public let attributed = MetricFamily<Counter>(MetricNames.attributed)
  public let attributedRank = MetricFamily<Counter>(MetricNames.attributedRank)
  public let impressions = MetricFamily<Counter>(MetricNames.impressions)
  public let unattributed = MetricFamily<Counter>(MetricNames.unattributed)
  public let shadowEvents = Gauge(MetricNames.shadowEvents)
  public let shadowHits = MetricFamily<Gauge>(MetricNames.shadowHits)
  public let modelDrift = Gauge(MetricNames.modelDrift)
  public let listChurn = Gauge(MetricNames.listChurn)
  public let retrainsPaused = Gauge(MetricNames.retrainsPaused)

  // MARK: Retrain
  public let retrains = MetricFamily<Counter>(MetricNames.retrains)
  public let retrainDuration = MetricFamily<Gauge>(MetricNames.retrainDuration)
  public let retrainProgress = Gauge(MetricNames.retrainProgress)
  public let lastSuccessfulRetrainTimestamp = Gauge(MetricNames.lastSuccessfulRetrainTimestamp)

  // MARK: Snapshots and recovery
  public let snapshots = MetricFamily<Counter>(MetricNames.snapshots)
  public let snapshotDuration = Gauge(MetricNames.snapshotDuration)
  public let snapshotBytes = Gauge(MetricNames.snapshotBytes)
  public let lastSuccessfulSnapshotTimestamp = Gauge(MetricNames.lastSuccessfulSnapshotTimestamp)
  public let recoveryDuration = Gauge(MetricNames.recoveryDuration)
  public let replayedRecords = Counter(MetricNames.replayedRecords)
  public let archivedRows = Counter(MetricNames.archivedRows)
  public let archiveBytes = Counter(MetricNames.archiveBytes)
  public let archiveFiles = Counter(MetricNames.archiveFiles)
  public let archiveFailures = Counter(MetricNames.archiveFailures)
  public let archiveWaiting = Gauge(MetricNames.archiveWaiting)

  // MARK: Publishing and Redis
  public let publishKeys = MetricFamily<Counter>(MetricNames.publishKeys)
  public let publishBytes = MetricFamily<Counter>(MetricNames.publishBytes)
  public let publishErrors = MetricFamily<Counter>(MetricNames.publishErrors)
  public let publishQueueLength = Gauge(MetricNames.publishQueueLength)
  public let publishOldest = Gauge(MetricNames.publishOldest)
  public let redisCommandsDuration = Histogram(MetricNames.redisCommandsDuration)
  public let redisReconnects = Counter(MetricNames.redisReconnects)
  public let redisUp = Gauge(MetricNames.redisUp)

  // MARK: Kafka
  public let kafkaUp = Gauge(MetricNames.kafkaUp)
  public let kafkaBrokerRoundTrip = MetricFamily<Gauge>(MetricNames.kafkaBrokerRoundTrip)
  public let kafkaErrors = MetricFamily<Counter>(MetricNames.kafkaErrors)

  // MARK: Control plane
  public let adminRequests = MetricFamily<Counter>(MetricNames.adminRequests)

  // MARK: Registration

  /// Everything above goes into the registry: a metric that is declared here cannot be left off the page.
  public init(registry: MetricRegistry = MetricRegistry()) {
    self.registry = registry
    for (_, member) in Mirror(reflecting: self).children {
      if let family = member as? any RegisteredFamily {
        registry.add(family)
      } else if let metric = member as? any RegistrableMetric, let definition = metric.definition {
        registry.add(metric.family(definition))
      }
    }
  }

  /// The time of one batch in one stage.
  public func stage(_ stage: MetricNames.Stage) -> Histogram { stageDuration.with(stage.rawValue) }

  public func setBuildInfo(version: String, swift: String, librdkafka: String, hiredis: String) {
    registry.gauge(MetricNames.buildInfo, labels: [version, swift, librdkafka, hiredis]).set(1)
  }
}
