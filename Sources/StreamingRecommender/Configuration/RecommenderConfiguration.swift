import Factorization

/// Every setting of the engine with its default. `ConfigurationTable` gives each field its key, sentence and type; each part of
/// the system receives only its own group.
public struct RecommenderConfiguration: Sendable, Equatable {
  public var instance = Instance()
  public var input = Input()
  public var kafka = Kafka()
  public var model = Model()
  public var foldIn = FoldIn()
  public var retrain = Retrain()
  public var topN = TopN()
  public var publish = Publish()
  public var redis = Redis()
  public var snapshot = Snapshot()
  public var admin = Admin()
  public var ready = Ready()
  public var shutdown = Shutdown()
  public var log = Log()
  public var limits = Limits()
  public init() {}

  public struct Instance: Sendable, Equatable {
    /// Empty: the host's name.
    public var id = ""
    /// Empty: `/var/lib/freshet` for root, else `$XDG_STATE_HOME/freshet`.
    public var dataDirectory = ""
    public init() {}
  }

  public struct Input: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable { case auto, json }
    public enum StrengthRule: String, Sendable, CaseIterable { case weight, log1p, ignore }
    public enum OnError: String, Sendable, CaseIterable { case dlq, skip }
    public enum UnknownType: String, Sendable, CaseIterable { case ignore, apply }
    public enum AliasFamily: String, Sendable, CaseIterable { case personalize, google, gorse, spark }
    public var topics = ["events"]
    public var format = Format.auto
    public var strength = StrengthRule.weight
    public var maxStrength = 1e6
    public var onError = OnError.dlq
    public var maxRecordBytes = 65_536
    public var maxIDBytes = 256
    public var maxDepth = 16
    public var maxValue = 1e6
    public var aliases: [AliasFamily] = AliasFamily.allCases
    public var weights: [String: Double] = [:]
    public var defaultWeight = 1.0
    public var unknownType = UnknownType.ignore
    public var maxFuture = Duration.seconds(300)
    public var halfLife: Duration?
    public init() {}
  }

  public struct Kafka: Sendable, Equatable {
    public enum OnGap: String, Sendable, CaseIterable { case halt, earliest }
    public var bootstrapServers = "127.0.0.1:9092"
    public var groupID = "freshet"
    /// Empty: `instance.id` and a hash of `instance.data_dir`. `none`: a dynamic member.
    public var groupInstanceID = ""
    /// librdkafka properties from `kafka.common.*`, `kafka.consumer.*`, `kafka.producer.*`.
    public var common: [String: String] = [:]
    public var consumer: [String: String] = [:]
    public var producer: [String: String] = [:]
    public var onGap = OnGap.halt
    /// Empty: `<topic>.dlq`.
    public var dlqTopic = ""
    /// The topic for the dead letters of an input topic.
    public func deadLetterTopic(of topic: String) -> String { dlqTopic.isEmpty ? topic + ".dlq" : dlqTopic }
    public init() {}
  }

  public struct Model: Sendable, Equatable {
    public enum Solver: String, Sendable, CaseIterable { case auto, cholesky, cg }
    public var factors = 64
    public var unobservedWeight = 0.1
    public var regularization = 0.015
    public var regularizationExponent = 1.0
    /// `nil` switches the recency weights off.
    public var recency: RecencyWeights? = RecencyWeights()
    /// Events of a user per training row; `nil`: one row per user.
    public var trainingBlock: Int? = 20
    /// `nil` adds no trend to the score; the popular list keeps the half-life of `TrendRules()`.
    public var trend: TrendRules? = TrendRules()
    /// `nil` leaves the order of items to the factors.
    public var transitions: TransitionRules? = TransitionRules()
    /// The Hu-Koren form, instead of `unobservedWeight`.
    public var alpha: Double?
    public var coldIterations = 8
    public var warmIterations = 2
    public var solver = Solver.auto
    /// `nil`: one to three, chosen during the training.
    public var cgSteps: Int?
    public var seed: UInt64 = 1
    public var historyPerUser = 2000
    public var seenPerUser = 10_000
    public var excludeSeen = true
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
    /// `nil`: 5 % of the pairs that the model in use was trained on, at least 1,000.
    public var everyEvents: Int?
    public var interval: Duration?
    public var maxQualityDrop = 0.05
    /// `nil`: cores - 1, at least 1.
    public var threads: Int?
    public var onQualityDrop = OnQualityDrop.keepOld
    public var warmStart = true
    public var maxDuration: Duration?
    public init() {}
  }

  public struct TopN: Sendable, Equatable {
    public var n = 20
    public var popularN = 100
    public var similarN = 20
    public init() {}
  }

  public struct Publish: Sendable, Equatable {
    public var ttl = Duration.seconds(7 * 86_400)
    public var pipeline = 128
    /// Commands per second while a whole model is published; `nil`: no limit.
    public var maxRate: Int?
    public var refresh = Duration.seconds(86_400)
    public var vectors = true
    public var similar = true
    public var queueLimit = 100_000
    public init() {}
  }

  public struct Redis: Sendable, Equatable {
    public var url = "redis://127.0.0.1:6379"
    public var username = ""
    public var passwordFile = ""
    /// From `FRESHET_REDIS_PASSWORD`; never from a flag.
    public var password = ""
    public var timeout = Duration.seconds(1)
    public var keyPrefix = "freshet"
    public var namespace = "default"
    public init() {}
  }

  public struct Snapshot: Sendable, Equatable {
    public var interval = Duration.seconds(60)
    public var keep = 3
    /// Empty: `<instance.data_dir>/snapshots`.
    public var directory = ""
    public var fsync = true
    public init() {}
  }

  public struct Admin: Sendable, Equatable {
    /// Empty: no admin server.
    public var listen = "127.0.0.1:9464"
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
    /// Bytes of resident memory above which consuming pauses; `nil`: no limit.
    public var maxResidentBytes: Int?
    public init() {}
  }
}
