import Factorization

/// The recommender engine: applies events to the state and computes lists, without I/O and without a clock.
///
/// A value type; the caller executes the resulting actions.
public struct RecommenderEngine: Sendable {
  public internal(set) var settings: EngineSettings
  public internal(set) var decoder: InteractionDecoder
  public package(set) var state: EngineState
  public package(set) var lifecycle: ModelLifecycle
  public internal(set) var model: InstalledModel?
  /// The item vectors of the live model in the layout used for scoring.
  var index: ItemIndex
  public internal(set) var pending: PendingModel?
  public internal(set) var demand = TrainingDemand()
  /// The epoch to which the model was rolled back, until somebody lets retrains go on.
  public internal(set) var rolledBackTo: UInt32?
  /// Settings of the model that were promoted over those of the configuration.
  public internal(set) var promotion: Promotion?
  public internal(set) var quality = LiveQuality()
  public internal(set) var attribution = Attribution()
  /// How far the archive goes; `nil` if there is none.
  public internal(set) var archive: [TopicPartition: ArchivedPosition]?
  public internal(set) var shadowSettings: ShadowSettings?
  public internal(set) var shadow: ShadowModel?
  /// Users changed during the training in progress; `nil` if there is none.
  var catchUp: CatchUp?
  /// The similar items of the live model as its training prepared them, until they are taken.
  var preparedSimilarItems: SimilarItems?
  public internal(set) var nonFiniteVectors = 0
  public internal(set) var items = ItemDocuments()
  /// Items whose documents may give them a vector of the live model. A document is parsed when its turn comes.
  var documentedItems = UniqueQueue<Identifier>()

  public init(settings: EngineSettings, input: RecommenderConfiguration.Input) {
    self.settings = settings
    decoder = InteractionDecoder(input)
    state = EngineState(settings, topics: settings.topics)
    lifecycle = ModelLifecycle()
    index = ItemIndex(factors: settings.parameters.factors)
  }

  public init(_ configuration: RecommenderConfiguration) {
    self.init(settings: EngineSettings(configuration), input: configuration.input)
    shadowSettings = ShadowSettings(configuration, live: settings)
  }

  /// Opens payloads of other formats than JSON from now on.
  public mutating func open(_ payloads: any PayloadDecoder) { decoder = decoder.opening(payloads) }

  /// Checks ids of recommendations with this code from now on.
  public mutating func attribute(with code: @escaping Attribution.MessageCode) { attribution = Attribution(code: code) }

  /// Reports what is applied in `EngineUpdate.archived` from now on, beginning behind what is archived already.
  public mutating func archive(behind positions: [TopicPartition: ArchivedPosition]) {
    archive = positions
    decoder = decoder.keepingTypes()
  }

  /// Whether the partition belongs to a known topic and its number is in range.
  public func supports(_ source: TopicPartition) -> Bool { state.topics.number(source) != nil }

  /// Redistributes the users to match the partition count of the first topic. All `UserReference` values change, so call this before
  /// lists are made.
  public mutating func distributeUsers(into partitionCount: Int) {
    precondition(pending == nil && catchUp == nil, "cannot redistribute users while a training or a pending model exists")
    guard partitionCount != state.users.partitions.count, partitionCount > 0 else { return }
    let old = state.users
    state.users = old.distributed(into: partitionCount)
    let new = state.users
    state.catalogue.newItems.rename { old.isPresent($0) ? new.find(old.name($0)) : nil }
    quality.forgetUsers()
  }

  // MARK: Trainings

  /// Freezes the state for a retrain and starts to record changed users, whose vectors are folded in again with the new model.
  ///
  /// - Parameter source: where the item vectors come from.
  public mutating func makeTrainingJob(
    id: String, reason: RetrainPolicy.Reason, source: TrainingJob.Source = .training, nowMilliseconds: Int64
  ) -> TrainingJob {
    lifecycle.beginTraining(job: id)
    catchUp = CatchUp()
    demand.freeze()
    if reason == .requested { resumeRetrains() }
    var job = trainingJob(id: id, reason: reason, source: source, nowMilliseconds: nowMilliseconds)
    job.items = items
    return job
  }

  func trainingJob(id: String, reason: RetrainPolicy.Reason, source: TrainingJob.Source, nowMilliseconds: Int64) -> TrainingJob {
    TrainingJob(
      id: id, reason: reason, source: source, state: state.frozen(withVectors: false), settings: settings, live: model,
      eventsSinceFreeze: demand.eventsSinceFreeze, startedAtMilliseconds: nowMilliseconds)
  }

  /// Ends a training without a new model. The next training waits for as many events as after an accepted one.
  ///
  /// - Parameter wasTraining: false if the model was not to be trained, so that nothing is said about the next training.
  public mutating func abandonTraining(wasTraining: Bool = true) {
    lifecycle.endTraining()
    if wasTraining { demand.abandon() }
    catchUp = nil
  }

  /// Adopts a trained model as the pending one. The live model is served until `installPending`; snapshots contain the pending one.
  @discardableResult
  public mutating func adopt(_ trained: TrainedModel) -> [ModelLifecycle.Action] {
    let (epoch, actions) = lifecycle.adopt()
    var model = trained.model
    model.epoch = epoch
    var next = PendingModel(
      model: model, served: trained.served, index: trained.index, similar: trained.similar,
      documentedItems: UniqueQueue(trained.documentedItems + (catchUp?.documents ?? [])), changed: catchUp?.changed ?? [])
    next.settings = trained.settings
    rolledBackTo = trained.rolledBackTo
    let forgotten = catchUp?.forgotten ?? []
    for user in forgotten { next.forget(user) }
    pending = next
    if settings.foldInNewItems { state.catalogue.newItems.add(trained.rareItems) { !forgotten.contains($0) } }
    demand.adopt()
    catchUp = nil
    return actions
  }

  /// Makes the pending model live. Users who changed since its freeze are folded in again before they are published in the new epoch.
  ///
  /// Returns what was replaced, so that the caller can free it elsewhere: it is proportional to the number of users.
  @discardableResult
  public mutating func installPending() -> ReplacedModel? {
    guard let next = pending else { return nil }
    let replaced = ReplacedModel(model: model, index: index, served: state.users.partitions.map(\.served))
    pending = nil
    preparedSimilarItems = next.similar
    lifecycle.install()
    if let settings = next.settings { install(settings) }
    model = next.model
    index = next.index
    state.users.install(next.served)
    for user in next.changed { state.users.markStale(user) }
    state.catalogue.newItems.install(usersMin: settings.minSupport, isTrained: next.model.isTrained)
    documentedItems = next.documentedItems
    index.setBiases(state.catalogue)
    return replaced
  }

  /// Sets the epoch that the lifecycle has issued for a model.
  package mutating func renumber(_ action: ModelLifecycle.Action) {
    switch action {
    case .renumberLive(let epoch): model?.epoch = epoch
    case .renumberPending(let epoch): pending?.model.epoch = epoch
    default: break
    }
  }

  /// The inputs of the retrain policy that the engine knows.
  public func situation(requested: Bool) -> RetrainPolicy.Situation {
    var situation = RetrainPolicy.Situation()
    situation.trainedPairs = model?.trainedPairs
    situation.eventsSinceFreeze = demand.eventsSinceLastAttempt
    situation.pairs = state.users.pairCount
    situation.users = state.users.count
    situation.items = state.catalogue.items.count
    situation.requested = requested
    situation.rolledBackTo = rolledBackTo
    return situation
  }

  // MARK: Offsets

  /// Resets all offsets because the log was recreated (the log of the embedded broker ends with its process). Model and state are kept;
  /// consumption restarts at the beginning.
  public mutating func resetOffsets() {
    state.offsets = PartitionOffsets()
    state.marks = [:]
    state.recent = [:]
  }

  /// Skips to `offset` because the log lost records.
  public mutating func skip(to offset: Int64, _ partition: TopicPartition) {
    guard offset > state.offsets[partition] ?? 0 else { return }
    state.offsets[partition] = offset
    state.marks[partition] = nil
  }

  // MARK: Size and hash

  /// Memory use by part, from maintained counters.
  public var size: StateSize {
    state.size + StateSize(factors: model?.bytes ?? 0)
  }

  /// A frozen copy for hashing. While it exists, each first write to a shared chunk copies that chunk.
  public func frozenState() -> EngineState { state.frozen(withVectors: false) }

  public func stateHash() -> StateHash { state.hash() }
}
