import Factorization
import StreamingRecommender
import Telemetry

/// Test, then learn, over a timestamped stream, with the engine that `serve` runs (protocol P2 of takuti/stream-recommender).
///
/// The first `warmup` share is learned at once and trained on; the next `unscored` share is learned event by event; each event of
/// the rest is first ranked among the items seen so far (without the user's history, with the event's own item) and then learned.
public struct PrequentialEvaluator {
  public struct Settings: Sendable {
    public var warmup = 0.2
    public var unscored = 0.1
    /// Events between retrains; `nil`: the engine's own policy.
    public var retrainEvery: Int?
    public var threads = 1
    public init() {}
  }

  public struct Outcome: Sendable {
    public var engine = RankSummary()
    /// Hits among the first `k` of the list that stood when the event came.
    public var published = HitSummary()
    public var popularity = RankSummary()
    public var events = 0
    public var retrains = 0
    public var rejectedRetrains = 0
    public var seconds = 0.0
    public var recommendSeconds = 0.0
    public var updateSeconds = 0.0
    public var trainingSeconds = 0.0
    public var eventsPerSecond: Double { seconds > 0 ? Double(events) / seconds : 0 }
  }

  public let configuration: RecommenderConfiguration
  public let settings: Settings
  private let scratch: EngineScratch

  public init(configuration: RecommenderConfiguration, settings: Settings) {
    self.configuration = configuration
    self.settings = settings
    scratch = EngineScratch(factors: configuration.model.factors)
  }

  /// - Parameter progress: called now and then with the share done and the figures so far.
  public func run(_ data: EvaluationData, progress: (Double, Outcome) -> Void = { _, _ in }) -> Outcome {
    let events = data.interactions
    let began = MonotonicClock.nanoseconds()
    var outcome = Outcome()
    outcome.events = events.count
    var engine = RecommenderEngine(configuration)
    var baseline = PopularityBaseline()
    let distinctItems = Set(events.map(\.item)).count
    let learned = Int(Double(events.count) * settings.warmup)
    let unscored = Int(Double(events.count) * (settings.warmup + settings.unscored))
    var published = PublishedLists()
    for event in events[0..<learned] { learn(event, &engine, &baseline) }
    if retrain(&engine, .first, &outcome) { published.rollOut(engine) }
    for index in learned..<events.count {
      let event = events[index]
      if index >= unscored {
        let start = MonotonicClock.nanoseconds()
        score(event, &engine, baseline, distinctItems, &outcome)
        outcome.recommendSeconds += Double(MonotonicClock.nanoseconds() - start) / 1e9
        outcome.published.add(hit: published.shows(event.item, to: event.user, engine, scratch, k: 10))
      }
      let start = MonotonicClock.nanoseconds()
      learn(event, &engine, &baseline)
      _ = engine.refreshNewItems()
      outcome.updateSeconds += Double(MonotonicClock.nanoseconds() - start) / 1e9
      published.publish(event.user, &engine, scratch)
      if let reason = due(engine), retrain(&engine, reason, &outcome) { published.rollOut(engine) }
      if index % 1000 == 0 { progress(Double(index) / Double(events.count), outcome) }
    }
    outcome.seconds = Double(MonotonicClock.nanoseconds() - began) / 1e9
    return outcome
  }

  private func learn(_ event: Interaction, _ engine: inout RecommenderEngine, _ baseline: inout PopularityBaseline) {
    _ = engine.apply([event])
    if let item = engine.store.items.find(event.item) { baseline.count(Int(item)) }
  }

  private func score(
    _ event: Interaction, _ engine: inout RecommenderEngine, _ baseline: PopularityBaseline, _ items: Int, _ outcome: inout Outcome
  ) {
    let item = engine.store.items.find(event.item)
    let user = engine.store.users.find(event.user)
    let excluded = (user.map { engine.store.seen($0) } ?? []).filter { $0 != item }
    let rank = engine.rank(of: item, for: user, excluded: excluded, scratch)
    outcome.engine.add(rank: RankingMetrics.rank(better: rank.better, ties: rank.ties), items: items)
    outcome.popularity.add(rank: baseline.rank(of: item.map(Int.init), excluded: excluded.map(Int.init)), items: items)
  }

  private func due(_ engine: RecommenderEngine) -> RetrainPolicy.Reason? {
    let situation = engine.situation(requested: false)
    let policy = RetrainPolicy(everyEvents: settings.retrainEvery ?? configuration.retrain.everyEvents)
    guard situation.trainedPairs != nil, case .retrain(let reason) = policy.decide(situation) else { return nil }
    return reason
  }

  /// Returns whether there is a new model.
  private func retrain(_ engine: inout RecommenderEngine, _ reason: RetrainPolicy.Reason, _ outcome: inout Outcome) -> Bool {
    let start = MonotonicClock.nanoseconds()
    let epoch = (engine.model?.epoch ?? 0) + 1
    let result = engine.makeTrainingJob(id: "evaluation", reason: reason, nowMilliseconds: 0)
      .run(threads: settings.threads, monitor: TrainingMonitor())
    if let trained = result.trained {
      engine.adopt(trained, epoch: epoch)
      _ = engine.installPending()
      outcome.retrains += 1
    } else {
      engine.abandonTraining()
      outcome.rejectedRetrains += 1
    }
    outcome.trainingSeconds += Double(MonotonicClock.nanoseconds() - start) / 1e9
    return result.trained != nil
  }
}
