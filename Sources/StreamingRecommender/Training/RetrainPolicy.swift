/// Decides when to start a full retrain.
public struct RetrainPolicy: Sendable, Equatable {
  /// Why a retrain starts.
  public enum Reason: Equatable, Sendable, CustomStringConvertible {
    case first, requested
    case interactions(Int)
    case age(Duration)

    public var description: String {
      switch self {
      case .first: "first model"
      case .requested: "requested"
      case .interactions(let count): "\(count) interactions since the last training"
      case .age(let age): "the model is \(age) old"
      }
    }
  }

  public enum Decision: Equatable, Sendable {
    case wait
    case retrain(Reason)
  }

  /// Number of events between retrains; `nil` means 5 % of the pairs that the live model was trained on, at least 1,000.
  public var everyEvents: Int?
  public var interval: Duration?
  /// Minimum number of pairs for the first training.
  public static let firstPairsMin = 1_000
  /// The first training starts when the lag (in records) falls below this, or after `firstWaitMax`.
  public static let firstLagMax: Int64 = 1_000
  public static let firstWaitMax = Duration.seconds(60)

  public init(everyEvents: Int? = nil, interval: Duration? = nil) {
    self.everyEvents = everyEvents
    self.interval = interval
  }

  /// The inputs of the decision.
  public struct Situation: Sendable, Equatable {
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
    public var requested = false
    public init() {}
  }

  /// Decides whether to start a retrain now, and for which reason.
  public func decide(_ now: Situation) -> Decision {
    let enough = now.pairs >= 2 && now.users >= 2 && now.items >= 2
    if now.requested { return enough ? .retrain(.requested) : .wait }
    guard let trained = now.trainedPairs else { return decideFirst(now) }
    let due = everyEvents ?? max(1_000, trained / 20)
    if now.eventsSinceFreeze >= due { return .retrain(.interactions(now.eventsSinceFreeze)) }
    if let interval, now.modelAge >= interval { return .retrain(.age(now.modelAge)) }
    return .wait
  }

  private func decideFirst(_ now: Situation) -> Decision {
    guard now.pairs >= Self.firstPairsMin, now.users >= 2, now.items >= 2 else { return .wait }
    if let lag = now.lag, lag < Self.firstLagMax { return .retrain(.first) }
    return now.running >= Self.firstWaitMax ? .retrain(.first) : .wait
  }
}
