import StreamingRecommender
import Telemetry

/// The engine of `serve` as a method of the prequential evaluation, with the same fold-in, lists and retrain policy.
public struct PrequentialEngine: PrequentialRanker {
  public private(set) var training = PrequentialTraining()
  private var engine: RecommenderEngine
  private var lists = PublishedLists()
  private let scratch: EngineScratch
  private let policy: RetrainPolicy
  private let threads: Int
  private let retrainsAfterFirst: Bool

  /// - Parameters:
  ///   - threads: the number of threads of a training.
  ///   - retrainsAfterFirst: if false, the model of the warm-up is kept.
  public init(_ configuration: RecommenderConfiguration, threads: Int, retrainsAfterFirst: Bool = true) {
    engine = RecommenderEngine(configuration)
    scratch = EngineScratch(factors: configuration.model.factors)
    policy = RetrainPolicy(everyEvents: configuration.retrain.everyEvents)
    self.threads = threads
    self.retrainsAfterFirst = retrainsAfterFirst
  }

  public mutating func finishWarmUp() { retrain(.first) }

  public mutating func place(of event: PrequentialEvent) -> PrequentialPlace {
    // The engine also numbers items and users by their first event; unseen ones have no number yet.
    let user = engine.state.users.find(event.interaction.user)
    let place = engine.rank(of: event.isNewItem ? nil : Int32(event.item), for: user, excluded: event.excluded, scratch)
    return PrequentialPlace(better: place.better, ties: place.ties)
  }

  public mutating func published(_ event: PrequentialEvent, k: Int) -> Bool? {
    lists.shows(event.interaction.item, to: event.interaction.user, engine, scratch, k: k)
  }

  public mutating func learn(_ event: PrequentialEvent) {
    _ = engine.apply([event.interaction])
    // The warm-up is applied without a model; its training computes the vectors.
    if engine.model != nil { _ = engine.refreshNewItems() }
  }

  public mutating func publish(after event: PrequentialEvent) -> Bool { lists.publish(event.interaction.user, &engine, scratch) }

  public mutating func maintain() {
    if let reason = due { retrain(reason) }
  }

  private var due: RetrainPolicy.Reason? {
    let situation = engine.situation(requested: false)
    guard retrainsAfterFirst, situation.trainedPairs != nil, case .retrain(let reason) = policy.decide(situation) else { return nil }
    return reason
  }

  private mutating func retrain(_ reason: RetrainPolicy.Reason) {
    let start = MonotonicClock.nanoseconds()
    let result = engine.makeTrainingJob(id: "evaluation", reason: reason, nowMilliseconds: 0)
      .run(threads: threads, monitor: TrainingMonitor())
    if let trained = result.trained {
      engine.adopt(trained)
      _ = engine.installPending()
      training.accepted += 1
      lists.rollOut(engine)
    } else {
      engine.abandonTraining()
      training.rejected += 1
    }
    training.seconds += Double(MonotonicClock.nanoseconds() - start) / 1e9
  }
}
