/// What is known of an engine at one moment: plain values, from which `ConsoleReport` makes words.
public struct ConsoleFacts: Sendable, Equatable {
  public var nowMilliseconds: Int64
  public var uptimeSeconds: Double
  /// How long ago the engine's loop last reported; every figure is as old as this.
  public var loopAgeSeconds: Double
  public var fatal: String?
  /// Whether the engine was ready once since its start.
  public var hasBeenReady = false
  /// What is wrong, as `/readyz` and the log have it.
  public var problems: [Problem] = []
  public var stream = Stream()
  public var latency = Latency()
  public var records = Records()
  public var model = Model()
  public var training = Training()
  public var snapshot = Snapshot()
  public var redis = Redis.unknown("it was not asked yet")
  public var memory = Memory()
  /// The newest entry is the first.
  public var activity: [ConsoleActivity.Entry] = []

  public init(nowMilliseconds: Int64, uptimeSeconds: Double, loopAgeSeconds: Double = 0) {
    self.nowMilliseconds = nowMilliseconds
    self.uptimeSeconds = uptimeSeconds
    self.loopAgeSeconds = loopAgeSeconds
  }

  /// A number with the name of what has it.
  public struct Named: Sendable, Equatable {
    public var name: String
    public var amount: Int
    public init(_ name: String, _ amount: Int) {
      self.name = name
      self.amount = amount
    }
  }

  /// A condition of the engine.
  public struct Problem: Sendable, Equatable {
    /// The name of the check, such as `kafka` or `lag`.
    public var name: String
    /// Whether it keeps the engine from being ready.
    public var isInTheWay: Bool
    public var message: String
    public init(_ name: String, isInTheWay: Bool, _ message: String) {
      self.name = name
      self.isInTheWay = isInTheWay
      self.message = message
    }
  }

  public struct Stream: Sendable, Equatable {
    public var lagSeconds: Double?
    public var lagRecords: Int?
    /// The lag at which the engine is not ready.
    public var lagSecondsMax = 10.0
    /// The partition that is furthest behind, with its records to read.
    public var worst: Named?
    public var trend = ConsoleHistory.Trend.unknown
    /// Users whose lists are still to be written.
    public var waitingUsers = 0
    public var topics: [String] = []
    public var eventsPerSecond: Double?
    public var eventsPerSecondHourAgo: Double?
    /// How long ago the newest record was produced.
    public var lastEventAgeSeconds: Double?
    public var events = 0
    public init() {}
  }

  /// From the production of an event to the reply of Redis for the list with it, over the last minute or two.
  public struct Latency: Sendable, Equatable {
    public var halfMilliseconds: Double?
    public var mostMilliseconds: Double?
    /// The worst of the last 15 minutes.
    public var mostMillisecondsBefore: Double?
    public init() {}
  }

  public struct Records: Sendable, Equatable {
    public struct Reason: Sendable, Equatable {
      public var name: String
      public var recent: Int
      public var example: String?
      public init(_ name: String, recent: Int, example: String? = nil) {
        self.name = name
        self.recent = recent
        self.example = example
      }
    }

    public var minutes = 5
    public var recent = 0
    public var rejected: [Reason] = []
    public var ignored: [Reason] = []
    public var keyMismatches: [Reason] = []
    public var rejectedSinceStart = 0
    public init() {}
  }

  public struct Model: Sendable, Equatable {
    public var epoch: Int?
    public var ageSeconds: Double?
    public var reason: String?
    public var recall: Double?
    public var recallBefore: Double?
    /// The epoch for which these were measured.
    public var recallEpoch: Int?
    /// What events say of the lists that stood: the last 24 hours, and the 24 before.
    public var live = LiveRates()
    public var liveBefore = LiveRates()
    /// The share of the items in lists that the model changed when it came.
    public var churn: Double?
    /// The epoch to which it was rolled back, while retrains wait.
    public var rolledBackTo: Int?
    /// Share of the items that were seen in answers and then used; `nil` if nobody reports what was seen.
    public var clickThrough: Double?
    /// How the arms of an experiment compare.
    public var arms: String?
    /// How a shadow model compares.
    public var shadow: String?
    public var users = 0
    public var items = 0
    public var hiddenItems = 0
    public var pairs = 0
    public init() {}
  }

  public struct LiveRates: Sendable, Equatable {
    public var events = 0
    /// Share of the events whose item was among the first 10, of the list and of the popular items.
    public var hits: Double?
    public var popularHits: Double?
    public init(events: Int = 0, hits: Double? = nil, popularHits: Double? = nil) {
      self.events = events
      self.hits = hits
      self.popularHits = popularHits
    }
  }

  public struct Training: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable { case accepted, refused, failed, cancelled }
    public struct Ended: Sendable, Equatable {
      public var outcome: Outcome
      public var seconds: Double
      public var ageSeconds: Double
      public var message: String?
      public init(_ outcome: Outcome, seconds: Double, ageSeconds: Double, message: String? = nil) {
        self.outcome = outcome
        self.seconds = seconds
        self.ageSeconds = ageSeconds
        self.message = message
      }
    }

    /// The phase of the one that runs; `nil` if none does.
    public var phase: String?
    public var ratio = 0.0
    public var runningSeconds: Double?
    /// How long the ratio and the phase have been as they are.
    public var unchangedSeconds: Double?
    public var last: Ended?
    /// What the next one waits for.
    public var next: String?
    public init() {}
  }

  public struct Snapshot: Sendable, Equatable {
    public var ageSeconds: Double?
    public var intervalSeconds = 60.0
    public var problem: String?
    /// Records that a restart would read again; `nil` while there is no snapshot.
    public var recordsBehind: Int?
    /// How fast the last start read; `nil` if it read nothing.
    public var replayPerSecond: Double?
    public init() {}
  }

  public enum Redis: Sendable, Equatable {
    case known(Server)
    /// The reason why nothing is known.
    case unknown(String)

    public struct Server: Sendable, Equatable {
      public var usedBytes: Int
      /// 0 for no limit.
      public var limitBytes: Int
      public var policy: String
      public var users: Int
      /// From the growth of the last hours; `nil` if it does not grow or too little is known.
      public var bytesPerDay: Double?
      public init(usedBytes: Int, limitBytes: Int, policy: String, users: Int, bytesPerDay: Double? = nil) {
        self.usedBytes = usedBytes
        self.limitBytes = limitBytes
        self.policy = policy
        self.users = users
        self.bytesPerDay = bytesPerDay
      }
    }
  }

  public struct Memory: Sendable, Equatable {
    public struct Limit: Sendable, Equatable {
      public enum Kind: String, Sendable {
        case configured = "limits.max_rss"
        case container = "the container's limit"
        case machine = "the machine's memory"
      }
      public var kind: Kind
      public var bytes: Int
      public init(_ kind: Kind, bytes: Int) {
        self.kind = kind
        self.bytes = bytes
      }
    }

    public var residentBytes: Int?
    public var limit: Limit?
    public var isPaused = false
    /// What the state takes, by part.
    public var parts: [Named] = []
    public var bytesPerDay: Double?
    public init() {}
  }
}
