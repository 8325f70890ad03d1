import Factorization

extension RecommenderEngine {
  /// Freezes the state for a retrain; from now on changed users are noted, for the catch-up before the new model shows.
  public mutating func makeTrainingJob(id: String, reason: RetrainPolicy.Reason, nowMilliseconds: Int64) -> TrainingJob {
    changedSinceFreeze = []
    forgottenSinceFreeze = []
    defer { eventsAtFreeze = eventsSinceFreeze }
    return TrainingJob(
      id: id, reason: reason, store: store.frozen(), settings: settings, live: model, offsets: offsets,
      eventsSinceFreeze: eventsSinceFreeze, startedAtMilliseconds: nowMilliseconds)
  }

  /// The training came to nothing: the next one waits for as many events as after an accepted one. The holdout still reaches back
  /// to the live model's freeze.
  public mutating func abandonTraining() {
    eventsAtLastAttempt = eventsAtFreeze
    endTraining()
  }

  private mutating func endTraining() {
    changedSinceFreeze = nil
    forgottenSinceFreeze = []
    eventsAtFreeze = 0
  }

  /// Takes a trained model as the next one. Readers go on with the live one until `installPending`; every snapshot holds the
  /// pending one.
  public mutating func adopt(_ trained: TrainedModel, epoch: UInt32) {
    precondition(epoch > (model?.epoch ?? 0), "epoch \(epoch) is not new")
    var model = trained.model
    model.epoch = epoch
    lastEpoch = max(lastEpoch, epoch)
    var served = trained.served
    for user in forgottenSinceFreeze { served.remove(user) }
    pending = PendingModel(model: model, served: served, panels: trained.panels, changed: changedSinceFreeze ?? [])
    eventsSinceFreeze -= eventsAtFreeze
    eventsAtLastAttempt = 0
    endTraining()
  }

  /// The pending model becomes the live one. Returns the users whose rows must be folded in again; until they are published,
  /// nobody sees a vector of theirs in the new epoch.
  public mutating func installPending() -> [Int32] {
    guard let next = pending else { return [] }
    pending = nil
    model = next.model
    served = next.served
    panels = next.panels
    for user in next.changed { served.markStale(user) }
    absentItems = next.model.absentItems
    newItemUsers = newItemUsers.filter { !next.model.isTrained($0.key) }
    changedNewItems = Set(newItemUsers.keys)
    setAllBiases()
    return next.changed.sorted().filter { store.users.withName($0) { !$0.isEmpty } }
  }

  /// Nearest items by the cosine of their vectors.
  public func similarItems(_ items: [Int32], _ panels: ItemPanels, _ normalized: FactorMatrix, _ scratch: EngineScratch) -> [[ScoredItem]] {
    let queries = items.map { item in
      TopNSelector.Query(
        factors: normalized[Int(item)], biasWeight: 0, excluded: absentItems + [item])
    }
    return scratch.selectors[0].top(settings.similarN, of: panels, for: queries)
  }

  /// Item factors scaled to length 1.
  public func normalizedItemFactors() -> FactorMatrix? {
    guard let model else { return nil }
    var result = FactorMatrix(rows: model.itemFactors.rows, factors: model.factors)
    for item in 0..<result.rows {
      let row = model.itemFactors[item]
      let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length > 0 { result.setRow(item, to: row.map { $0 / length }) }
    }
    return result
  }

  public func situation(requested: Bool) -> RetrainPolicy.Situation {
    var situation = RetrainPolicy.Situation()
    situation.trainedPairs = model?.trainedPairs
    situation.eventsSinceFreeze = eventsSinceFreeze - eventsAtLastAttempt
    situation.pairs = store.pairCount
    situation.users = store.users.count
    situation.items = store.items.count
    situation.requested = requested
    return situation
  }

  /// A view for those who count or hash the state. While somebody holds it, the stream copies each part that it writes.
  public func frozenState() -> FrozenState {
    let factorBytes = served.bytes + (model?.bytes ?? 0) + trend.accumulators.capacity * 4 + transitions.bytes
    return FrozenState(store: store.frozen(), eventsApplied: eventsApplied, factorBytes: factorBytes)
  }

  /// One hash of the whole state: the partitions' hashes and the counts.
  public func stateHash() -> StateHash { Self.stateHash(of: store, eventsApplied: eventsApplied) }

  /// Of a frozen store, for threads that do not own the engine.
  public static func stateHash(of store: InteractionStore, eventsApplied: UInt64) -> StateHash {
    var total = StateHash()
    for (partition, hash) in store.partitionHashes() {
      var mixer = HashMixer()
      mixer.mix(UInt64(partition))
      mixer.mix(hash.high)
      mixer.mix(hash.low)
      total.add(mixer.result)
    }
    var counts = HashMixer()
    counts.mix(eventsApplied)
    counts.mix(UInt64(store.pairCount))
    counts.mix(UInt64(store.users.count))
    total.add(counts.result)
    return total
  }
}

extension RecommenderEngine {
  /// Makes sure that our models have numbers above one that readers know already (an old snapshot was restored). Returns whether
  /// a number changed; it must be durable before anything is published under it.
  public mutating func moveEpochs(above epoch: UInt32) -> Bool {
    var changed = false
    if pending == nil, let model, model.epoch < epoch {
      self.model!.epoch = epoch + 1
      changed = true
    }
    if let pending, pending.model.epoch <= epoch {
      self.pending!.model.epoch = epoch + 1
      changed = true
    }
    lastEpoch = max(lastEpoch, epoch, pending?.model.epoch ?? 0, model?.epoch ?? 0)
    return changed
  }

  /// The log is a new one (the embedded broker's ends with its process): model and state stay, reading begins at its start.
  public mutating func resetOffsets() { offsets = PartitionOffsets() }

  /// The log lost records: reading goes on at `offset`.
  public mutating func skip(to offset: Int64, _ partition: TopicPartition) {
    if offset > offsets[partition] ?? 0 { offsets[partition] = offset }
  }
}
