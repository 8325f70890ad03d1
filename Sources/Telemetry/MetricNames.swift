/// Every metric that Freshet shows, in one table: name, type, sentence, labels. Base units; never a user or an item in a label.
public enum MetricNames {
  // MARK: Build
  public static let buildInfo = MetricDefinition.gauge(
    "freshet_build_info", "Always 1; the labels say what runs.", labels: ["version", "swift", "librdkafka", "hiredis"])

  // MARK: Events
  public static let eventsConsumed = MetricDefinition.counter(
    "freshet_events_consumed_total", "Records read from Kafka.", labels: ["topic"])
  public static let eventsApplied = MetricDefinition.counter(
    "freshet_events_applied_total", "Events that changed a user's history.", labels: ["topic"])
  public static let eventsRejected = MetricDefinition.counter(
    "freshet_events_rejected_total", "Records that are no valid event.", labels: ["topic", "reason"])
  public static let eventsIgnored = MetricDefinition.counter(
    "freshet_events_ignored_total", "Valid events that change nothing, such as replays.", labels: ["topic", "reason"])
  public static let servedLists = MetricDefinition.counter(
    "freshet_served_lists_total", "Lists answered over HTTP, by where they came from.", labels: ["source"])
  public static let eventsClamped = MetricDefinition.counter(
    "freshet_events_clamped_total", "Events with a value that was moved to the allowed limit.", labels: ["field"])
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
    "freshet_offset_gaps_total", "Times records were gone before they were read.", labels: ["topic"])
  public static let partitionGapRecords = MetricDefinition.counter(
    "freshet_partition_gap_records_total", "Records that were gone before they were read.", labels: ["topic"])
  public static let partitionsAssigned = MetricDefinition.gauge(
    "freshet_partitions_assigned", "Partitions that this engine reads.")
  public static let rebalances = MetricDefinition.counter(
    "freshet_rebalances_total", "Changes of the assignment.", labels: ["kind"])

  // MARK: Latency
  public static let eventToPublish = MetricDefinition.histogram(
    "freshet_event_to_publish_seconds", "From a record's timestamp to the reply of Redis for its user's list.")
  public static let stageDuration = MetricDefinition.histogram(
    "freshet_stage_duration_seconds", "Time per batch in decode, fold_in, score and publish.", labels: ["stage"])
  public static let backpressure = MetricDefinition.counter(
    "freshet_backpressure_seconds_total", "Time that reading was paused.", labels: ["cause"])

  // MARK: Model and state
  public static let foldInBatchSize = MetricDefinition.histogram(
    "freshet_foldin_batch_size", "Users folded in together.", bounds: Histogram.sizeBounds)
  public static let coalescedUpdates = MetricDefinition.counter(
    "freshet_coalesced_updates_total", "Updates of a user that a later event of the same batch made needless.")
  public static let nonfiniteVectors = MetricDefinition.counter(
    "freshet_nonfinite_vectors_total", "Vectors with a value that is no number; they are not used.", labels: ["where"])
  public static let users = MetricDefinition.gauge("freshet_users", "Users with a history.")
  public static let items = MetricDefinition.gauge("freshet_items", "Items seen.")
  public static let interactions = MetricDefinition.gauge("freshet_interactions", "User and item pairs held.")
  public static let stateBytes = MetricDefinition.gauge(
    "freshet_state_bytes", "Memory of the state, by part.", labels: ["part"])
  public static let unknownItems = MetricDefinition.counter(
    "freshet_unknown_items_total", "Events with an item that the model does not know yet.")
  public static let modelEpoch = MetricDefinition.gauge("freshet_model_epoch", "Number of the model in use.")
  public static let modelTrainedTimestamp = MetricDefinition.gauge(
    "freshet_model_trained_timestamp_seconds", "When the model in use was trained.")
  public static let modelQuality = MetricDefinition.gauge(
    "freshet_model_quality", "Ranking quality of the model in use.", labels: ["metric", "set"])

  // MARK: Retrain
  public static let retrains = MetricDefinition.counter(
    "freshet_retrain_total", "Retrains that ended, by result: ok, failed, rejected, cancelled.", labels: ["result"])
  public static let retrainDuration = MetricDefinition.gauge(
    "freshet_retrain_duration_seconds", "Time of the last retrain, by phase.", labels: ["phase"])
  public static let retrainProgress = MetricDefinition.gauge(
    "freshet_retrain_progress_ratio", "How much of the running retrain is done, 0 to 1.")
  public static let lastSuccessfulRetrainTimestamp = MetricDefinition.gauge(
    "freshet_last_successful_retrain_timestamp_seconds", "When a retrain last succeeded.")

  // MARK: Snapshots and recovery
  public static let snapshots = MetricDefinition.counter(
    "freshet_snapshot_total", "Snapshots, by result.", labels: ["result"])
  public static let snapshotDuration = MetricDefinition.gauge(
    "freshet_snapshot_duration_seconds", "Time to write the last snapshot.")
  public static let snapshotBytes = MetricDefinition.gauge("freshet_snapshot_bytes", "Size of the last snapshot.")
  public static let lastSuccessfulSnapshotTimestamp = MetricDefinition.gauge(
    "freshet_last_successful_snapshot_timestamp_seconds", "When a snapshot was last written.")
  public static let recoveryDuration = MetricDefinition.gauge(
    "freshet_recovery_duration_seconds", "Time from the start until the state was restored and caught up.")
  public static let replayedRecords = MetricDefinition.counter(
    "freshet_replayed_records_total", "Records read again after a restart.")

  // MARK: Publishing and Redis
  public static let publishKeys = MetricDefinition.counter(
    "freshet_publish_keys_total", "Keys written, by kind: top, vec, sim.", labels: ["kind"])
  public static let publishBytes = MetricDefinition.counter(
    "freshet_publish_bytes_total", "Bytes of values written, by kind: top, vec, sim.", labels: ["kind"])
  public static let publishErrors = MetricDefinition.counter(
    "freshet_publish_errors_total", "Writes that failed, by class of error.", labels: ["class"])
  public static let publishQueueLength = MetricDefinition.gauge(
    "freshet_publish_queue_length", "Users whose list waits to be written.")
  public static let publishOldest = MetricDefinition.gauge(
    "freshet_publish_oldest_seconds", "How long the oldest of them waits.")
  public static let redisCommandsDuration = MetricDefinition.histogram(
    "freshet_redis_commands_duration_seconds", "From sending a pipeline of commands to its last reply.")
  public static let redisReconnects = MetricDefinition.counter(
    "freshet_redis_reconnects_total", "New connections to Redis after the first.")
  public static let redisUp = MetricDefinition.gauge("freshet_redis_up", "1 if Redis answers.")

  // MARK: Kafka
  public static let kafkaUp = MetricDefinition.gauge("freshet_kafka_up", "1 if a broker answers.")
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
    "process_resident_memory_bytes", "Memory of the process that is in RAM.")
  public static let processOpenFileDescriptors = MetricDefinition.gauge(
    "process_open_fds", "Open file descriptors.")
  public static let processStartTime = MetricDefinition.gauge(
    "process_start_time_seconds", "When the process started, in seconds since 1970.")

  public static let all: [MetricDefinition] = [
    buildInfo, eventsConsumed, eventsApplied, eventsRejected, eventsIgnored, servedLists, eventsClamped, eventsKeyMismatch,
    deadLetterMessages, deadLetterFailures, lastEventTimestamp, lastAppliedTimestamp, consumerLagRecords, consumerLagSeconds, offsetGaps,
    partitionGapRecords, partitionsAssigned, rebalances, eventToPublish, stageDuration, backpressure, foldInBatchSize, coalescedUpdates,
    nonfiniteVectors, users, items, interactions, stateBytes, unknownItems, modelEpoch, modelTrainedTimestamp, modelQuality, retrains,
    retrainDuration, retrainProgress, lastSuccessfulRetrainTimestamp, snapshots, snapshotDuration, snapshotBytes,
    lastSuccessfulSnapshotTimestamp, recoveryDuration, replayedRecords, publishKeys, publishBytes, publishErrors, publishQueueLength,
    publishOldest, redisCommandsDuration, redisReconnects, redisUp, kafkaUp, kafkaBrokerRoundTrip, kafkaErrors, adminRequests, processCPU,
    processResidentMemory, processOpenFileDescriptors, processStartTime,
  ]
}
