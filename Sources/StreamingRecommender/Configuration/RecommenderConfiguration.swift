import Factorization

/// All settings of the engine with their defaults. `ConfigurationTable` defines the key, description and type of each field; each
/// component receives only its own group.
public struct RecommenderConfiguration: Sendable, Equatable {
  public var instance = Instance()
  public var input = Input()
  public var schemaRegistry = SchemaRegistry()
  public var kafka = Kafka()
  public var model = Model()
  public var foldIn = FoldIn()
  public var retrain = Retrain()
  public var shadow = Shadow()
  public var topN = TopN()
  public var items = Items()
  public var publish = Publish()
  public var redis = Redis()
  public var snapshot = Snapshot()
  public var archive = Archive()
  public var runs = Runs()
  public var mlflow = MLflow()
  public var store = Store()
  public var admin = Admin()
  public var probes = Probes()
  public var gateway = Gateway()
  public var ready = Ready()
  public var shutdown = Shutdown()
  public var log = Log()
  public var limits = Limits()
  public init() {}

  public struct Instance: Sendable, Equatable {
    /// If empty, the host name.
    public var id = ""
    /// If empty, `/var/lib/freshet` for root, otherwise `$XDG_STATE_HOME/freshet`.
    public var dataDirectory = ""
    public init() {}
  }

  public struct Input: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable {
      case auto, json, avro, protobuf
      case cloudEvents = "cloudevents"
    }
    public enum StrengthRule: String, Sendable, CaseIterable { case weight, log1p, ignore }
    public enum OnError: String, Sendable, CaseIterable { case dlq, skip }
    public enum UnknownType: String, Sendable, CaseIterable { case ignore, apply }
    public enum Preset: String, Sendable, CaseIterable {
      case freshet, personalize, google, gorse, predictionio, segment, debezium, spark
    }
    /// What another event of the same user and item means.
    public enum Repeats: String, Sendable, CaseIterable {
      case sum, once, newest

      var operation: Interaction.Operation {
        switch self {
        case .sum: .add
        case .once: .once
        case .newest: .set
        }
      }
    }
    public enum OnBadTimestamp: String, Sendable, CaseIterable {
      case recordTime = "record_time"
      case reject
    }
    public enum AliasFamily: String, Sendable, CaseIterable { case personalize, google, gorse, spark }
    public var topics = ["events"]
    public var format = Format.auto
    /// The schema of values that name none; empty for none.
    public var schemaFile = ""
    /// The Protobuf message of values that name none; empty for the first one of the file.
    public var schemaMessage = ""
    public var strength = StrengthRule.weight
    public var maxStrength = 1e6
    public var onError = OnError.dlq
    public var maxRecordBytes = 65_536
    public var maxIDBytes = 256
    public var maxDepth = 16
    public var maxValue = 1e6
    public var preset = Preset.freshet
    /// Candidates of a field, separated by `|`, by the field's name.
    public var fields: [String: String] = [:]
    /// Rules by which records are no interactions.
    public var ignore: [String] = []
    /// What events of a type mean: a weight, an operation or `ignore`.
    public var types: [String: String] = [:]
    /// What a code of `op` means, beside the standard ones.
    public var operations: [String: String] = [:]
    public var maxEventsPerRecord = 1000
    public var timestampFormat = "auto"
    public var onBadTimestamp = OnBadTimestamp.recordTime
    public var key = "auto"
    public var aliases: [AliasFamily] = AliasFamily.allCases
    public var weights: [String: Double] = [:]
    public var defaultWeight = 1.0
    public var unknownType = UnknownType.ignore
    public var repeats = Repeats.sum
    public var dedupeWindow = 10_000
    public var mergedUsersMax = 1_000_000
    /// The types of events that make an item seen (`model.exclude_seen`); if empty, all.
    public var seenTypes: [String] = []
    public var maxFuture = Duration.seconds(300)
    public var halfLife: Duration?
    public init() {}

    /// The same for the lines of a file, which are JSON whatever the topics hold.
    public var ofFiles: Input {
      var input = self
      if format != .json { input.format = .auto }
      return input
    }
  }

  public struct SchemaRegistry: Sendable, Equatable {
    /// If empty, there is no registry.
    public var urls: [String] = []
    public var username = ""
    public var passwordFile = ""
    public var tokenFile = ""
    /// If empty, the certificates of the system.
    public var caFile = ""
    public var certificateFile = ""
    public var keyFile = ""
    public var timeout = Duration.seconds(5)
    public init() {}
  }

  public struct Kafka: Sendable, Equatable {
    public enum OnGap: String, Sendable, CaseIterable { case halt, earliest }
    public var bootstrapServers = "127.0.0.1:9092"
    public var groupID = "freshet"
    /// If empty, `instance.id` and a hash of `instance.data_dir`. `none` makes it a dynamic member.
    public var groupInstanceID = ""
    public var staticMembership = false
    /// librdkafka properties from `kafka.common.*`, `kafka.consumer.*`, `kafka.producer.*`.
    public var common: [String: String] = [:]
    public var consumer: [String: String] = [:]
    public var producer: [String: String] = [:]
    public var onGap = OnGap.halt
    /// If empty, `<topic>.dlq`.
    public var dlqTopic = ""
    /// The topic to which dead letters of an input topic are written.
    public func deadLetterTopic(of topic: String) -> String { dlqTopic.isEmpty ? topic + ".dlq" : dlqTopic }
    public init() {}
  }

  public struct Items: Sendable, Equatable {
    /// The compacted topic of documents of items; empty for none.
    public var topic = ""
    public var prior = true
    public var titleWords = false
    public init() {}
  }

  public struct Model: Sendable, Equatable {
    public enum Solver: String, Sendable, CaseIterable { case auto, cholesky, cg }
    public var factors = 64
    public var unobservedWeight = 0.1
    public var regularization = 0.015
    public var regularizationExponent = 1.0
    /// `nil` switches recency weights off.
    public var recency: RecencyWeights? = RecencyWeights()
    /// The number of a user's events per training row; `nil` makes one row per user.
    public var trainingBlock: Int? = 20
    /// `nil` switches the trend off in scores; the popular list then uses the half-life of `TrendRules()`.
    public var trend: TrendRules? = TrendRules()
    /// `nil` switches transitions off, so that scores do not depend on the order of items.
    public var transitions: TransitionRules? = TransitionRules()
    /// The confidence per unit of strength of Hu, Koren and Volinsky (2008); it replaces `unobservedWeight`.
    public var alpha: Double?
    public var coldIterations = 8
    public var warmIterations = 2
    public var solver = Solver.auto
    /// `nil` chooses one to three steps during the training.
    public var cgSteps: Int?
    public var seed: UInt64 = 1
    public var historyPerUser = 2000
    public var seenPerUser = 10_000
    public var excludeSeen = true
    /// How long an item counts as seen; `nil` is for ever.
    public var seenFor: Duration?
    /// The number of users that an item must have before it gets a vector.
    public var minSupport = 2
    public init() {}
  }

  public struct FoldIn: Sendable, Equatable {
    public enum Items: String, Sendable, CaseIterable { case none, new }
    public var batchMax = 256
    public var linger = Duration.milliseconds(5)
    public var workers = 1
    public var items = Items.new
    public init() {}
  }

  public struct Retrain: Sendable, Equatable {
    public enum OnQualityDrop: String, Sendable, CaseIterable {
      case keepOld = "keep_old"
      case accept
    }
    /// `nil` is 5 % of the pairs that the current model was trained on, at least 1,000.
    public var everyEvents: Int?
    public var interval: Duration?
    /// The number of pairs for the first model.
    public var firstPairs = 1_000
    /// The largest share of the time that retrains and roll-outs may take, unless `everyEvents` or `interval` is set.
    public var maxShare = 0.25
    public var maxQualityDrop = 0.05
    /// `nil` is the number of cores - 1, at least 1.
    public var threads: Int?
    /// The nice value of trainings and snapshots.
    public var nice = 10
    public var onQualityDrop = OnQualityDrop.keepOld
    public var warmStart = true
    public var maxDuration: Duration?
    /// The share of the lists that a retrain may change before it is due; `nil` does not measure it.
    public var maxDrift: Double?
    public var driftInterval = Duration.seconds(600)
    /// The number of epochs on disk to which the model can be rolled back.
    public var keepEpochs = 5
    /// An object store for copies of the kept models; if empty, they are in the data directory only.
    public var epochStore = ""
    /// A command for the shell that trains in place of the engine; if empty, the engine does.
    public var externalCommand = ""
    public init() {}
  }

  public struct Shadow: Sendable, Equatable {
    public var name = "shadow"
    /// Values of keys of the group `model` that differ; empty: there is no shadow.
    public var settings: [String: String] = [:]
    public init() {}
  }

  public struct TopN: Sendable, Equatable {
    public enum WhenEmpty: String, Sendable, CaseIterable { case popular, absent }
    public var whenEmpty = WhenEmpty.popular
    public var n = 20
    public var popularN = 100
    public var similarN = 20
    /// The number of users of an item at which its similarities count half.
    public var similarShrinkage = 10.0
    public init() {}
  }

  public struct Publish: Sendable, Equatable {
    public var ttl = Duration.seconds(7 * 86_400)
    public var pipeline = 128
    /// The largest number of commands per second while a whole model is published; `nil` is unlimited.
    public var maxRate: Int?
    public var refresh = Duration.seconds(86_400)
    public var vectors = true
    /// Whether to publish what a gateway computes lists from.
    public var rows = false
    public var similar = true
    public var queueLimit = 100_000
    public init() {}
  }

  public struct Redis: Sendable, Equatable {
    public var url = "redis://127.0.0.1:6379"
    public var username = ""
    public var passwordFile = ""
    /// Read from `FRESHET_REDIS_PASSWORD` or a file, never from a flag.
    public var password = ""
    public var timeout = Duration.seconds(1)
    public var keyPrefix = "freshet"
    public var namespace = "default"
    public init() {}
  }

  public struct Snapshot: Sendable, Equatable {
    public var interval = Duration.seconds(60)
    public var keep = 3
    /// If empty, `<instance.data_dir>/snapshots`.
    public var directory = ""
    /// An object store for copies; if empty, there are none.
    public var store = ""
    public var fsync = true
    public init() {}
  }

  public struct Archive: Sendable, Equatable {
    /// An object store for every applied interaction; if empty, there is no archive.
    public var store = ""
    /// Bytes of files that wait in `instance.data_dir` while the store cannot be reached.
    public var spoolMax = 1 << 30
    public init() {}
  }

  public struct Runs: Sendable, Equatable {
    /// An object store for the records of runs; if empty, `run-records` in the data directory. `none`: there are no records.
    public var store = ""
    /// Records of retrains that are kept.
    public var keep = 1000
    /// Where the record of an ended run is posted to; if empty, nowhere.
    public var webhook = ""
    /// File with the secret that a posted record is signed with.
    public var webhookSecretFile = ""
    public init() {}
  }

  public struct MLflow: Sendable, Equatable {
    /// If empty, nothing is sent.
    public var uri = ""
    public var experiment = "freshet"
    /// Name of the registered model that accepted retrains are versions of; if empty, models are not sent.
    public var model = ""
    /// The alias that the newest accepted version gets.
    public var alias = "champion"
    /// File with a token, or with `user:password`.
    public var tokenFile = ""
    public var caFile = ""
    public var timeout = Duration.seconds(10)
    public init() {}
  }

  /// How S3 servers are reached. An address says which of these it replaces.
  public struct Store: Sendable, Equatable {
    public enum Style: String, Sendable, CaseIterable { case auto, path, virtual }
    /// If empty, that of the environment, otherwise AWS.
    public var endpoint = ""
    /// If empty, that of the environment, otherwise `us-east-1`.
    public var region = ""
    public var style = Style.auto
    /// If empty, the credentials of the environment.
    public var credentialsFile = ""
    /// If empty, the certificates of the system.
    public var caFile = ""
    public var timeout = Duration.seconds(30)
    public init() {}
  }

  public struct Admin: Sendable, Equatable {
    /// If empty, there is no admin server.
    public var listen = "127.0.0.1:9464"
    /// If empty, requests need no token, and `listen` must be a loopback address.
    public var tokenFile = ""
    public init() {}
  }

  public struct Gateway: Sendable, Equatable {
    /// If empty, `serve` starts no gateway.
    public var listen = ""
    /// The admin address of the engine; if empty, `admin.listen`.
    public var engine = ""
    public var engineTokenFile = ""
    /// If empty, requests need no token, and `listen` must be a loopback address or use TLS.
    public var tokenFile = ""
    /// Signs ids of recommendations; empty for none.
    public var keyFile = ""
    public var certificateFile = ""
    public var certificateKeyFile = ""
    public var allowedOrigins: [String] = []
    public var trustedProxies: [String] = []
    /// Requests a second of one client; `nil` for no limit.
    public var rateLimit: Double?
    /// The public keys with which web pages send events; empty for none.
    public var beaconFile = ""
    /// Signs the user ids that pages send; if empty, pages send anonymous ids only.
    public var beaconSecretFile = ""
    /// Beacons a second of one address.
    public var beaconRateLimit = 20.0
    public var threads = 4
    public var connectionsMax = 2000
    /// Whether events and items are taken, which need Kafka.
    public var writes = true
    /// How long the broker may take.
    public var timeout = Duration.seconds(5)
    /// Names, with or without weights, of imported lists that are blended with the engine's, see `ImportedListWeight`.
    public var imported: [String] = []
    public init() {}
  }

  public struct Probes: Sendable, Equatable {
    /// If empty, there is no such server.
    public var listen = ""
    public init() {}
  }

  public struct Ready: Sendable, Equatable {
    public var maxLag = Duration.seconds(10)
    public init() {}
  }

  public struct Shutdown: Sendable, Equatable {
    public var timeout = Duration.seconds(25)
    public init() {}
  }

  public struct Log: Sendable, Equatable {
    public enum Level: String, Sendable, CaseIterable { case error, warning, info, debug }
    public enum Format: String, Sendable, CaseIterable { case auto, json, text }
    public var level = Level.info
    public var format = Format.auto
    public init() {}
  }

  public struct Limits: Sendable, Equatable {
    /// Resident memory in bytes above which consumption is paused; `nil` is unlimited.
    public var maxResidentBytes: Int?
    public init() {}
  }
}
