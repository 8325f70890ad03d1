import Factorization

// Models beside the one that a retrain makes: stored ones, the shadow, and what is measured of them.
extension RecommenderEngine {
  /// What is kept of the live model; `nil` without one. Cheap: `StorableModel.stored` copies, on any thread.
  package var storable: StorableModel? { model.map { StorableModel(model: $0, names: state.catalogue.items.withoutLookup) } }

  /// Counts in fixed windows; `nil` if none are kept.
  package var trendWindows: TrendWindows? { state.catalogue.windows }

  /// Lets retrains go on after a rollback.
  package mutating func resumeRetrains() { rolledBackTo = nil }

  /// Installs promoted settings, with the model that they belong to.
  mutating func install(_ promoted: EngineSettings, _ record: Promotion) {
    settings = promoted
    promotion = record
    shadow = nil
    shadowSettings = nil
    quality.restartComparison()
  }

  /// A job that measures the drift of the live model; `nil` without one.
  package func makeDriftJob(nowMilliseconds: Int64) -> TrainingJob? {
    guard model != nil else { return nil }
    return trainingJob(id: "drift", reason: .requested, source: .training, nowMilliseconds: nowMilliseconds)
  }

  // MARK: Shadow

  /// A job that trains the shadow on the state of now; `nil` if there is none.
  package func makeShadowJob(id: String, nowMilliseconds: Int64) -> TrainingJob? {
    guard let shadowSettings, model != nil else { return nil }
    var job = trainingJob(id: id, reason: .requested, source: .training, nowMilliseconds: nowMilliseconds)
    job.settings = shadowSettings.engine
    job.live = shadow?.model
    return job
  }

  package mutating func installShadow(_ trained: ShadowModel) {
    var trained = trained
    trained.index.setBiases(state.catalogue)
    shadow = trained
  }

  /// A job that makes the shadow's item vectors those of the next epoch, and its settings those in use; `nil` without a shadow.
  package mutating func makePromotionJob(id: String, over configuration: RecommenderConfiguration, nowMilliseconds: Int64) -> TrainingJob? {
    guard let shadowSettings, let shadow else { return nil }
    let stored = StorableModel(model: shadow.model, names: state.catalogue.items.withoutLookup)
    var job = makeTrainingJob(
      id: id, reason: .promotion(shadowSettings.name), source: .stored { stored.stored }, nowMilliseconds: nowMilliseconds)
    job.settings = shadowSettings.engine
    job.promotion = Promotion(shadowSettings.overrides, over: configuration)
    return job
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
      quality.note(list.user, list.items.map(\.item), list.source, shadow: others.isEmpty ? [] : others[place])
    }
  }

  package mutating func notePopular() { quality.setPopular(popular(LiveQuality.popularMax).map(\.item)) }

  /// The lists of the shadow, one per user; empty without a shadow.
  private func shadowLists(_ users: [UserReference], _ scratch: EngineScratch?) -> [[Int32]] {
    guard let shadow, let settings = shadowSettings?.engine, let scratch else { return [] }
    let (workspace, selector) = (scratch.workspaces[0], scratch.selectors[0])
    let ranking = Ranking(shadow.index, trend: state.catalogue.trend, transitions: state.catalogue.transitions, settings: settings)
    var row = [Float](repeating: 0, count: shadow.model.itemFactors.stride)
    return users.map { user in
      state.users.foldIn(user, settings.foldIn, shadow.model, into: &row, workspace)
      return row.withUnsafeBufferPointer { row in
        let vector = UnsafeBufferPointer(rebasing: row[0..<shadow.model.factors])
        let query = ranking.query(vector, seen: state.users.seen(user)) { state.users.forEachNewestFirst(user, $0) }
        return ranking.top(settings.n, [query], selector)[0].map(\.item)
      }
    }
  }

  /// Judges the standing list of a user by an interaction that was just applied.
  mutating func judge(_ interaction: Interaction, _ user: UserReference, _ item: Int32) {
    guard quality.isSampled(user), let model, model.hasVector(item), !state.catalogue.hidden.contains(item) else { return }
    let isInShadow = shadow?.model.hasVector(item) ?? false
    quality.judge(item, of: user, atMilliseconds: interaction.timeMilliseconds, isInShadow: isInShadow) {
      state.users.seen(user).filter { $0 != item }
    }
  }
}

/// A model with the ids of its items.
package struct StorableModel: Sendable {
  let model: InstalledModel
  let names: IdentifierTable

  package var epoch: UInt32 { model.epoch }
  /// Copies the ids and vectors of the trained items.
  package var stored: StoredModel { StoredModel(model, names: names) }
}
