import Factorization

extension ConfigurationTable {
  private static let positive = 0.0...Double.greatestFiniteMagnitude
  private static let century = Duration.zero...Duration.seconds(36_500 * 86_400)

  static let instance: [ConfigurationKey] = [
    .string(
      "instance.id", \.instance.id, empty: "auto", "Name of this process in logs, heartbeats and dead letters; `auto` is the host name."
    )
    .checked { ConfigurationCheck.name($0, lengthMax: 128) },
    .string(
      "instance.data_dir", \.instance.dataDirectory, empty: "auto",
      "Directory for state; `auto` is `/var/lib/freshet` for root, else `$XDG_STATE_HOME/freshet`, else `~/.local/state/freshet`."),
  ]

  static let input: [ConfigurationKey] = [
    .list("input.topics", \.input.topics, "Topics with interactions.").checked(ConfigurationCheck.topics),
    .choice(
      "input.format", \.input.format, planned: ["csv"],
      "Format of a record; `auto` detects it for each record. See [input.md](input.md#formats)."),
    .string(
      "input.schema_file", \.input.schemaFile, empty: "none",
      "File with the schema of values that name none, or for which there is no registry: an Avro schema, a .proto file, or a set of descriptors that `protoc` wrote."
    ),
    .string(
      "input.schema_message", \.input.schemaMessage, empty: "none",
      "Protobuf message of such values, for example `shop.v1.Click`; without it, the first one of the file."),
    .choice(
      "input.strength", \.input.strength,
      "Strength of an event: its value, log(1 + value), or 1 whatever the value (`ignore`)."),
    .double("input.max_strength", \.input.maxStrength, above: 0, positive, "Largest sum of the strengths of a pair."),
    .choice(
      "input.on_error", \.input.onError, planned: ["halt"],
      "What happens to a record that cannot be decoded: it is sent to the dead-letter topic, or skipped; both are counted."),
    .int(
      "input.max_record_bytes", \.input.maxRecordBytes, 64...16_777_216, "Size of a record above which it is rejected without being parsed."
    ),
    .int("input.max_id_bytes", \.input.maxIDBytes, 1...256, "Length of an id above which the record is rejected."),
    .int("input.max_depth", \.input.maxDepth, 1...128, "Depth of nested JSON above which the record is rejected."),
    .double(
      "input.max_value", \.input.maxValue, above: 0, positive,
      "Absolute value to which larger event values are clamped; clamped events are counted."),
    .choice(
      "input.preset", \.input.preset,
      "System whose records are read; `input.fields`, `input.ignore`, `input.types` and `input.ops` add to it. See [input.md](input.md)."),
    .map(
      "input.fields", \.input.fields,
      "Where a field stands in the records: candidates separated by vertical bars, each a path such as `order.lines[].sku`, `=CONSTANT`, `@key`, `@header.NAME` or `@time`. It replaces the preset's."
    )
    .checkedEntries { InputCheck.field($0, $1) },
    .optionalList(
      "input.ignore", \.input.ignore,
      "Records that are no interactions, by rules such as `event != interaction`; they are counted and change nothing."
    )
    .checked(InputCheck.rules),
    .map(
      "input.types", \.input.types,
      "What events of a type mean: a weight, `ignore`, or `add`, `once`, `set`, `delete`; for both a weight and an operation, `TYPE.weight` and `TYPE.op`."
    )
    .checkedEntries { TypeRules.fault(ofEntry: $0, $1) },
    .map(
      "input.ops", \.input.operations,
      "What a code in `op` means (`add`, `once`, `set`, `delete`, `merge`, `ignore`), beside these words and the c, u, r, d of change capture."
    )
    .checkedEntries { InputCheck.operation($0, $1) },
    .int(
      "input.max_events_per_record", \.input.maxEventsPerRecord, 1...100_000, "Events in one record above which it is rejected."),
    .string(
      "input.timestamp_format", \.input.timestampFormat,
      "How times are written: `auto` reads what has one meaning; a unit (`seconds`, `milliseconds`, `microseconds`, `nanoseconds`, `days`); or a pattern such as `dd-MM-yyyy HH:mm`."
    )
    .checked(InputCheck.timestampFormat),
    .choice(
      "input.on_bad_timestamp", \.input.onBadTimestamp,
      "What happens to an event whose time cannot be read: it gets the time of its record and is counted, or it is rejected."),
    .string(
      "input.key", \.input.key,
      "How the user is read from a record's key: `text` takes the bytes, `json:PATH` a place in its JSON, `auto` opens JSON strings and objects."
    )
    .checked(InputCheck.key),
    .list("input.aliases", \.input.aliases, "Systems whose field names are accepted in addition to the canonical ones."),
    .map("input.weights", \.input.weights, "Weight of an event by its type; while it is empty, every type has `input.default_weight`.")
      .reloadable(),
    .double(
      "input.default_weight", \.input.defaultWeight, -1e6...1e6,
      "Weight of an event whose type is not in `input.weights`."
    ).reloadable(),
    .choice(
      "input.unknown_type", \.input.unknownType, "What happens to an event whose type is not in `input.weights` while that has entries."
    )
    .reloadable(),
    .choice(
      "input.repeats", \.input.repeats,
      "What another event of the same user and item means, unless it says so in `op`: its strength is added (`sum`), the stronger one counts (`once`), or it replaces what was there (`newest`). `input.types` sets it for a type."
    ),
    .int(
      "input.dedupe_window", \.input.dedupeWindow, 0...10_000_000,
      "Newest events of a partition among which repeated ones are recognized and ignored: by `event_id`, or by user, item, type, value and time. 0 is off."
    ),
    .int(
      "input.merged_users", \.input.mergedUsersMax, 0...100_000_000,
      "Ids merged into other users (`op: merge`) that are remembered, so that their later events follow; the oldest are dropped."),
    .duration(
      "input.max_future", \.input.maxFuture, century,
      "How far after its record (the time that Kafka keeps) the time of an event may be; later times are clamped and counted."),
    .duration(
      "input.half_life", \.input.halfLife, Duration.seconds(1)...century.upperBound,
      "Time in which the strength of an interaction halves, counted back from the newest event."),
  ]

  static let schemaRegistry: [ConfigurationKey] = [
    .optionalList(
      "schema_registry.url", \.schemaRegistry.urls,
      "Registry of Avro and Protobuf schemas as `http://host:port` or `https://...`, without credentials; if several are given, the next one is asked when one fails."
    )
    .checked(ConfigurationCheck.registryURLs),
    .string(
      "schema_registry.username", \.schemaRegistry.username, empty: "none",
      "User name, or API key, for basic authentication; it needs `schema_registry.password_file`."),
    .string(
      "schema_registry.password_file", \.schemaRegistry.passwordFile, empty: "none",
      "File with the password, mode 0600; it is read again at every request."),
    .string(
      "schema_registry.token_file", \.schemaRegistry.tokenFile, empty: "none",
      "File with a bearer token, mode 0600, in place of user name and password; it is read again at every request."),
    .string(
      "schema_registry.ca_file", \.schemaRegistry.caFile, empty: "none",
      "File with the certificates that a registry's certificate may be signed by, in PEM; without it, those of the system."),
    .string(
      "schema_registry.cert_file", \.schemaRegistry.certificateFile, empty: "none",
      "File with the certificate that this client shows to the registry, in PEM."),
    .string("schema_registry.key_file", \.schemaRegistry.keyFile, empty: "none", "File with the private key of that certificate, in PEM."),
    .duration(
      "schema_registry.timeout", \.schemaRegistry.timeout, Duration.milliseconds(10)...Duration.seconds(120),
      "Time after which a request without an answer has failed."),
  ]

  static let kafka: [ConfigurationKey] = [
    .string("kafka.bootstrap_servers", \.kafka.bootstrapServers, "Brokers as `host:port`, separated by commas, or a list of them.")
      .checked(ConfigurationCheck.addresses).normalized(ConfigurationCheck.joinedAddresses),
    .string("kafka.group_id", \.kafka.groupID, "Consumer group.").checked { ConfigurationCheck.name($0, lengthMax: 249) },
    .string(
      "kafka.group_instance_id", \.kafka.groupInstanceID, empty: "auto",
      "Static group membership, with which a restarted engine gets its partitions back at once; `auto` is `instance.id` and a hash of `instance.data_dir`, `none` makes it a dynamic member."
    )
    .checked { ConfigurationCheck.name($0, lengthMax: 249) },
    .bool(
      "kafka.static_membership", \.kafka.staticMembership,
      "Whether a stopped engine keeps its partitions, because it comes back before its session ends after 90 s; otherwise it leaves the group."
    ),
    .map("kafka.common", \.kafka.common, "librdkafka properties for every client, such as `kafka.common.security.protocol`.")
      .checkedEntries(passedProperty),
    .map("kafka.consumer", \.kafka.consumer, "librdkafka properties for the consumer.")
      .checkedEntries(passedProperty),
    .map("kafka.producer", \.kafka.producer, "librdkafka properties for producers.")
      .checkedEntries(passedProperty),
    .choice(
      "kafka.on_gap", \.kafka.onGap,
      "What happens when the next offset no longer exists: the partition is halted, or reading continues at the earliest record."),
    .string("kafka.dlq_topic", \.kafka.dlqTopic, empty: "auto", "Dead-letter topic; `auto` is `<topic>.dlq`.")
      .checked { ConfigurationCheck.name($0, lengthMax: 249) },
  ]

  static let items: [ConfigurationKey] = [
    .string(
      "items.topic", \.items.topic, empty: "none",
      "Compacted topic with a document per item, its key the item: titles, categories, and which items are hidden."
    )
    .checked { ConfigurationCheck.name($0, lengthMax: 249) },
    .bool(
      "items.prior", \.items.prior,
      "Whether each training learns what categories and tags say of an item, so that an item has a vector before its first event."),
    .bool("items.title_words", \.items.titleWords, "Whether the words of titles count like categories and tags."),
  ]

  static let model: [ConfigurationKey] = [
    .int("model.factors", \.model.factors, 1...1024, "Length of the vector of each user and item."),
    .double(
      "model.unobserved_weight", \.model.unobservedWeight, above: 0, 0...1000, "Weight of pairs without an interaction (alpha0 of iALS)."),
    .double("model.regularization", \.model.regularization, above: 0, positive, "Strength of the L2 regularization (lambda)."),
    .double(
      "model.regularization_exponent", \.model.regularizationExponent, 0...2,
      "How the regularization of a row grows with its number of interactions (nu): 0 not at all, 1 in proportion."),
    .part("model.recency", \.model.recency, on: { RecencyWeights() }, "Whether newer interactions of a user weigh more in the fold-in."),
    recency(.float("model.recency.floor", \.model.recencyPart.floor, 0...1, "Weight that the oldest interactions keep.")),
    recency(.float("model.recency.boost", \.model.recencyPart.boost, 0...1000, "How much more the newest interaction weighs.")),
    recency(
      .float(
        "model.recency.scale", \.model.recencyPart.scale, above: 0, 0...1e6,
        "Number of interactions over which the boost decays by a factor of e.")),
    recency(.float("model.recency.gap_floor", \.model.recencyPart.gapFloor, 0...1, "Least weight of an interaction from before a pause.")),
    recency(
      .floatMilliseconds(
        "model.recency.gap_scale", \.model.recencyPart.gapScaleMilliseconds, Duration.milliseconds(1)...century.upperBound,
        "Pause over which the weight decays by a factor of e.")),
    recency(
      .int("model.recency.window", \.model.recencyPart.window, 1...1_000_000, "Number of newest interactions that the fold-in uses.")),
    .int("model.training_block", \.model.trainingBlock, 1...1_000_000, "Events of a user per training row; `none`: one row per user."),
    .part("model.trend", \.model.trend, on: { TrendRules() }, "Whether recent popularity of an item adds to its score."),
    trend(.double("model.trend.weight", \.model.trendPart.weight, 0...1e6, "Factor of the trend in a score.")),
    trend(
      optionalDouble(
        "model.trend.half_life", \.model.trendPart.halfLife, in: 1...1e12, noneWord: "auto",
        "Number of events in which a count halves; `auto`: 5 for each active item, between 500 and 50,000.")),
    .part(
      "model.transitions", \.model.transitions, on: { TransitionRules() },
      "Whether what other users went on to after the same items adds to the score."
    ),
    transitions(.float("model.transitions.weight", \.model.transitionsPart.weight, 0...1e6, "Factor of the transitions in a score.")),
    transitions(
      .int("model.transitions.last", \.model.transitionsPart.last, 1...100, "Number of newest items of a user whose successors count.")),
    transitions(
      .float(
        "model.transitions.decay", \.model.transitionsPart.decay, 0...1,
        "Factor by which each older item weighs less than the one after it.")),
    transitions(
      .float("model.transitions.gap_floor", \.model.transitionsPart.gapFloor, 0...1, "Least weight of a transition across a pause.")),
    transitions(
      .floatMilliseconds(
        "model.transitions.gap_scale", \.model.transitionsPart.gapScaleMilliseconds, Duration.milliseconds(1)...century.upperBound,
        "Pause over which the weight decays by a factor of e.")),
    transitions(
      .float("model.transitions.backward", \.model.transitionsPart.backward, 0...1, "Weight of a transition in the opposite direction.")),
    transitions(.int("model.transitions.successors", \.model.transitionsPart.successors, 1...1000, "Number of successors kept per item.")),
    transitions(
      .float(
        "model.transitions.shrinkage", \.model.transitionsPart.shrinkage, above: 0, positive,
        "Number added to the total of an item before its counts are divided by it, so that rare transitions count less.")),
    optionalDouble("model.alpha", \.model.alpha, "Confidence per unit of strength (Hu-Koren), instead of `model.unobserved_weight`."),
    .int("model.iterations", \.model.coldIterations, 1...1000, "Iterations of a training that starts from random factors."),
    .int("model.warm_iterations", \.model.warmIterations, 1...1000, "Iterations of a training that starts from the model in use."),
    .choice(
      "model.solver", \.model.solver, planned: ["ials++"],
      "How a training solves a row: exactly (`cholesky`) or with conjugate gradients (`cg`); `auto` takes `cg` from 32 factors on, and the fold-in is always exact."
    ),
    .int(
      "model.cg_steps", \.model.cgSteps, 1...100, noneWord: "auto",
      "Steps of conjugate gradients per row; `auto`: one to three, chosen during the training."),
    seed,
    .int("model.history_per_user", \.model.historyPerUser, 1...10_000_000, "Number of newest pairs that are kept per user."),
    .int("model.seen_per_user", \.model.seenPerUser, 1...10_000_000, "Number of newest items of a user that lists leave out."),
    .duration(
      "model.seen_for", \.model.seenFor, Duration.seconds(1)...century.upperBound,
      "Time after the user's last event with an item, counted back from the newest event, for which lists leave the item out; without it, for ever."
    ),
    .int(
      "model.min_support", \.model.minSupport, 1...200,
      "Users that an item must have before it gets a vector and appears in the lists of others."),
    .boolOrList(
      "model.exclude_seen", \.model.excludeSeen, \.input.seenTypes,
      "Whether lists leave out what the user has interacted with, or the types of events that count for it, such as `purchase,like`."),
  ]

  static let foldIn: [ConfigurationKey] = [
    .int("foldin.batch_max", \.foldIn.batchMax, 1...100_000, "Largest number of users whose lists are computed in one batch."),
    .duration(
      "foldin.linger", \.foldIn.linger, Duration.zero...Duration.seconds(10),
      "Longest time that changed users wait while earlier lists are not acknowledged, so that one batch covers more of them."),
    .int("foldin.workers", \.foldIn.workers, 1...256, "Number of threads; it does not change results."),
    .choice("foldin.items", \.foldIn.items, planned: ["touched"], "Which items get a vector between trainings: none, or new ones."),
  ]

  static let retrain: [ConfigurationKey] = [
    .int(
      "retrain.every_events", \.retrain.everyEvents, 1...Int.max, noneWord: "auto",
      "Number of events between trainings; `auto`: 5 % of the pairs that the model in use was trained on, at least 1,000."
    ).reloadable(),
    .duration("retrain.interval", \.retrain.interval, Duration.seconds(1)...century.upperBound, "Time between trainings.").reloadable(),
    .int(
      "retrain.first_pairs", \.retrain.firstPairs, 2...Int.max,
      "Pairs of user and item for the first model; `retrain.every_events` lowers it, and `retrain.interval` replaces it."
    ).reloadable(),
    .double(
      "retrain.max_share", \.retrain.maxShare, above: 0, 0...1,
      "Largest share of the time that retrains and roll-outs take, unless `retrain.every_events` or `retrain.interval` is set. A model that has been outgrown by half is replaced at once."
    ).reloadable(),
    .double(
      "retrain.max_quality_drop", \.retrain.maxQualityDrop, 0...1,
      "Relative loss of recall above which a new model counts as worse, if the loss is beyond noise (95 %)."
    )
    .reloadable(),
    .int("retrain.threads", \.retrain.threads, 1...1024, noneWord: "auto", "Number of threads of a training; `auto` leaves one core free."),
    .int(
      "retrain.nice", \.retrain.nice, 0...19,
      "Nice value of snapshots, and of trainings on a machine where the threads of a training get too little of the time that others leave."
    ),
    .choice(
      "retrain.on_quality_drop", \.retrain.onQualityDrop,
      "What happens to a new model that is worse: it is discarded (`keep_old`) or used (`accept`)."
    ).reloadable(),
    .bool("retrain.warm_start", \.retrain.warmStart, "Whether a training starts from the model in use."),
    .duration(
      "retrain.max_duration", \.retrain.maxDuration, Duration.seconds(1)...century.upperBound,
      "Duration after which a training is cancelled."
    ).reloadable(),
    .string(
      "retrain.external.command", \.retrain.externalCommand, empty: "none",
      "Command for `/bin/sh` that trains in place of the engine: it reads `interactions.parquet` in its directory and writes `item_factors.npy` and `item_ids.txt`. See [model.md](model.md#training-by-another-program)."
    ),
    optionalDouble(
      "retrain.max_drift", \.retrain.maxDrift, in: 0...1,
      "Share of the items in lists that a retrain may change before it is due, measured on 1,000 users by one iteration over all pairs; `none` does not measure it. See [model.md](model.md#drift)."
    ).reloadable(),
    .duration(
      "retrain.drift_interval", \.retrain.driftInterval, Duration.seconds(1)...century.upperBound,
      "Time between two measurements of the drift."
    ).reloadable(),
    .int(
      "retrain.keep_epochs", \.retrain.keepEpochs, 0...1000,
      "Number of models kept in `<instance.data_dir>/epochs`, to which `freshet models rollback` can return."),
    .string(
      "retrain.epoch_store", \.retrain.epochStore, empty: "none",
      "Directory or `s3://bucket/prefix`, of this engine alone, that every kept model is copied to, and that a machine without the "
        + "directory reads them from."),
  ]

  static let shadow: [ConfigurationKey] = [
    .string("shadow.name", \.shadow.name, "Name of the shadow model in reports.").checked { ConfigurationCheck.name($0, lengthMax: 64) },
    .map(
      "shadow.settings", \.shadow.settings,
      "Keys of the group `model` in which it differs, such as `{\"model.factors\": 96}`. It is trained after each retrain and judged by the same events, on one user in sixteen; without any, there is none."
    )
    .checkedEntries { ShadowSettings.fault(ofEntry: $0, $1) },
  ]

  static let topN: [ConfigurationKey] = [
    .int("topn.n", \.topN.n, 1...1000, "Number of items in the list of a user."),
    .int("topn.popular_n", \.topN.popularN, 1...10_000, "Number of items in the popular list."),
    .int("topn.similar_n", \.topN.similarN, 1...1000, "Number of items in a list of similar items."),
    .choice(
      "topn.when_empty", \.topN.whenEmpty,
      "What a user gets who has used every item: the popular items, or no list (`absent`), so that readers fall back to their own."),
    .double(
      "topn.similar_shrinkage", \.topN.similarShrinkage, positive,
      "Number of users of an item at which its similarity to others counts half; 0 lists items that a few users had in common first."),
  ]

  static let publish: [ConfigurationKey] = [
    .duration("publish.ttl", \.publish.ttl, Duration.seconds(1)...century.upperBound, "Time to live of a list; every write renews it."),
    .int("publish.pipeline", \.publish.pipeline, 1...100_000, "Number of commands that are sent before the first reply is awaited."),
    .int(
      "publish.max_rate", \.publish.maxRate, 1...1_000_000_000, "Largest number of commands per second while a whole model is published."
    ).reloadable(),
    .duration(
      "publish.refresh", \.publish.refresh, Duration.seconds(1)...century.upperBound,
      "Time within which every list is written again, even if nothing changed."),
    .bool("publish.vectors", \.publish.vectors, "Whether user and item vectors are written, too."),
    .bool(
      "publish.rows", \.publish.rows,
      "Whether rows of users, packs of item vectors and the trend are written, from which a gateway computes filtered or longer lists."),
    .bool("publish.similar", \.publish.similar, "Whether lists of similar items are written."),
    .int(
      "publish.queue_limit", \.publish.queueLimit, 1...100_000_000,
      "Largest number of commands that wait for Redis; when it is reached, lists are computed later."
    ).reloadable(),
  ]

  static let redis: [ConfigurationKey] = [
    .string("redis.url", \.redis.url, "Server as `redis://host:port/db` or `unix:///path?db=N`, without credentials.").checked(
      ConfigurationCheck.redisURL),
    .string("redis.username", \.redis.username, empty: "none", "User name for `AUTH`."),
    .string(
      "redis.password_file", \.redis.passwordFile, empty: "none", "File with the password, mode 0600; it is read again at every connection."
    ).reloadable(),
    .string("redis.password", \.redis.password, empty: "none", "Password, which `redis.password_file` overrides; it is refused as a flag.")
      .secret(),
    .duration(
      "redis.timeout", \.redis.timeout, Duration.milliseconds(1)...Duration.seconds(3600),
      "Time after which a connection attempt or a command without a reply has failed."),
    .string("redis.key_prefix", \.redis.keyPrefix, "First part of every key.").checked { ConfigurationCheck.name($0, lengthMax: 64) },
    .string("redis.namespace", \.redis.namespace, "Second part of every key, which keeps several engines on one server apart.")
      .checked { ConfigurationCheck.name($0, lengthMax: 64) },
  ]

  static let snapshot: [ConfigurationKey] = [
    .duration("snapshot.interval", \.snapshot.interval, Duration.milliseconds(100)...century.upperBound, "Time between snapshots.")
      .reloadable(),
    .int("snapshot.keep", \.snapshot.keep, 1...1000, "Number of snapshots that are kept.").reloadable(),
    .string("snapshot.dir", \.snapshot.directory, empty: "auto", "Directory for snapshots; `auto` is `<instance.data_dir>/snapshots`."),
    .string(
      "snapshot.store", \.snapshot.store, empty: "none",
      "Directory or `s3://bucket/prefix`, of this engine alone, that the newest snapshot is copied to; an engine without snapshots starts from there. See [stores.md](stores.md)."
    ),
    .bool("snapshot.fsync", \.snapshot.fsync, "Whether a snapshot is synchronized to disk before its offsets are committed."),
  ]

  static let archive: [ConfigurationKey] = [
    .string(
      "archive.store", \.archive.store, empty: "none",
      "Directory or `s3://bucket/prefix`, of this engine alone, that every applied interaction is written to as Parquet. See [archive.md](archive.md)."
    ),
    .int(
      "archive.spool_max", \.archive.spoolMax, (1 << 20)...(1 << 50),
      "Bytes of files that wait in `instance.data_dir` while `archive.store` cannot be reached; above it, reading is paused."),
  ]

  static let admin: [ConfigurationKey] = [
    .string(
      "admin.listen", \.admin.listen, empty: "none",
      "Address of the admin server as `host:port`; another one than loopback needs `admin.token_file`; `none`: no server."
    )
    .checked(ConfigurationCheck.listenAddress),
    .string(
      "admin.token_file", \.admin.tokenFile, empty: "none",
      "File, of mode 0600, with the token, of at least 16 characters, that every admin request must send, or with lines `name role sha256` "
        + "of several; it is read again when it changes."
    ),
  ]

  static let gateway: [ConfigurationKey] = [
    .string(
      "gateway.listen", \.gateway.listen, empty: "none",
      "Address as `host:port`; another one than loopback needs `gateway.token_file` or TLS. `none`: `serve` starts no gateway, and `freshet gateway` listens on 127.0.0.1:8087."
    )
    .checked(ConfigurationCheck.listenAddress),
    .string(
      "gateway.token_file", \.gateway.tokenFile, empty: "none",
      "File of tokens, mode 0600: lines of `name role sha256`, as `freshet token new` makes them, with the roles read, write and admin; a change is in force within a second."
    ),
    .string(
      "gateway.key_file", \.gateway.keyFile, empty: "none",
      "File with the key that signs `recommendation_id`, mode 0600; without it, ids only have a checksum."),
    .string(
      "gateway.tls_certificate_file", \.gateway.certificateFile, empty: "none",
      "Certificate chain in PEM for TLS 1.2 and 1.3; SIGHUP reads it again."),
    .string("gateway.tls_key_file", \.gateway.certificateKeyFile, empty: "none", "Key of the certificate in PEM, mode 0600."),
    .optionalList(
      "gateway.allowed_origins", \.gateway.allowedOrigins,
      "Origins whose web pages may read answers, such as `https://shop.example`; `*` for all."),
    .optionalList(
      "gateway.trusted_proxies", \.gateway.trustedProxies, "Addresses of proxies whose `X-Forwarded-For` names the client."),
    optionalDouble(
      "gateway.rate_limit", \.gateway.rateLimit, "Requests a second of one token or address; twice as many may come at once."),
    .string(
      "gateway.beacon_file", \.gateway.beaconFile, empty: "none",
      "File of the public keys with which web pages send events: lines of `key origin ...`; a change is in force within a second. `none`: no page may."
    ),
    .string(
      "gateway.beacon_secret_file", \.gateway.beaconSecretFile, empty: "none",
      "File with the secret that signs the user ids of web pages, mode 0600; without it pages send anonymous ids only."),
    .double(
      "gateway.beacon_rate_limit", \.gateway.beaconRateLimit, 0.1...1_000_000,
      "Requests a second that the pages of one address may send; five times as many may come at once."),
    .optionalList(
      "gateway.imported", \.gateway.imported,
      "Lists of other programs (`freshet import lists`) that are blended with the engine's list of a user: `NAME` or `NAME=WEIGHT`, up to 8. The weight of the engine's list is 1: with `ranker=0.5` a third of the places is of `ranker`."
    )
    .checked(ConfigurationCheck.importedLists),
    .int("gateway.threads", \.gateway.threads, 1...256, "Threads; each has a connection to Redis of its own."),
    .int("gateway.max_connections", \.gateway.connectionsMax, 8...100_000, "Largest number of open connections."),
    .bool("gateway.writes", \.gateway.writes, "Whether events, items and deletions of users are taken and written to Kafka."),
    .duration(
      "gateway.timeout", \.gateway.timeout, Duration.milliseconds(100)...Duration.seconds(60),
      "Longest time that the broker may take to acknowledge an event."),
    .string("gateway.engine", \.gateway.engine, empty: "auto", "Admin address of the engine, for explanations; `auto` is `admin.listen`."),
    .string(
      "gateway.engine_token_file", \.gateway.engineTokenFile, empty: "auto", "File with the token for it; `auto` is `admin.token_file`."),
  ]

  static let probes: [ConfigurationKey] = [
    .string(
      "probes.listen", \.probes.listen, empty: "none",
      "Address as `host:port` that serves only `/livez`, `/readyz`, `/startupz` and `/metrics`, without a token, also to other machines."
    )
    .checked(ConfigurationCheck.listenAddress)
  ]

  static let ready: [ConfigurationKey] = [
    .duration("ready.max_lag", \.ready.maxLag, century, "Lag above which `/readyz` reports that the engine is not ready.").reloadable()
  ]

  static let shutdown: [ConfigurationKey] = [
    .duration(
      "shutdown.timeout", \.shutdown.timeout, Duration.seconds(1)...Duration.seconds(3600), "Longest time that an orderly shutdown takes."
    )
    .reloadable()
  ]

  static let log: [ConfigurationKey] = [
    .choice("log.level", \.log.level, "Least severe level that is written.").reloadable(),
    .choice("log.format", \.log.format, "Format of log lines; `auto`: text on a terminal, otherwise one JSON object per line."),
  ]

  static let limits: [ConfigurationKey] = [
    .int(
      "limits.max_rss", \.limits.maxResidentBytes, 16_777_216...Int.max, "Resident memory in bytes above which reading is paused."
    ).reloadable()
  ]

  private static func passedProperty(_ name: String, _ text: String) -> String? {
    PassedProperties.refusal(of: name).map { "refused: \($0)" }
  }

  private static func recency(_ key: ConfigurationKey) -> ConfigurationKey {
    key.within(\.model.recency, switch: "model.recency") { RecencyWeights() }
  }

  private static func trend(_ key: ConfigurationKey) -> ConfigurationKey {
    key.within(\.model.trend, switch: "model.trend") { TrendRules() }
  }

  private static func transitions(_ key: ConfigurationKey) -> ConfigurationKey {
    key.within(\.model.transitions, switch: "model.transitions") { TransitionRules() }
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
    "model.seed", .int(0...Int.max), "Seed of the random initial factors; the same data and seed give the same model."
  ) {
    .int(Int(clamping: $0.model.seed))
  } write: {
    if case .int(let number) = $1 { $0.model.seed = UInt64(number) }
  }
}
