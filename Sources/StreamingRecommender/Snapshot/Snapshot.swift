import Factorization

/// The complete state of an engine at one moment, frozen so that another thread can write it.
public struct Snapshot: Sendable {
  /// Sequence number; higher is newer. Part of the file name.
  public var sequence: UInt64
  /// The frozen state with the published user vectors, or those of the pending model if there is one.
  var state: EngineState
  /// Users whose vectors are older than their history, in addition to those that `state` marks as stale.
  var stale: Set<UserReference> = []
  var model: InstalledModel?
  /// The highest epoch ever issued.
  public var epoch: UInt32
  /// The last epoch whose roll-out to all users is complete.
  var rolledOutEpoch: UInt32
  /// Number of events since the freeze of `model`.
  var eventsSinceFreeze: Int
  /// See `RecommenderEngine.rolledBackTo`.
  var rolledBackTo: UInt32?
  var promotion: Promotion?
  /// Dead letters that the broker has not acknowledged; they are sent again after a restart.
  public var deadLetters: [DeadLetter] = []

  /// Next offset to apply, per topic partition.
  ///
  /// Consumption resumes here, not at the committed offset of the consumer group, which lags behind after a crash between rename and
  /// commit.
  public var offsets: PartitionOffsets { state.offsets }
}

extension RecommenderEngine {
  /// Freezes the state. If there is a pending model, the snapshot contains it instead of the live one, and a restart continues with it.
  public func snapshot(sequence: UInt64, deadLetters: [DeadLetter] = []) -> Snapshot {
    var frozen = state.frozen(withVectors: true)
    if let pending { frozen.users.install(pending.served) }
    return Snapshot(
      sequence: sequence, state: frozen, stale: pending?.changed ?? [], model: pending?.model ?? model, epoch: lifecycle.highest,
      rolledOutEpoch: lifecycle.rolledOut, eventsSinceFreeze: demand.eventsSinceFreeze, rolledBackTo: rolledBackTo,
      promotion: pending.flatMap(\.settings).map(\.promotion) ?? promotion, deadLetters: deadLetters)
  }

  /// Restores an engine from a snapshot, with limits and model parameters from `configuration`. If the number of factors differs, the
  /// model is dropped and trained again.
  public init(restoring snapshot: Snapshot, configuration: RecommenderConfiguration) {
    let promoted = configuration.promoted(by: snapshot.promotion)
    self.init(promoted.configuration)
    promotion = promoted.promotion
    let empty = state
    state = snapshot.state
    state.thaw()
    if !state.topics.add(settings.topics) { preconditionFailure("snapshot and configuration together have too many topics") }
    state.catalogue.adapt(to: empty.catalogue, keepsTransitions: settings.transitions != nil)
    demand = TrainingDemand(eventsSinceFreeze: snapshot.eventsSinceFreeze)
    guard let model = snapshot.model, model.factors == settings.parameters.factors else {
      state.users.install(state.users.partitions.map { _ in ServedFactors(factors: settings.parameters.factors) })
      state.catalogue.newItems = NewItems()
      lifecycle = ModelLifecycle(highest: snapshot.epoch)
      return
    }
    self.model = model
    rolledBackTo = snapshot.rolledBackTo
    self.model?.support = state.users.support(items: model.itemFactors.rows)
    lifecycle = ModelLifecycle(highest: snapshot.epoch, live: model.epoch, rolledOut: snapshot.rolledOutEpoch)
    index = ItemIndex(model.itemFactors, absent: model.absentItems)
    index.setBiases(state.catalogue)
    // Items whose fold-in was pending are recognised by their missing vectors.
    state.catalogue.newItems.enqueueMissing(usersMin: settings.minSupport, hasVector: model.hasVector)
  }
}

extension Catalogue {
  /// Applies the settings of a new configuration: half-life, limits, and whether transitions are enabled.
  fileprivate mutating func adapt(to new: Catalogue, keepsTransitions: Bool) {
    if trend.halfLife != new.trend.halfLife {
      trend = TrendCounter(
        halfLife: new.trend.halfLife, accumulators: trend.accumulators, growth: trend.growth, sums: (trend.total, trend.sumOfSquares))
    }
    if new.windows == nil { windows = nil } else if windows == nil { windows = new.windows }
    if !keepsTransitions { transitions = new.transitions }
  }
}
