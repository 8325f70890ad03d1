import Factorization

/// The engine's state at one moment, all that a restart needs: a frozen value that another thread can write.
public struct Snapshot: Sendable {
  /// Higher is newer; part of the file's name.
  public var sequence: UInt64
  /// The first offset per partition that this snapshot has not yet applied.
  ///
  /// Reading resumes here, not at the group's committed offset: that one may lag behind after a crash between rename and commit.
  public var offsets: PartitionOffsets
  /// The highest epoch number ever given.
  public var epoch: UInt32
  var topics: [String]
  var store: InteractionStore
  var trend: TrendCounter
  var transitions: TransitionCounts
  var model: InstalledModel?
  var served: ServedFactors
  var newItemUsers: [Int32: [Int32]]
  var eventsApplied: UInt64
  var eventsSinceFreeze: Int
  /// The epoch under which every user has been published.
  var rolledOutEpoch: UInt32
  /// Tombstones are applied, and the view may not know yet.
  var unconfirmedForgets: [Identifier]
}

extension RecommenderEngine {
  /// Freezes the state. While a trained model waits for its readers, the snapshot holds that one: a restart goes on with it.
  public func snapshot(sequence: UInt64) -> Snapshot {
    var served = pending?.served ?? self.served
    for user in pending?.changed ?? [] { served.markStale(user) }
    let model = pending?.model ?? self.model
    return Snapshot(
      sequence: sequence, offsets: offsets, epoch: max(lastEpoch, model?.epoch ?? 0), topics: settings.topics, store: store.frozen(),
      trend: trend, transitions: transitions, model: model, served: served,
      newItemUsers: newItemUsers.filter { model?.isTrained($0.key) != true },
      eventsApplied: eventsApplied, eventsSinceFreeze: eventsSinceFreeze, rolledOutEpoch: rolledOutEpoch,
      unconfirmedForgets: unconfirmedForgets)
  }

  /// The engine that `snapshot` was taken of. Limits and model parameters are the present configuration's; a different number of
  /// factors drops the model (it is trained anew), never mixes.
  public init(restoring snapshot: Snapshot, configuration: RecommenderConfiguration) {
    self.init(configuration)
    store = snapshot.store
    store.thaw()
    trend =
      snapshot.trend.halfLife == settings.trendHalfLife
      ? snapshot.trend
      : TrendCounter(
        halfLife: settings.trendHalfLife, accumulators: snapshot.trend.accumulators, growth: snapshot.trend.growth,
        sums: (snapshot.trend.total, snapshot.trend.sumOfSquares))
    if settings.transitions != nil { transitions = snapshot.transitions }
    offsets = snapshot.offsets
    eventsApplied = snapshot.eventsApplied
    eventsSinceFreeze = snapshot.eventsSinceFreeze
    lastEpoch = snapshot.epoch
    unconfirmedForgets = snapshot.unconfirmedForgets
    guard let model = snapshot.model, model.factors == settings.parameters.factors else { return }
    self.model = model
    served = snapshot.served
    rolledOutEpoch = snapshot.rolledOutEpoch
    panels = ItemPanels(model.itemFactors)
    absentItems = model.absentItems
    newItemUsers = snapshot.newItemUsers
    // An item whose vector was due and not yet solved is found by its missing vector.
    changedNewItems = Set(newItemUsers.keys.filter { !model.hasVector($0) })
    setAllBiases()
  }
}
