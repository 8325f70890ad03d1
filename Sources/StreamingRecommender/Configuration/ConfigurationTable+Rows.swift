extension ConfigurationTable {
  private typealias Model = RecommenderConfiguration.Model
  private static let positive = 0.0...Double.greatestFiniteMagnitude
  private static let century = Duration.zero...Duration.seconds(36_500 * 86_400)
  private static let upToADay = Duration.zero...Duration.seconds(86_400)

  static let instance: [ConfigurationKey] = [
    .string(
      "instance.id", \.instance.id, empty: "auto", "Name of this process in logs, heartbeats and dead letters; `auto` is the host's name."
    )
    .checked { ConfigurationCheck.name($0, lengthMax: 128) },
    .string(
      "instance.data_dir", \.instance.dataDirectory, empty: "auto",
      "Directory for state; `auto` is `/var/lib/freshet` for root, else `$XDG_STATE_HOME/freshet`, else `~/.local/state/freshet`."),
  ]

  static let input: [ConfigurationKey] = [
    .list("input.topics", \.input.topics, "Topics with interactions.").checked(ConfigurationCheck.topics),
    .choice(
      "input.format", \.input.format, unbuilt: ["avro", "protobuf", "cloudevents", "csv"],
      "Format of a record; `auto` decides record by record."),
    .choice(
      "input.strength", \.input.strength,
      "What an event's value says about strength: the value itself, log(1 + value), or nothing (every event counts 1)."),
    .double("input.max_strength", \.input.maxStrength, above: 0, positive, "Bound on the summed strength of a pair."),
    .choice(
      "input.on_error", \.input.onError, unbuilt: ["halt"],
      "What happens to a record that cannot be read: into the dead-letter topic, skipped, or the partition stops."),
    .int("input.max_record_bytes", \.input.maxRecordBytes, 64...16_777_216, "Longer records are rejected before they are parsed."),
    .int("input.max_id_bytes", \.input.maxIDBytes, 1...256, "Longer ids are rejected."),
    .int("input.max_depth", \.input.maxDepth, 1...128, "JSON nested deeper is rejected."),
    .double(
      "input.max_value", \.input.maxValue, above: 0, positive, "Larger values, of either sign, are clamped to this size and counted."),
    .list("input.aliases", \.input.aliases, "Whose field names are understood beside our own."),
    .map("input.weights", \.input.weights, "Weight of an event by its type; empty: every type weighs `input.default_weight`.").reloadable(),
    .double(
      "input.default_weight", \.input.defaultWeight, -1e6...1e6,
      "Weight of an event whose type has none of its own."
    ).reloadable(),
    .choice(
      "input.unknown_type", \.input.unknownType, "What happens to an event whose type is not in `input.weights`, where that has entries."
    )
    .reloadable(),
    .unbuilt("input.dedupe_window", only: .int(0), "Events per partition whose `event_id` is remembered to drop repeats; 0 is off."),
    .duration("input.max_future", \.input.maxFuture, century, "An event's time further in the future than this is clamped and counted."),
    .duration(
      "input.half_life", \.input.halfLife, Duration.seconds(1)...century.upperBound,
      "Strengths halve in this time, counted from the newest event."),
  ]

  static let kafka: [ConfigurationKey] = [
    .string("kafka.bootstrap_servers", \.kafka.bootstrapServers, "Brokers as `host:port`, separated by commas.")
      .checked(ConfigurationCheck.addresses),
    .string("kafka.group_id", \.kafka.groupID, "Consumer group.").checked { ConfigurationCheck.name($0, lengthMax: 249) },
    .string(
      "kafka.group_instance_id", \.kafka.groupInstanceID, empty: "auto",
      "Static membership, so that a restart has its partitions at once; `auto` is `instance.id` and a hash of `instance.data_dir`, `none` a dynamic member."
    )
    .checked { ConfigurationCheck.name($0, lengthMax: 249) },
    .map("kafka.common", \.kafka.common, "librdkafka properties for every client, such as `kafka.common.security.protocol`."),
    .map("kafka.consumer", \.kafka.consumer, "librdkafka properties for the consumer."),
    .map("kafka.producer", \.kafka.producer, "librdkafka properties for producers."),
    .choice("kafka.on_gap", \.kafka.onGap, "When the next offset no longer exists: stop that partition, or go on at the earliest record."),
    .unbuilt("kafka.start", only: .string("snapshot"), "Where reading starts: at the snapshot; without one, at the earliest record."),
    .string("kafka.dlq_topic", \.kafka.dlqTopic, empty: "auto", "Dead-letter topic; `auto` is `<topic>.dlq`.")
      .checked { ConfigurationCheck.name($0, lengthMax: 249) },
    .unbuilt("kafka.dlq_header_style", only: .string("freshet"), "Names of the headers of dead letters."),
  ]

  static let model: [ConfigurationKey] = [
    .int("model.factors", \.model.factors, 1...1024, "Numbers per user and item."),
    .double(
      "model.unobserved_weight", \.model.unobservedWeight, above: 0, 0...1000, "Weight of a pair that was not seen (alpha0 of iALS)."),
    .double("model.regularization", \.model.regularization, above: 0, positive, "Regularization (lambda)."),
    .double(
      "model.regularization_exponent", \.model.regularizationExponent, 0...2,
      "How regularization grows with a row's count (nu): 0 not at all, 1 in proportion."),
    .part("model.recency", \.model.recency, on: { Model.Recency() }, "Whether a user's newer interactions weigh more in the fold-in."),
    recency(.double("model.recency.floor", \.model.recencyPart.floor, 0...1, "Weight that the oldest interactions keep.")),
    recency(.double("model.recency.boost", \.model.recencyPart.boost, 0...1000, "How much more the newest interaction weighs.")),
    recency(
      .double("model.recency.scale", \.model.recencyPart.scale, above: 0, 0...1e6, "How many interactions back the boost fades by e.")),
    recency(.double("model.recency.gap_floor", \.model.recencyPart.gapFloor, 0...1, "Least weight after a pause.")),
    recency(
      .duration(
        "model.recency.gap_scale", \.model.recencyPart.gapScale, Duration.milliseconds(1)...century.upperBound,
        "How long a pause must be to matter.")),
    recency(.int("model.recency.window", \.model.recencyPart.window, 1...1_000_000, "Newest interactions that the fold-in uses.")),
    .int("model.training_block", \.model.trainingBlock, 1...1_000_000, "Own events per training row; `none`: one row per user."),
    .part("model.trend", \.model.trend, on: { Model.Trend() }, "Whether what is popular right now adds to every score."),
    trend(.double("model.trend.weight", \.model.trendPart.weight, 0...1e6, "How much the trend adds.")),
    trend(
      optionalDouble(
        "model.trend.half_life", \.model.trendPart.halfLife, in: 1...1e12, noneWord: "auto",
        "Events after which a count has halved; `auto`: 5 for each active item, 500 to 50,000.")),
    .part(
      "model.transitions", \.model.transitions, on: { Model.Transitions() },
      "Whether what users went on to after their newest items adds to the score."
    ),
    transitions(.double("model.transitions.weight", \.model.transitionsPart.weight, 0...1e6, "How much transitions add.")),
    transitions(.int("model.transitions.last", \.model.transitionsPart.last, 1...100, "Newest own interactions that are looked up.")),
    transitions(
      .double("model.transitions.decay", \.model.transitionsPart.decay, 0...1, "Weight of each older one against the one after it.")),
    transitions(.double("model.transitions.gap_floor", \.model.transitionsPart.gapFloor, 0...1, "Least weight of a step after a pause.")),
    transitions(
      .duration(
        "model.transitions.gap_scale", \.model.transitionsPart.gapScale, Duration.milliseconds(1)...century.upperBound,
        "How long a pause must be to matter.")),
    transitions(.double("model.transitions.backward", \.model.transitionsPart.backward, 0...1, "Weight of the reverse direction.")),
    transitions(.int("model.transitions.successors", \.model.transitionsPart.successors, 1...1000, "Successors kept per item.")),
    transitions(
      .double(
        "model.transitions.shrinkage", \.model.transitionsPart.shrinkage, above: 0, positive, "Count below which a transition is doubted.")),
    optionalDouble("model.alpha", \.model.alpha, "Confidence per unit of strength (Hu-Koren), in place of `model.unobserved_weight`."),
    .int("model.iterations", \.model.coldIterations, 1...1000, "Iterations of a training that starts from nothing."),
    .int("model.warm_iterations", \.model.warmIterations, 1...1000, "Iterations of a training that starts from the live model."),
    .unbuilt("model.implicit", only: .bool(true), "Whether events are signs of interest and not ratings."),
    .choice(
      "model.solver", \.model.solver, unbuilt: ["ials++"],
      "How training solves a row: exactly (cholesky), or by some steps of conjugate gradients (cg); auto chooses. Fold-in is exact."),
    .int(
      "model.cg_steps", \.model.cgSteps, 1...100, noneWord: "auto",
      "Steps of conjugate gradients per row; `auto`: one to three, as the training finds out."),
    seed,
    .int("model.history_per_user", \.model.historyPerUser, 1...10_000_000, "Newest pairs kept of a user."),
    .int("model.seen_per_user", \.model.seenPerUser, 1...10_000_000, "Newest items of a user that lists leave out."),
    .unbuilt("model.max_users", "Bound on users."),
    .unbuilt("model.max_items", "Bound on items."),
    .bool("model.exclude_seen", \.model.excludeSeen, "Whether lists leave out what the user has interacted with."),
    .unbuilt("model.cold_start", only: .string("popular"), "What an unknown user gets."),
  ]

  static let foldIn: [ConfigurationKey] = [
    .int("foldin.batch_max", \.foldIn.batchMax, 1...100_000, "Users whose lists are made in one turn of the loop."),
    .duration(
      "foldin.linger", \.foldIn.linger, Duration.zero...Duration.seconds(10),
      "How long changed users wait, at most, for earlier lists to be acknowledged, to be made in one batch."),
    .unbuilt("foldin.coalesce", only: .bool(true), "Whether several events of a user in one turn give one list."),
    .int("foldin.workers", \.foldIn.workers, 1...256, "Threads; the results are the same for any number."),
    .choice("foldin.items", \.foldIn.items, unbuilt: ["touched"], "Which item vectors move between trainings."),
  ]

  static let retrain: [ConfigurationKey] = [
    .int(
      "retrain.every_events", \.retrain.everyEvents, 1...Int.max, noneWord: "auto",
      "Events between trainings; `auto`: 5 % of the pairs the live model was trained on, at least 1,000."
    ).reloadable(),
    .duration("retrain.interval", \.retrain.interval, Duration.seconds(1)...century.upperBound, "Time between trainings.").reloadable(),
    .double("retrain.max_quality_drop", \.retrain.maxQualityDrop, 0...1, "Relative loss of recall at which a new model counts as worse.")
      .reloadable(),
    .int("retrain.threads", \.retrain.threads, 1...1024, noneWord: "auto", "Threads; `auto` leaves one core free."),
    .choice("retrain.on_quality_drop", \.retrain.onQualityDrop, "What happens to a model that is worse.").reloadable(),
    .bool("retrain.warm_start", \.retrain.warmStart, "Whether a training starts from the live model."),
    .duration(
      "retrain.max_duration", \.retrain.maxDuration, Duration.seconds(1)...century.upperBound, "A training that takes longer is given up."
    ).reloadable(),
    .unbuilt("retrain.external", "Another system that trains."),
  ]

  static let topN: [ConfigurationKey] = [
    .int("topn.n", \.topN.n, 1...1000, "Items in a list."),
    .unbuilt("topn.pool", only: .int(0), "Candidates scored; 0 is all items, exactly."),
    .int("topn.popular_n", \.topN.popularN, 1...10_000, "Items in the popular list."),
    .int("topn.similar_n", \.topN.similarN, 1...1000, "Items in a list of similar items."),
    .unbuilt("topn.min_interval_per_user", only: .duration(.zero), "Least time between two lists of one user."),
  ]

  static let publish: [ConfigurationKey] = [
    .unbuilt("publish.format", only: .string("json"), "Format of a list."),
    .duration("publish.ttl", \.publish.ttl, Duration.seconds(1)...century.upperBound, "Life of a list, renewed on every write."),
    .int("publish.pipeline", \.publish.pipeline, 1...100_000, "Commands sent before the first reply is awaited."),
    .int("publish.max_rate", \.publish.maxRate, 1...1_000_000_000, "Commands a second while a whole model is published.").reloadable(),
    .unbuilt("publish.fence", "Check against a second writer."),
    .duration(
      "publish.refresh", \.publish.refresh, Duration.seconds(1)...century.upperBound, "Every list is written again within this time."),
    .bool("publish.vectors", \.publish.vectors, "Whether user and item vectors are written too."),
    .bool("publish.similar", \.publish.similar, "Whether lists of similar items are written."),
    .int(
      "publish.queue_limit", \.publish.queueLimit, 1...100_000_000,
      "Commands that wait for Redis at most; users that change meanwhile wait as users, not as lists."
    ).reloadable(),
  ]

  static let redis: [ConfigurationKey] = [
    .string("redis.url", \.redis.url, "`redis://host:port/db` or `unix:///path?db=N`, without a password.").checked(
      ConfigurationCheck.redisURL),
    .string("redis.username", \.redis.username, empty: "none", "User for `AUTH`."),
    .string("redis.password_file", \.redis.passwordFile, empty: "none", "File with the password, mode 0600.").reloadable(),
    .string("redis.password", \.redis.password, empty: "none", "Password; `redis.password_file` wins. Refused as a flag.").secret(),
    .unbuilt("redis.tls.ca_file", "Certificates that are trusted."),
    .unbuilt("redis.tls.cert_file", "Certificate of this client."),
    .unbuilt("redis.tls.key_file", "Key of that certificate."),
    .duration(
      "redis.timeout", \.redis.timeout, Duration.milliseconds(1)...Duration.seconds(3600), "Patience with a connection and with a command."),
    .string("redis.key_prefix", \.redis.keyPrefix, "First part of every key.").checked { ConfigurationCheck.name($0, lengthMax: 64) },
    .string("redis.namespace", \.redis.namespace, "Second part of every key: one per shop.")
      .checked { ConfigurationCheck.name($0, lengthMax: 64) },
  ]

  static let snapshot: [ConfigurationKey] = [
    .duration("snapshot.interval", \.snapshot.interval, Duration.milliseconds(100)...century.upperBound, "Time between snapshots.")
      .reloadable(),
    .int("snapshot.keep", \.snapshot.keep, 1...1000, "Snapshots kept.").reloadable(),
    .string("snapshot.dir", \.snapshot.directory, empty: "auto", "Directory for snapshots; `auto` is `<instance.data_dir>/snapshots`."),
    .bool("snapshot.fsync", \.snapshot.fsync, "Whether a snapshot is forced to disk before offsets are committed."),
    .unbuilt("snapshot.store", "A second place for snapshots, such as s3://bucket/path."),
  ]

  static let admin: [ConfigurationKey] = [
    .string("admin.listen", \.admin.listen, empty: "none", "`host:port` of the admin server; `none`: no server.")
      .checked(ConfigurationCheck.adminListen),
    .unbuilt("admin.unix_socket", "Socket of the admin server, in place of a port."),
    .unbuilt("admin.token_file", "Tokens that callers must show."),
    .unbuilt("admin.tls.cert_file", "Certificate of the admin server."),
    .unbuilt("admin.tls.key_file", "Key of that certificate."),
  ]

  static let ready: [ConfigurationKey] = [
    .duration("ready.max_lag", \.ready.maxLag, century, "Not ready while further behind the newest event than this.").reloadable()
  ]

  static let shutdown: [ConfigurationKey] = [
    .duration(
      "shutdown.timeout", \.shutdown.timeout, Duration.seconds(1)...Duration.seconds(3600), "An orderly end takes at most this long."
    )
    .reloadable()
  ]

  static let log: [ConfigurationKey] = [
    .choice("log.level", \.log.level, "Least severe lines that are written.").reloadable(),
    .choice("log.format", \.log.format, "`auto`: text on a terminal, else one JSON object a line."),
    .unbuilt("log.ids", only: .bool(false), "Whether user and item ids appear in logs; they never do now."),
  ]

  static let metrics: [ConfigurationKey] = [
    .unbuilt("metrics.buckets", only: .string("default"), "Bounds of the buckets of histograms.")
  ]

  static let mlflow: [ConfigurationKey] = [
    .unbuilt("mlflow.uri", "Tracking server."), .unbuilt("mlflow.experiment", "Experiment that runs are filed under."),
  ]

  static let s3: [ConfigurationKey] = [
    .unbuilt("s3.endpoint", "Address of the object store."), .unbuilt("s3.region", "Region that requests are signed for."),
    .unbuilt("s3.path_style", only: .bool(false), "Whether the bucket is in the path and not in the host name."),
  ]

  static let limits: [ConfigurationKey] = [
    .int(
      "limits.max_rss", \.limits.maxResidentBytes, 16_777_216...Int.max, "Bytes of resident memory above which consuming pauses."
    ).reloadable(),
    .unbuilt("limits.max_inflight", "Events between reading and publishing at most."),
  ]

  private static func recency(_ key: ConfigurationKey) -> ConfigurationKey {
    key.within(\.model.recency, switch: "model.recency") { Model.Recency() }
  }

  private static func trend(_ key: ConfigurationKey) -> ConfigurationKey {
    key.within(\.model.trend, switch: "model.trend") { Model.Trend() }
  }

  private static func transitions(_ key: ConfigurationKey) -> ConfigurationKey {
    key.within(\.model.transitions, switch: "model.transitions") { Model.Transitions() }
  }

  private static func optionalDouble(
    _ name: String, _ field: ConfigurationField<Double?>, in range: ClosedRange<Double> = positive, noneWord: String = "none",
    _ sentence: String
  ) -> ConfigurationKey {
    var key = ConfigurationKey(name, .double(range, isLowerBoundExcluded: range.lowerBound == 0), sentence) {
      $0[keyPath: field].map { .double($0) } ?? .none
    } write: {
      if case .double(let number) = $1 { $0[keyPath: field] = number } else { $0[keyPath: field] = nil }
    }
    key.noneWord = noneWord
    return key
  }

  private static let seed = ConfigurationKey(
    "model.seed", .int(0...Int.max), "Seed of the first factors; the same seed gives the same model."
  ) {
    .int(Int(clamping: $0.model.seed))
  } write: {
    if case .int(let number) = $1 { $0.model.seed = UInt64(number) }
  }
}
