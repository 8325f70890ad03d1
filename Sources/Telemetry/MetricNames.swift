/// Every metric that Freshet shows, in one table: name, type, help text, labels. Base units; never a user or an item in a label.
public enum MetricNames {
  /// The stages whose time is observed, in the order in which an event passes through them.
  public enum Stage: String, CaseIterable, Sendable {
    /// Records are decoded to interactions and applied to the state.
    case decode
    /// The vectors of changed users are solved.
    case foldIn = "fold_in"
    /// Their lists are computed.
    case score
    /// Lists are encoded as commands and handed to the publisher.
    case publish
  }

  // MARK: Build
  public static let buildInfo = MetricDefinition.gauge(
    "freshet_build_info", "Always 1; the labels say what runs.", labels: ["version", "swift", "librdkafka", "hiredis"])

  // MARK: Events
  public static let eventsConsumed = MetricDefinition.counter(
    "freshet_events_consumed_total", "Records read from Kafka.", labels: ["topic"])
  public static let eventsApplied = MetricDefinition.counter(
    "freshet_events_applied_total", "Events that changed the history of a user.", labels: ["topic"])
  public static let eventsRejected = MetricDefinition.counter(
    "freshet_events_rejected_total", "Records that are not a valid event, by reason.", labels: ["topic", "reason"])
  public static let eventsIgnored = MetricDefinition.counter(
    "freshet_events_ignored_total", "Valid events that changed nothing, by reason.", labels: ["topic", "reason"])
  public static let eventsClamped = MetricDefinition.counter(
    "freshet_events_clamped_total", "Events with a field that was outside its bounds and was set to the nearest bound, by field.",
    labels: ["field"], known: ["field": ["event_value", "timestamp"]])
  public static let eventsTimestampReplaced = MetricDefinition.counter(
    "freshet_events_timestamp_replaced_total", "Events whose time could not be read and which have the time of their record instead.")
  public static let tombstonesUnknown = MetricDefinition.counter(
    "freshet_tombstones_unknown_total", "Tombstones whose key names no known user.")
  public static let mergedUsers = MetricDefinition.gauge(
    "freshet_merged_users", "Ids merged into other users whose later events follow.")
  public static let mergedUsersDropped = MetricDefinition.counter(
    "freshet_merged_users_dropped_total", "Merged ids that were dropped because of input.merged_users.")
  public static let eventsKeyMismatch = MetricDefinition.counter(
    "freshet_events_key_mismatch_total", "Records whose key is not the user of the event.")
  public static let deadLetterMessages = MetricDefinition.counter(
    "freshet_dlq_messages_total", "Records sent to the dead-letter topic.", labels: ["topic"])
  public static let deadLetterFailures = MetricDefinition.counter(
    "freshet_dlq_failures_total", "Records that could not be written to the dead-letter topic.", labels: ["topic"])
  public static let lastEventTimestamp = MetricDefinition.gauge(
    "freshet_last_event_timestamp_seconds", "Record time of the newest record read.")
  public static let lastAppliedTimestamp = MetricDefinition.gauge(
    "freshet_last_applied_timestamp_seconds", "When an event was last applied.")

  // MARK: Partitions
  public static let consumerLagRecords = MetricDefinition.gauge(
    "freshet_consumer_lag_records", "Records in the partition that are not applied yet; assigned partitions only.",
    labels: ["topic", "partition"])
  public static let consumerLagSeconds = MetricDefinition.gauge(
    "freshet_consumer_lag_seconds", "Age of the oldest record that is not applied yet; assigned partitions only.",
    labels: ["topic", "partition"])
  public static let offsetGaps = MetricDefinition.counter(
    "freshet_offset_gaps_total", "Times that the next record had an offset above the expected one.", labels: ["topic"])
  public static let partitionGapRecords = MetricDefinition.counter(
    "freshet_partition_gap_records_total", "Records that were deleted from the log before they were read.", labels: ["topic"])
  public static let partitionsAssigned = MetricDefinition.gauge(
    "freshet_partitions_assigned", "Partitions that this engine reads.")
  public static let rebalances = MetricDefinition.counter(
    "freshet_rebalances_total", "Changes of the partition assignment, by kind: assigned, revoked.", labels: ["kind"],
    known: ["kind": ["assigned", "revoked"]])

  // MARK: Latency
  public static let eventToPublish = MetricDefinition.histogram(
    "freshet_event_to_publish_seconds", "Time from the timestamp of a record to the reply of Redis to the list that covers it.")
  public static let stageDuration = MetricDefinition.histogram(
    "freshet_stage_duration_seconds", "Time that one batch took in a stage: decode, fold_in, score, publish.", labels: ["stage"],
    known: ["stage": Stage.allCases.map(\.rawValue)])
  public static let backpressure = MetricDefinition.counter(
    "freshet_backpressure_seconds_total", "Time during which reading was paused, by cause: archive, dead_letters, memory, schemas.",
    labels: ["cause"],
    known: ["cause": ["archive", "dead_letters", "memory", "schemas"]])
  public static let schemaRequests = MetricDefinition.counter(
    "freshet_schema_registry_requests_total", "Requests to the schema registry, by result: ok, unknown, failed.", labels: ["result"],
    known: ["result": ["ok", "unknown", "failed"]])
  public static let itemRecords = MetricDefinition.counter(
    "freshet_item_records_total", "Records of the topic of items, by result: applied, rejected.", labels: ["result"],
    known: ["result": ["applied", "rejected"]])

  // MARK: Model and state
  public static let itemDocuments = MetricDefinition.gauge("freshet_item_documents", "Documents of items that the engine holds.")
  public static let hiddenItems = MetricDefinition.gauge(
    "freshet_hidden_items", "Items that lists leave out because they are hidden, deleted or out of date.")
  public static let foldInBatchSize = MetricDefinition.histogram(
    "freshet_foldin_batch_size", "Users whose lists were made in one batch.", bounds: MetricDefinition.sizeBounds)
  public static let coalescedUpdates = MetricDefinition.counter(
    "freshet_coalesced_updates_total", "Events of a user that needed no list of their own because the same batch held a later one.")
  public static let nonfiniteVectors = MetricDefinition.counter(
    "freshet_nonfinite_vectors_total", "Vectors with a component that is not finite; they are not used.", labels: ["where"],
    known: ["where": ["fold_in"]])
  public static let users = MetricDefinition.gauge("freshet_users", "Users with a history.")
  public static let items = MetricDefinition.gauge("freshet_items", "Items that occurred in an event.")
  public static let interactions = MetricDefinition.gauge(
    "freshet_interactions", "Distinct pairs of user and item in the state.")
  public static let stateBytes = MetricDefinition.gauge(
    "freshet_state_bytes", "Memory of the state, by part.", labels: ["part"])
  public static let unknownItems = MetricDefinition.counter(
    "freshet_unknown_items_total", "Events with an item that the model in use was not trained on.")
  public static let modelEpoch = MetricDefinition.gauge("freshet_model_epoch", "Number of the model in use.")
  public static let modelTrainedTimestamp = MetricDefinition.gauge(
    "freshet_model_trained_timestamp_seconds", "When the model in use was trained.")
  public static let modelQuality = MetricDefinition.gauge(
    "freshet_model_quality", "Ranking quality that the last retrain measured for its new model, on the newest interactions.",
    labels: ["metric", "set"])

  // MARK: Live quality
  public static let liveEvents = MetricDefinition.counter(
    "freshet_live_events_total",
    "First interactions of sampled users with an item that their list could hold, by source of the list that stood: personal, foldin, popular.",
    labels: ["source"],
    known: ["source": ["personal", "foldin", "popular"]])
  public static let liveHits = MetricDefinition.counter(
    "freshet_live_hits_total", "Those whose item was among the first 10 of the list, by source: personal, foldin, popular.",
    labels: ["source"],
    known: ["source": ["personal", "foldin", "popular"]])
  public static let livePopularHits = MetricDefinition.counter(
    "freshet_live_popular_hits_total",
    "Those whose item was among the 10 most popular items that the user had not used, by source of the list: personal, foldin, popular.",
    labels: ["source"], known: ["source": ["personal", "foldin", "popular"]])
  public static let liveReciprocalRanks = MetricDefinition.counter(
    "freshet_live_reciprocal_rank_total",
    "Sum of 1 / rank of the item in the list, 0 if it was not in it, by source: personal, foldin, popular.", labels: ["source"],
    known: ["source": ["personal", "foldin", "popular"]])
  public static let attributed = MetricDefinition.counter(
    "freshet_attributed_total",
    "Events with an item that the answer named by their recommendation_id had shown, by where the item came from.",
    labels: ["source", "rule", "arm"])
  public static let attributedRank = MetricDefinition.counter(
    "freshet_attributed_rank_total",
    "Those by the rank of the item in the answer: rank is the highest of a class, 1, 2, 3, 5, 10, 20 or 40.", labels: ["rank"])
  public static let impressions = MetricDefinition.counter(
    "freshet_impressions_total", "Items of answers that events say were seen (impression), by where the item came from.",
    labels: ["source", "rule", "arm"])
  public static let unattributed = MetricDefinition.counter(
    "freshet_unattributed_total",
    "Events with a recommendation_id that do not count, by reason: bad_id, forged, expired, other_user, not_shown, repeat.",
    labels: ["reason"],
    known: ["reason": ["bad_id", "forged", "expired", "other_user", "not_shown", "repeat"]])
  public static let shadowEvents = MetricDefinition.gauge(
    "freshet_shadow_events", "Events on which the shadow model was compared with the one in use.")
  public static let shadowHits = MetricDefinition.gauge(
    "freshet_shadow_hits", "Those whose item was among the first 10 of the list.", labels: ["model"])
  public static let modelDrift = MetricDefinition.gauge(
    "freshet_model_drift", "Share of the items in lists that a retrain would have changed at the last measurement; 0 without one.")
  public static let listChurn = MetricDefinition.gauge(
    "freshet_list_churn", "Share of the items in lists that the last new model changed.")
  public static let retrainsPaused = MetricDefinition.gauge(
    "freshet_retrains_paused", "1 while retrains do not start by themselves because of a rollback.")

  // MARK: Retrain
  public static let retrains = MetricDefinition.counter(
    "freshet_retrain_total", "Retrains that ended, by result: ok, failed, rejected, cancelled.", labels: ["result"],
    known: ["result": ["ok", "failed", "rejected", "cancelled"]])
  public static let retrainDuration = MetricDefinition.gauge(
    "freshet_retrain_duration_seconds", "Time of the last retrain, by phase.", labels: ["phase"])
  public static let retrainProgress = MetricDefinition.gauge(
    "freshet_retrain_progress_ratio", "Completed share of the retrain that is running, 0 to 1.")
  public static let lastSuccessfulRetrainTimestamp = MetricDefinition.gauge(
    "freshet_last_successful_retrain_timestamp_seconds", "When a retrain last succeeded.")

  // MARK: Snapshots and recovery
  public static let snapshots = MetricDefinition.counter(
    "freshet_snapshot_total", "Snapshots, by result: ok, failed.", labels: ["result"], known: ["result": ["ok", "failed"]])
  public static let snapshotDuration = MetricDefinition.gauge(
    "freshet_snapshot_duration_seconds", "Time to write the last snapshot.")
  public static let snapshotBytes = MetricDefinition.gauge("freshet_snapshot_bytes", "Size of the last snapshot.")
  public static let lastSuccessfulSnapshotTimestamp = MetricDefinition.gauge(
    "freshet_last_successful_snapshot_timestamp_seconds", "When a snapshot was last written.")
  public static let recoveryDuration = MetricDefinition.gauge(
    "freshet_recovery_duration_seconds", "Time from the start until the state was restored and caught up.")
  public static let replayedRecords = MetricDefinition.counter(
    "freshet_replayed_records_total", "Records that were read again after a restart.")
  public static let archivedRows = MetricDefinition.counter(
    "freshet_archived_rows_total", "Rows that archive.store has taken.")
  public static let archiveBytes = MetricDefinition.counter("freshet_archived_bytes_total", "Bytes that archive.store has taken.")
  public static let archiveFiles = MetricDefinition.counter("freshet_archived_files_total", "Files that archive.store has taken.")
  public static let archiveFailures = MetricDefinition.counter(
    "freshet_archive_failures_total", "Attempts to write archive.store that failed; each is made again.")
  public static let archiveWaiting = MetricDefinition.gauge("freshet_archive_waiting_rows", "Rows that are not in archive.store yet.")

  // MARK: Publishing and Redis
  public static let publishKeys = MetricDefinition.counter(
    "freshet_publish_keys_total", "Keys written to Redis, by kind.", labels: ["kind"])
  public static let publishBytes = MetricDefinition.counter(
    "freshet_publish_bytes_total", "Bytes of values written to Redis, by kind.", labels: ["kind"])
  public static let publishErrors = MetricDefinition.counter(
    "freshet_publish_errors_total", "Errors while writing to Redis, by class.", labels: ["class"])
  public static let publishQueueLength = MetricDefinition.gauge(
    "freshet_publish_queue_length", "Commands that wait for Redis, plus users whose list is not made yet.")
  public static let publishOldest = MetricDefinition.gauge(
    "freshet_publish_oldest_seconds", "Age of the oldest command that waits for Redis.")
  public static let redisCommandsDuration = MetricDefinition.histogram(
    "freshet_redis_commands_duration_seconds",
    "Time from handing commands to the publisher to the reply to the last of them, waiting included.")
  public static let redisReconnects = MetricDefinition.counter(
    "freshet_redis_reconnects_total", "New connections to Redis after the first.")
  public static let redisUp = MetricDefinition.gauge(
    "freshet_redis_up", "1 if Redis answers, else 0.")

  // MARK: Kafka
  public static let kafkaUp = MetricDefinition.gauge(
    "freshet_kafka_up", "1 if a broker answers, else 0.")
  public static let kafkaBrokerRoundTrip = MetricDefinition.gauge(
    "freshet_kafka_broker_rtt_seconds", "Round trip to the brokers, by quantile.", labels: ["quantile"])
  public static let kafkaErrors = MetricDefinition.counter(
    "freshet_kafka_errors_total", "Errors that the client reported, by code.", labels: ["code"])

  // MARK: Control plane and process
  public static let adminRequests = MetricDefinition.counter(
    "freshet_admin_requests_total", "Requests to the control plane.", labels: ["route", "code"])
  public static let processCPU = MetricDefinition.counter(
    "process_cpu_seconds_total", "Processor time used by the process, user and system.")
  public static let processResidentMemory = MetricDefinition.gauge(
    "process_resident_memory_bytes", "Resident memory of the process.")
  public static let processOpenFileDescriptors = MetricDefinition.gauge(
    "process_open_fds", "Open file descriptors.")
  public static let processStartTime = MetricDefinition.gauge(
    "process_start_time_seconds", "When the process started, in seconds since 1970.")

  public static let all: [MetricDefinition] = [
    buildInfo, eventsConsumed, eventsApplied, eventsRejected, eventsIgnored, eventsClamped, eventsTimestampReplaced, tombstonesUnknown,
    mergedUsers,
    mergedUsersDropped,
    eventsKeyMismatch,
    deadLetterMessages, deadLetterFailures, lastEventTimestamp, lastAppliedTimestamp, consumerLagRecords, consumerLagSeconds, offsetGaps,
    partitionGapRecords, partitionsAssigned, rebalances, eventToPublish, stageDuration, backpressure, schemaRequests, itemRecords,
    itemDocuments, hiddenItems, foldInBatchSize,
    coalescedUpdates,
    nonfiniteVectors, users, items, interactions, stateBytes, unknownItems, modelEpoch, modelTrainedTimestamp, modelQuality, liveEvents,
    liveHits,
    livePopularHits, liveReciprocalRanks, attributed, attributedRank, impressions, unattributed, shadowEvents, shadowHits, modelDrift,
    listChurn, retrainsPaused, retrains,
    retrainDuration, retrainProgress, lastSuccessfulRetrainTimestamp, snapshots, snapshotDuration, snapshotBytes,
    lastSuccessfulSnapshotTimestamp, recoveryDuration, replayedRecords, archivedRows, archiveBytes, archiveFiles, archiveFailures,
    archiveWaiting, publishKeys, publishBytes, publishErrors, publishQueueLength,
    publishOldest, redisCommandsDuration, redisReconnects, redisUp, kafkaUp, kafkaBrokerRoundTrip, kafkaErrors, adminRequests, processCPU,
    processResidentMemory, processOpenFileDescriptors, processStartTime,
  ]
}
