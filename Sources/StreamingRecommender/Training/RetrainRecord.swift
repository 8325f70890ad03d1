/// The record of one retrain, stored next to the snapshots and shown by `freshet models`.
public struct RetrainRecord: Sendable, Equatable, Codable {
  public enum Result: String, Sendable, Codable { case accepted, rejected, failed, cancelled }

  public var job: String
  public var reason: String
  public var result: Result
  /// Reason for a rejection or failure.
  public var message: String?
  /// Epoch of the resulting model; `nil` if there is none.
  public var epoch: UInt32?
  public var startedAtMilliseconds: Int64
  public var endedAtMilliseconds: Int64
  public var secondsPerPhase: [Phase]
  public var threads: Int
  public var residentBytes: Int
  public var users: Int
  public var items: Int
  public var pairs: Int
  public var trainingRows: Int
  public var holdoutPairs: Int
  public var warmStart: Bool
  public var factors: Int
  public var iterations: Int
  public var unobservedWeight: Double
  public var regularization: Double
  public var seed: UInt64
  public var kernel: String
  /// `external` if another program has trained the model.
  public var solver: String
  public static let external = "external"
  /// Next offsets at the freeze, by `topic[partition]`: the training data cover all records below them.
  public var offsets: [String: Int64]
  public var loss: [Double]
  public var secondsPerIteration: Double
  /// recall_at_20 on the holdout of the live model and of the candidate; `nil` without a holdout.
  public var qualityOld: Double?
  public var qualityNew: Double?
  /// Half the width of the 95 % confidence interval of `qualityNew - qualityOld`, paired by user.
  public var qualityMargin: Double?

  /// When the pointer was switched to the model, and when every user had a list of its epoch; milliseconds since 1970.
  public var visibleAtMilliseconds: Int64?
  public var rolledOutAtMilliseconds: Int64?

  /// The epoch whose item vectors the model has, after a rollback or a promotion.
  public var baseEpoch: UInt32?
  /// How the lists of the new model differ from those of the model before; `nil` for the first one.
  public var churn: ChurnReport?

  /// The map from features of items to vectors; `nil` if there are no documents of items.
  public var itemPrior: ItemPriorRecord?

  /// How a map from features to vectors was judged: users' hidden items among all hidden ones.
  public struct ItemPriorRecord: Sendable, Equatable, Codable {
    /// Items that it was learned from, and features that it knows.
    public var items: Int
    public var features: Int
    public var recallAt20: Double?
    /// For comparison: a profile of content, and a random order.
    public var profileRecallAt20: Double?
    public var randomRecallAt20: Double?
    public var isUsed: Bool
  }

  /// A phase of the retrain and its duration in seconds.
  public struct Phase: Sendable, Equatable, Codable {
    public var name: String
    public var seconds: Double
  }
}
