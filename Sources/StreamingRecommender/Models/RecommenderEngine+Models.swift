import Factorization

// Models beside the one that a retrain makes: stored ones, the shadow, and what is measured of them.
extension RecommenderEngine {
  /// What is kept of the live model, or of the pending one; `nil` without one. Cheap: `StorableModel.stored` copies, on any thread.
  package func storable(isPending: Bool = false) -> StorableModel? {
    let promotion = isPending ? pending?.settings.map(\.promotion) ?? self.promotion : self.promotion
    return (isPending ? pending?.model : model).map {
      StorableModel(model: $0, names: state.catalogue.items.withoutLookup, promotion: promotion)
    }
  }

  /// Counts in fixed windows; `nil` if none are kept.
  package var trendWindows: TrendWindows? { state.catalogue.windows }

  /// Lets retrains go on after a rollback.
  package mutating func resumeRetrains() { rolledBackTo = nil }

  /// Installs the settings of a model, with it. The shadow is then compared with another model, or is that model.
  mutating func install(_ new: ModelSettings) {
    promotion = new.promotion
    guard new.engine != settings || shadowSettings?.engine == new.engine else { return }
    settings = new.engine
    shadow = nil
    shadowSettings = ShadowSettings(new.configuration, live: settings)
    quality.restartComparison()
  }

  /// A job that measures the drift of the live model; `nil` without one.
  package func makeDriftJob(nowMilliseconds: Int64) -> TrainingJob? {
    guard model != nil else { return nil }
    return trainingJob(id: "drift", reason: .requested, source: .training, nowMilliseconds: nowMilliseconds)
  }

  // MARK: Shadow

  /// Compares another model from now on, or none if the configuration has none. It has to be trained first.
  package mutating func setShadow(over configuration: RecommenderConfiguration) {
    shadow = nil
    shadowSettings = ShadowSettings(configuration.promoted(by: promotion).configuration, live: settings)
    quality.restartComparison()
  }

  /// A job that trains the shadow on the current state; `nil` if there is none.
  package func makeShadowJob(id: String, nowMilliseconds: Int64) -> TrainingJob? {
    guard let shadowSettings, model != nil else { return nil }
    var job = trainingJob(id: id, reason: .requested, source: .training, nowMilliseconds: nowMilliseconds)
    job.settings = shadowSettings.engine
    job.live = shadow?.model
    return job
  }

  /// - Parameter epoch: the live epoch after which it was trained.
  package mutating func installShadow(_ trained: ShadowModel, epoch: UInt32) {
    guard shadowSettings != nil, trained.model.factors == shadowSettings?.engine.parameters.factors else { return }
    var trained = trained
    trained.epoch = epoch
    trained.index.setBiases(state.catalogue)
    shadow = trained
  }

  /// A job that makes the shadow's item vectors those of the next epoch, and its settings those in use; `nil` without a shadow.
  package mutating func makePromotionJob(id: String, over configuration: RecommenderConfiguration, nowMilliseconds: Int64) -> TrainingJob? {
    guard let shadowSettings, let shadow else { return nil }
    // What was promoted before still holds.
    let settings = (promotion?.settings ?? [:]).merging(shadowSettings.overrides) { $1 }
    let stored = StorableModel(model: shadow.model, names: state.catalogue.items.withoutLookup, promotion: nil)
    return makeTrainingJob(
      id: id, reason: .promotion(shadowSettings.name),
      source: .shadow({ stored.stored }, ModelSettings(configuration, Promotion(settings, over: configuration))),
      nowMilliseconds: nowMilliseconds)
  }

  // MARK: Quality

  /// Keeps the lists of sampled users, with those that the shadow would have made.
  ///
  /// - Parameter scratch: for the factors of the shadow; `nil` without one.
  package mutating func noteStanding(_ lists: [FreshList], _ scratch: EngineScratch?) {
    let sampled = lists.filter { quality.isSampled($0.user) }
    guard !sampled.isEmpty else { return }
    let others = shadowLists(sampled.map(\.user), scratch)
    for (place, list) in sampled.enumerated() {
      let items = list.items.map(\.item)
      var compared: (live: [Int32], shadow: [Int32])?
      if let shadow, !others.isEmpty {
        // Items that only one of them can list decide nothing, nor does the popular list at the end.
        compared = (items.prefix(list.filledFrom ?? items.count).filter(shadow.model.hasVector), others[place])
      }
      quality.note(list.user, items, list.source, compared: compared)
    }
  }

  package mutating func notePopular() { quality.setPopular(popular(LiveQuality.popularMax).map(\.item)) }

  /// The lists of the shadow, one per user; empty without one that was trained after the live model.
  private func shadowLists(_ users: [UserReference], _ scratch: EngineScratch?) -> [[Int32]] {
    guard let shadow, shadow.epoch == model?.epoch, let settings = shadowSettings?.engine, let scratch else { return [] }
    let ranking = Ranking(shadow.index, trend: state.catalogue.trend, transitions: state.catalogue.transitions, settings: settings)
    let all = state.users
    let shared = WorkerShared((workspaces: scratch.workspaces, selectors: scratch.selectors))
    return scratch.pool.map(count: users.count, chunk: 16) { range, worker in
      range.map {
        all.list(
          of: users[$0], shadow.model, settings, ranking, shared.value.workspaces[worker], shared.value.selectors[worker])
      }
    }
  }

  /// Judges the standing list of a user by an interaction that was just applied.
  mutating func judge(_ interaction: Interaction, _ user: UserReference, _ item: Int32) {
    guard quality.isSampled(user), let model, model.hasVector(item), !state.catalogue.hidden.contains(item) else { return }
    // An old pair may have left the history; the item is still one that lists leave out.
    guard !state.users.history(user).evicted.contains(item) else { return }
    let isInShadow = shadow?.model.hasVector(item) ?? false
    quality.judge(item, of: user, atMilliseconds: interaction.timeMilliseconds, isInShadow: isInShadow) {
      state.users.seen(user).filter { $0 != item }
    }
  }
}
