import Factorization

// One epoch to the readers, slice by slice; `Rollout` says in which order.
extension PublishPlanner {
  mutating func planRollout(
    _ engine: inout RecommenderEngine, _ scratch: EngineScratch, _ room: Int, _ now: EngineInstant, _ batch: inout Batch
  ) {
    guard var current = rollout else { return }
    var slice = min(Self.slice, room - batch.commands.count)
    slice = min(slice, rateAllowance(now))
    guard slice > 0 else { return }
    switch current.phase {
    case .items(let next): current.phase = planItems(current, from: next, slice, engine, &batch)
    case .itemsSubmitted(let ticket):
      guard progressHas(acknowledged: ticket) else { return }
      current.phase = flip(current, &engine, now, &batch)
      current.installs = false
    case .users where isHolding: return
    case .users(let next): current.phase = planEveryUser(current, from: next, slice, &engine, scratch, now, &batch)
    case .similar(let next): current.phase = planSimilar(current, from: next, slice, engine, scratch, now, &batch)
    case .retire(let epoch, let next): current.phase = planRetire(current, epoch, from: next, engine, &batch)
    case .done: break
    }
    rateCredit -= settings.rateMax == nil ? 0 : Double(batch.commands.count)
    rollout = current.phase == .done ? nil : current
  }

  mutating func rateAllowance(_ now: EngineInstant) -> Int {
    guard let rate = settings.rateMax else { return .max }
    let elapsed = Double(now.monotonicNanoseconds - (rateAt ?? now.monotonicNanoseconds)) / 1e9
    rateAt = now.monotonicNanoseconds
    rateCredit = min(Double(rate), rateCredit + elapsed * Double(rate))
    return max(0, Int(rateCredit))
  }

  func planItems(_ rollout: Rollout, from next: Int32, _ slice: Int, _ engine: RecommenderEngine, _ batch: inout Batch)
    -> Rollout.Phase
  {
    guard let model = rollout.installs ? engine.pending?.model : engine.model, settings.vectors else {
      return .itemsSubmitted(ticket: 0)
    }
    var item = next
    let end = Int32(model.itemFactors.rows)
    var taken = 0
    if next == 0 { batch.commands.append(.itemsBegin(epoch: model.epoch)) }
    while item < end, taken < slice {
      if model.hasVector(item) {
        batch.commands.append(
          .itemFactors(
            epoch: model.epoch, item: Identifier(engine.store.items.name(item)), factors: model.itemFactors.array(Int(item))))
        taken += 1
      }
      item += 1
    }
    if item >= end { batch.commands.append(.itemsComplete(epoch: model.epoch, count: model.vectorCount)) }
    return item < end ? .items(next: item) : .itemsSubmitted(ticket: lastSubmitted(batch))
  }

  /// An empty batch is not submitted: then the last one that was counts.
  func lastSubmitted(_ batch: Batch) -> UInt64 { batch.commands.isEmpty ? lastTicket - 1 : lastTicket }

  func progressHas(acknowledged ticket: UInt64) -> Bool { progress.isAcknowledged(ticket) }

  /// The moment at which the epoch becomes the readers': the pending model is installed and the pointer written.
  mutating func flip(_ rollout: Rollout, _ engine: inout RecommenderEngine, _ now: EngineInstant, _ batch: inout Batch)
    -> Rollout.Phase
  {
    let previous = visibleEpoch == rollout.epoch ? nil : visibleEpoch
    if rollout.installs {
      for user in engine.installPending() { dirty.insert(user, batch: batchNumber) }
    }
    guard let model = engine.model else { return .done }
    let kept = [model.epoch - 1, model.epoch].filter { $0 > 0 }
    batch.commands.append(
      .model(
        ModelPointer(
          epoch: model.epoch, previousEpoch: previous, factors: model.factors, users: engine.store.users.count,
          items: model.vectorCount, trainedAtMilliseconds: model.trainedAtMilliseconds, keptEpochs: kept,
          requiresItems: settings.vectors)))
    visibleEpoch = model.epoch
    return .users(next: 0)
  }

  mutating func planEveryUser(
    _ rollout: Rollout, from next: Int32, _ slice: Int, _ engine: inout RecommenderEngine, _ scratch: EngineScratch,
    _ now: EngineInstant, _ batch: inout Batch
  ) -> Rollout.Phase {
    var users: [Int32] = []
    var user = next
    let end = Int32(engine.store.userCapacity)
    while user < end, users.count < slice {
      let isNewer = Int(user) < submittedEpoch.count && submittedEpoch[Int(user)] == rollout.epoch
      // A user in the live queue gets its list there.
      if !isNewer, !dirty.contains(user) { users.append(user) }
      user += 1
    }
    planUsers(users, &engine, scratch, now, &batch)
    if user < end { return .users(next: user) }
    awaitedRollout = (rollout.epoch, lastSubmitted(batch))
    isRewriting = false
    return settings.similar ? .similar(next: 0) : firstToRetire(rollout)
  }

  mutating func planSimilar(
    _ rollout: Rollout, from next: Int32, _ slice: Int, _ engine: RecommenderEngine, _ scratch: EngineScratch, _ now: EngineInstant,
    _ batch: inout Batch
  ) -> Rollout.Phase {
    guard let model = engine.model else { return .done }
    if normalized == nil, let factors = engine.normalizedItemFactors() { normalized = (factors, ItemPanels(factors)) }
    guard let normalized else { return .done }
    var items: [Int32] = []
    var item = next
    let end = Int32(normalized.factors.rows)
    while item < end, items.count < min(slice, 16) {
      if model.hasVector(item) { items.append(item) }
      item += 1
    }
    for (item, list) in zip(items, engine.similarItems(items, normalized.panels, normalized.factors, scratch)) {
      batch.commands.append(
        .similar(
          item: Identifier(engine.store.items.name(item)),
          list: RecommendationList(
            epoch: model.epoch, source: .similar, partition: 0, offset: -1, madeAtMilliseconds: now.wallMilliseconds,
            items: list.map { RecommendedItem(item: Identifier(engine.store.items.name($0.item)), score: $0.score) })))
    }
    if item < end { return .similar(next: item) }
    self.normalized = nil
    return firstToRetire(rollout)
  }

  func firstToRetire(_ rollout: Rollout) -> Rollout.Phase {
    guard settings.vectors, let first = rollout.retired.first else { return .done }
    return .retire(epoch: first, next: 0)
  }

  func planRetire(_ rollout: Rollout, _ epoch: UInt32, from next: Int32, _ engine: RecommenderEngine, _ batch: inout Batch)
    -> Rollout.Phase
  {
    let end = min(Int32(engine.store.items.capacity), next + 512)
    if next < end {
      batch.commands.append(.retireItemFactors(epoch: epoch, items: (next..<end).map { Identifier(engine.store.items.name($0)) }))
      return .retire(epoch: epoch, next: end)
    }
    guard let following = rollout.retired.first(where: { $0 > epoch }) else { return .done }
    return .retire(epoch: following, next: 0)
  }
}
