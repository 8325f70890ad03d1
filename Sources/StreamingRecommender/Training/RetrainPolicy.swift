/// Decides when to start a full retrain.
public struct RetrainPolicy: Sendable, Equatable {
  /// Why a retrain starts.
  public enum Reason: Equatable, Sendable, CustomStringConvertible {
    case first, requested
    case interactions(Int)
    case age(Duration)
    /// So large a share of the lists would change.
    case drift(Double)
    /// The item vectors of this epoch are to be used again.
    case rollback(UInt32)
    /// Those of the shadow model are to be used.
    case promotion(String)
    /// Vectors that another program has left in this directory are to be used.
    case imported(String)

    public var description: String {
      switch self {
      case .first: "first model"
      case .requested: "requested"
      case .interactions(let count): "\(count) interactions since the last training"
      case .age(let age): "the model is \(age) old"
      case .drift(let drift): "a retrain would change \(Int((drift * 100).rounded())) % of the lists"
      case .rollback(let epoch): "rollback to epoch \(epoch)"
      case .promotion(let name): "promotion of \(name)"
      case .imported(let directory): "import of \(directory)"
      }
    }
  }

  /// What the next retrain waits for.
  public enum Condition: Equatable, Sendable, CustomStringConvertible {
    /// Two pairs, users and items are the least that anything can be trained on.
    case data
    case firstPairs(have: Int, needed: Int)
    case backlog(records: Int64?)
    case interactions(have: Int, needed: Int)
    /// Enough interactions have arrived, but retrains and their roll-outs would take more than `maxShare` of the time.
    case rest(Duration)
    /// The last training failed or was cancelled.
    case retry(Duration)
    /// Until somebody says otherwise, because a retrain would undo a rollback.
    case resumption(rolledBackTo: UInt32)

    public var description: String {
      switch self {
      case .data: "first model: needs at least two users, two items and two pairs"
      case .firstPairs(let have, let needed): "first model: \(have) of \(needed) pairs"
      case .backlog(let records?): "first model: \(records) records are still to be read"
      case .backlog(nil): "first model: the lag is not known yet"
      case .interactions(let have, let needed): "\(have) of \(needed) new interactions"
      case .rest(let left): "in \(left.wholeSeconds) s, because of retrain.max_share"
      case .resumption(let epoch): "paused since the rollback to epoch \(epoch): freshet retrain, or freshet retrain --resume, ends that"
      case .retry(let left): "in \(left.wholeSeconds) s, because the last training failed or was cancelled"
      }
    }
  }

  public enum Decision: Equatable, Sendable {
    case wait(Condition)
    case retrain(Reason)
  }

  /// Number of events between retrains; `nil` means 5 % of the pairs that the live model was trained on, at least 1,000.
  public var everyEvents: Int?
  public var interval: Duration?
  /// Minimum number of pairs for the first training.
  public var firstPairs: Int
  /// Largest share of the time that retrains and their roll-outs may take if neither `everyEvents` nor `interval` is set.
  public var maxShare: Double
  /// The share of the lists that a retrain may change before it is due; `nil` does not measure it.
  public var maxDrift: Double?
  /// The first training starts when the lag (in records) falls below this, or after `firstWaitMax`.
  public static let firstLagMax: Int64 = 1_000
  public static let firstWaitMax = Duration.seconds(60)
  static let everyEventsMin = 1_000

  public init(everyEvents: Int? = nil, interval: Duration? = nil, firstPairs: Int = 1_000, maxShare: Double = 0.25) {
    self.everyEvents = everyEvents
    self.interval = interval
    self.firstPairs = firstPairs
    self.maxShare = maxShare
  }

  public init(_ configuration: RecommenderConfiguration.Retrain) {
    self.init(
      everyEvents: configuration.everyEvents, interval: configuration.interval, firstPairs: configuration.firstPairs,
      maxShare: configuration.maxShare)
    maxDrift = configuration.maxDrift
  }

  /// The inputs of the decision.
  public struct Situation: Sendable {
    /// Number of pairs that the live model was trained on; `nil` if there is no model.
    public var trainedPairs: Int?
    public var eventsSinceFreeze = 0
    public var modelAge = Duration.zero
    public var pairs = 0
    public var users = 0
    public var items = 0
    /// Consumer lag in records; `nil` while unknown.
    public var lag: Int64?
    /// Time since the engine started consuming.
    public var running = Duration.zero
    /// How long the last training and its roll-out took, and how long ago they ended.
    public var lastTraining: (took: Duration, ago: Duration)?
    /// Whether the last training failed or was cancelled. A rejected candidate is no failure.
    public var hasFailed = false
    public var requested = false
    /// The drift of the live model as measured last.
    public var drift: Double?
    /// The epoch to which the model was rolled back, while retrains are paused because of it.
    public var rolledBackTo: UInt32?
    public init() {}
  }

  /// How long after a failed or cancelled training the next may start.
  public static let retryAfter = Duration.seconds(60)

  /// Decides whether to start a retrain now, and for which reason.
  public func decide(_ now: Situation) -> Decision {
    let isEnough = now.pairs >= 2 && now.users >= 2 && now.items >= 2
    if now.requested { return isEnough ? .retrain(.requested) : .wait(.data) }
    if let epoch = now.rolledBackTo { return .wait(.resumption(rolledBackTo: epoch)) }
    if now.hasFailed, let last = now.lastTraining, last.ago < Self.retryAfter { return .wait(.retry(Self.retryAfter - last.ago)) }
    guard let trained = now.trainedPairs else { return decideFirst(now, isEnough: isEnough) }
    if let interval, now.modelAge >= interval { return .retrain(.age(now.modelAge)) }
    if let maxDrift, let drift = now.drift, drift > maxDrift {
      return rest(now).map { .wait(.rest($0)) } ?? .retrain(.drift(drift))
    }
    let due = everyEvents ?? max(Self.everyEventsMin, trained / 20)
    guard now.eventsSinceFreeze >= due else { return .wait(.interactions(have: now.eventsSinceFreeze, needed: due)) }
    // A model that knows less than two thirds of the data is replaced at once: the first one is trained while a stream still pours in.
    let isOutgrown = now.eventsSinceFreeze >= max(Self.everyEventsMin, trained / 2)
    if everyEvents == nil, !isOutgrown, let left = rest(now) { return .wait(.rest(left)) }
    return .retrain(.interactions(now.eventsSinceFreeze))
  }

  /// An explicit number of events or interval states how soon a model is wanted, so it applies to the first one, too.
  private func decideFirst(_ now: Situation, isEnough: Bool) -> Decision {
    guard isEnough else { return .wait(.data) }
    if let interval, now.running >= interval { return .retrain(.first) }
    let needed = min(firstPairs, everyEvents ?? .max)
    guard now.pairs >= needed else { return .wait(.firstPairs(have: now.pairs, needed: needed)) }
    if let lag = now.lag, lag < Self.firstLagMax { return .retrain(.first) }
    return now.running >= Self.firstWaitMax ? .retrain(.first) : .wait(.backlog(records: now.lag))
  }

  /// The time until retrains and roll-outs have taken at most `maxShare` of the time; `nil` if they have.
  private func rest(_ now: Situation) -> Duration? {
    guard let last = now.lastTraining else { return nil }
    let left = last.took * (1 / maxShare - 1) - last.ago
    return left > .zero ? left : nil
  }
}

extension Duration {
  /// The duration in seconds, rounded up.
  fileprivate var wholeSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
