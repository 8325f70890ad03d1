extension RecommenderEngine {
  /// Applies records in the given order; one already applied (its offset is below the partition's next) changes nothing.
  public mutating func apply(_ records: [Record], nowMilliseconds: Int64) -> EngineUpdate {
    var update = EngineUpdate()
    var changed: Set<Int32> = []
    for record in records {
      update.consumed += 1
      if let next = offsets[record.source], record.offset < next {
        update.ignored[.alreadyApplied, default: 0] += 1
        continue
      }
      guard let partition = partitionNumber(record.source) else {
        preconditionFailure("\(record.source) is not a partition of the configured topics")
      }
      switch decoder.decode(record, nowMilliseconds: nowMilliseconds) {
      case .interaction(let interaction, let clamped, let keyMismatch):
        if clamped.contains(.value) { update.clampedValues += 1 }
        if clamped.contains(.timestamp) { update.clampedTimestamps += 1 }
        if keyMismatch { update.keyMismatches += 1 }
        apply(interaction, partition: partition, producedAt: record.timestampMilliseconds, &update, &changed)
      case .forget(let user):
        forget(user, &update, &changed)
      case .ignored(let reason):
        update.ignored[reason, default: 0] += 1
      case .failure(let failure):
        update.rejected[failure.reason, default: 0] += 1
        update.deadLetters.append(DeadLetter(record: record, reason: failure.reason.rawValue, message: failure.message))
      }
      offsets[record.source] = record.offset + 1
    }
    return update
  }

  /// Applies events that need no decoding; the evaluation uses it.
  public mutating func apply(_ interactions: [Interaction], partition: UInt16 = 0) -> EngineUpdate {
    var update = EngineUpdate()
    var changed: Set<Int32> = []
    for interaction in interactions {
      update.consumed += 1
      apply(interaction, partition: partition, producedAt: nil, &update, &changed)
    }
    return update
  }

  private mutating func apply(
    _ interaction: Interaction, partition: UInt16, producedAt: Int64?, _ update: inout EngineUpdate, _ changed: inout Set<Int32>
  ) {
    let order = InteractionOrder(timeMilliseconds: interaction.timeMilliseconds, partition: partition)
    eventsApplied += 1
    guard case .changed(let user, let item, _, let isNewItem) = store.apply(interaction, order: order) else {
      update.ignored[.stale, default: 0] += 1
      return
    }
    eventsSinceFreeze += 1
    update.applied.append(.init(user: user, producedAtMilliseconds: producedAt))
    if isNewItem, model != nil { update.unknownItems += 1 }
    if changed.insert(user).inserted { update.changedUsers.append(user) }
    noteChange(of: user)
    if interaction.operation != .delete, interaction.strength > 0 {
      count(item)
      countTransitions(user: user, item: item, at: order)
      noteUserOfNewItem(item, user)
    }
  }

  private mutating func forget(_ name: [UInt8], _ update: inout EngineUpdate, _ changed: inout Set<Int32>) {
    eventsApplied += 1
    let id = Identifier(name)
    update.forgotten.append(id)
    unconfirmedForgets.append(id)
    guard let user = store.users.find(name) else { return }
    store.forget(user)
    served.remove(user)
    pending?.served.remove(user)
    changedSinceFreeze?.insert(user)
    if changedSinceFreeze != nil { forgottenSinceFreeze.insert(user) }
    pending?.changed.insert(user)
    for item in newItemUsers.keys {
      newItemUsers[item]!.removeAll { $0 == user }
    }
    if changed.remove(user) != nil { update.changedUsers.removeAll { $0 == user } }
    update.applied.removeAll { $0.user == user }
  }

  /// The view has removed these users.
  mutating func confirmForgotten(_ ids: [Identifier]) {
    for id in ids {
      if let at = unconfirmedForgets.firstIndex(of: id) { unconfirmedForgets.remove(at: at) }
    }
  }

  private mutating func noteChange(of user: Int32) {
    served.markStale(user)
    changedSinceFreeze?.insert(user)
    pending?.changed.insert(user)
  }

  private mutating func count(_ item: Int32) {
    let rescaled = trend.count(item)
    if rescaled {
      setAllBiases()
    } else if Int(item) < panels.items {
      panels.setBias(Int(item), to: trend.accumulators[Int(item)])
    }
  }

  mutating func setAllBiases() {
    panels.setBiases(trend.accumulators)
  }

  /// Remembers who used an item that the live model was not trained on: its vector follows from them. Without a live model, once
  /// the first one is on its way.
  private mutating func noteUserOfNewItem(_ item: Int32, _ user: Int32) {
    guard settings.foldInNewItems, model != nil || changedSinceFreeze != nil || pending != nil else { return }
    if model?.isTrained(item) == true { return }
    var users = newItemUsers[item] ?? []
    users.removeAll { $0 == user }
    users.append(user)
    if users.count > Self.newItemUsersMax { users.removeFirst(users.count - Self.newItemUsersMax) }
    newItemUsers[item] = users
    if model != nil { changedNewItems.insert(item) }
  }
}
