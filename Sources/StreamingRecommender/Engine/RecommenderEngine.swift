import Factorization

/// The state and all decisions about it: events in, changed users out; users in, lists out. A value without I/O and without a
/// clock; whoever owns it acts.
public struct RecommenderEngine: Sendable {
  public let settings: EngineSettings
  let decoder: InteractionDecoder
  public internal(set) var state: EngineState
  public internal(set) var lifecycle: ModelLifecycle
  public internal(set) var model: InstalledModel?
  /// The live model's item vectors laid out for scoring.
  var index: ItemIndex
  public internal(set) var pending: PendingModel?
  public internal(set) var demand = TrainingDemand()
  /// While a training is in progress.
  var catchUp: CatchUp?
  public internal(set) var nonFiniteVectors = 0

  public init(settings: EngineSettings, input: RecommenderConfiguration.Input) {
    self.settings = settings
    decoder = InteractionDecoder(input)
    state = EngineState(
      limits: settings.limits, factors: settings.parameters.factors, topics: settings.topics,
      catalogue: Catalogue(trendHalfLife: settings.trendHalfLife, successorsMax: settings.transitions?.successors ?? 1))
    lifecycle = ModelLifecycle()
    index = ItemIndex(factors: settings.parameters.factors)
  }

  public init(_ configuration: RecommenderConfiguration) {
    self.init(settings: EngineSettings(configuration), input: configuration.input)
  }

  public func supports(_ source: TopicPartition) -> Bool { state.topics.number(source) != nil }

  /// Keeps the users in as many partitions as the first topic has. Every `UserReference` changes: call it before lists are made.
  public mutating func distributeUsers(into partitionCount: Int) {
    precondition(pending == nil && catchUp == nil, "users are distributed anew while a model is on its way")
    guard partitionCount != state.users.partitions.count, partitionCount > 0 else { return }
    let old = state.users
    state.users = old.distributed(into: partitionCount)
    let new = state.users
    state.catalogue.newItems.rename { old.isPresent($0) ? new.find(old.name($0)) : nil }
  }

  // MARK: Trainings

  /// Freezes the state for a retrain; from now on changed users are noted, for the catch-up before the new model shows.
  public mutating func makeTrainingJob(id: String, reason: RetrainPolicy.Reason, nowMilliseconds: Int64) -> TrainingJob {
    lifecycle.beginTraining(job: id)
    catchUp = CatchUp()
    demand.freeze()
    return TrainingJob(
      id: id, reason: reason, state: state.frozen(withVectors: false), settings: settings, live: model,
      eventsSinceFreeze: demand.eventsSinceFreeze, startedAtMilliseconds: nowMilliseconds)
  }

  /// The training came to nothing: the next one waits for as many events as after an accepted one.
  public mutating func abandonTraining() {
    lifecycle.endTraining()
    demand.abandon()
    catchUp = nil
  }

  /// Takes a trained model as the next one. Readers go on with the live one until `installPending`; every snapshot holds the
  /// pending one.
  @discardableResult
  public mutating func adopt(_ trained: TrainedModel) -> [ModelLifecycle.Action] {
    let (epoch, actions) = lifecycle.adopt()
    var model = trained.model
    model.epoch = epoch
    var next = PendingModel(model: model, served: trained.served, index: trained.index, changed: catchUp?.changed ?? [])
    for user in catchUp?.forgotten ?? [] { next.forget(user) }
    pending = next
    demand.adopt()
    catchUp = nil
    return actions
  }

  /// The pending model becomes the live one. Returns the users whose rows must be folded in again; until they are published,
  /// nobody sees a vector of theirs in the new epoch.
  public mutating func installPending() -> [UserReference] {
    guard let next = pending else { return [] }
    pending = nil
    lifecycle.install()
    model = next.model
    index = next.index
    state.users.install(next.served)
    for user in next.changed { state.users.markStale(user) }
    state.catalogue.newItems.install(isTrained: next.model.isTrained)
    index.setBiases(state.catalogue.trend)
    return next.changed.sorted().filter(state.users.isPresent)
  }

  /// Gives a model the number that the life cycle has issued for it.
  mutating func renumber(_ action: ModelLifecycle.Action) {
    switch action {
    case .renumberLive(let epoch): model?.epoch = epoch
    case .renumberPending(let epoch): pending?.model.epoch = epoch
    default: break
    }
  }

  public func situation(requested: Bool) -> RetrainPolicy.Situation {
    var situation = RetrainPolicy.Situation()
    situation.trainedPairs = model?.trainedPairs
    situation.eventsSinceFreeze = demand.eventsSinceLastAttempt
    situation.pairs = state.users.pairCount
    situation.users = state.users.count
    situation.items = state.catalogue.items.count
    situation.requested = requested
    return situation
  }

  // MARK: Offsets

  /// The log is a new one (the embedded broker's ends with its process): model and state stay, reading begins at its start.
  public mutating func resetOffsets() {
    state.offsets = PartitionOffsets()
    state.marks = [:]
  }

  /// The log lost records: reading goes on at `offset`.
  public mutating func skip(to offset: Int64, _ partition: TopicPartition) {
    guard offset > state.offsets[partition] ?? 0 else { return }
    state.offsets[partition] = offset
    state.marks[partition] = nil
  }

  // MARK: Figures

  /// Memory by part, from counts that are kept.
  public var size: StateSize {
    state.size + StateSize(factors: model?.bytes ?? 0)
  }

  /// A view for those who hash the state. While somebody holds it, the stream copies each part that it writes.
  public func frozenState() -> EngineState { state.frozen(withVectors: false) }

  public func stateHash() -> StateHash { state.hash() }
}
