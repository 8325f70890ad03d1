import Factorization

/// The engine's state at one moment, all that a restart needs: a frozen value that another thread can write.
public struct Snapshot: Sendable {
  /// Higher is newer; part of the file's name.
  public var sequence: UInt64
  /// Frozen, with the vectors that readers see. While a trained model waits for its readers, the vectors are that model's.
  var state: EngineState
  /// Users whose vectors are older than their history, beyond those that `state` itself marks.
  var stale: Set<UserReference> = []
  var model: InstalledModel?
  /// The highest epoch number ever issued.
  public var epoch: UInt32
  /// The epoch under which every user has been published.
  var rolledOutEpoch: UInt32
  /// Events since the freeze behind `model`.
  var eventsSinceFreeze: Int
  /// Dead letters that the broker has not acknowledged: a restart sends them again.
  public var deadLetters: [DeadLetter] = []

  /// The first offset per partition that this snapshot has not yet applied.
  ///
  /// Reading resumes here, not at the group's committed offset: that one may lag behind after a crash between rename and commit.
  public var offsets: PartitionOffsets { state.offsets }
}

extension RecommenderEngine {
  /// Freezes the state. While a trained model waits for its readers, the snapshot holds that one: a restart goes on with it.
  public func snapshot(sequence: UInt64, deadLetters: [DeadLetter] = []) -> Snapshot {
    var frozen = state.frozen(withVectors: true)
    if let pending { frozen.users.install(pending.served) }
    return Snapshot(
      sequence: sequence, state: frozen, stale: pending?.changed ?? [], model: pending?.model ?? model, epoch: lifecycle.highest,
      rolledOutEpoch: lifecycle.rolledOut, eventsSinceFreeze: demand.eventsSinceFreeze, deadLetters: deadLetters)
  }

  /// The engine that `snapshot` was taken of. Limits and model parameters are the present configuration's; a different number of
  /// factors drops the model (it is trained anew), never mixes.
  public init(restoring snapshot: Snapshot, configuration: RecommenderConfiguration) {
    self.init(configuration)
    let empty = state
    state = snapshot.state
    state.thaw()
    if !state.topics.add(settings.topics) { preconditionFailure("the snapshot and the configuration name too many topics") }
    state.catalogue.adapt(to: empty.catalogue, keepsTransitions: settings.transitions != nil)
    demand = TrainingDemand(eventsSinceFreeze: snapshot.eventsSinceFreeze)
    guard let model = snapshot.model, model.factors == settings.parameters.factors else {
      state.users.install(state.users.partitions.map { _ in ServedFactors(factors: settings.parameters.factors) })
      state.catalogue.newItems = NewItems()
      lifecycle = ModelLifecycle(highest: snapshot.epoch)
      return
    }
    self.model = model
    lifecycle = ModelLifecycle(highest: snapshot.epoch, live: model.epoch, rolledOut: snapshot.rolledOutEpoch)
    index = ItemIndex(model.itemFactors, absent: model.absentItems)
    index.setBiases(state.catalogue.trend)
    // An item whose vector was due and not yet solved is found by its missing vector.
    state.catalogue.newItems.enqueueMissing(hasVector: model.hasVector)
  }
}

extension Catalogue {
  /// Takes the settings of a new configuration over: another half-life, other bounds, no transitions any more.
  fileprivate mutating func adapt(to new: Catalogue, keepsTransitions: Bool) {
    if trend.halfLife != new.trend.halfLife {
      trend = TrendCounter(
        halfLife: new.trend.halfLife, accumulators: trend.accumulators, growth: trend.growth, sums: (trend.total, trend.sumOfSquares))
    }
    if !keepsTransitions { transitions = new.transitions }
  }
}
