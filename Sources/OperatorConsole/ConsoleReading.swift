/// What an engine shows at one moment, once a second.
public struct ConsoleReading: Sendable, Equatable {
  public struct Problem: Sendable, Equatable {
    /// Distinguishes problems of one name, such as those of two partitions.
    public var key: String
    public var message: String
    public var sinceMilliseconds: Int64
    public init(key: String, message: String, sinceMilliseconds: Int64) {
      self.key = key
      self.message = message
      self.sinceMilliseconds = sinceMilliseconds
    }
  }

  public struct Retrain: Sendable, Equatable {
    public var id: String
    public var outcome: ConsoleFacts.Training.Outcome
    public var message: String?
    public init(id: String, outcome: ConsoleFacts.Training.Outcome, message: String?) {
      self.id = id
      self.outcome = outcome
      self.message = message
    }
  }

  public var atMilliseconds: Int64
  public var nanoseconds: UInt64
  /// Records read since the start.
  public var records = 0.0
  public var lagRecords: Int?
  public var lagSeconds: Double?
  public var halfMilliseconds: Double?
  public var mostMilliseconds: Double?
  public var residentBytes: Int?
  public var redisBytes: Int?
  public var isReady = false
  public var problems: [Problem] = []
  /// Of the model that readers see.
  public var epoch: Int?
  public var trainingPhase: String?
  public var trainingRatio = 0.0
  public var lastRetrain: Retrain?
  public var forgottenUsers = 0

  public init(atMilliseconds: Int64, nanoseconds: UInt64) {
    self.atMilliseconds = atMilliseconds
    self.nanoseconds = nanoseconds
  }
}
