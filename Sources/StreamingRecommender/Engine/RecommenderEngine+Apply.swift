extension RecommenderEngine {
  /// Applies records in the given order. A record whose offset is below the next offset of its partition was already applied and is
  /// skipped. If the schema of a record is not there yet, it and the rest of its partition are returned in `waiting`.
  public mutating func apply(_ batches: [RecordBatch]) -> EngineUpdate {
    var work = Work()
    for batch in batches {
      guard let partition = state.topics.number(batch.source) else {
        preconditionFailure("\(batch.source) is not a partition of the configured topics")
      }
      var counts = work.update.topics[batch.source.topic] ?? EngineUpdate.TopicCounts()
      var next = state.offsets[batch.source] ?? 0
      // Taken out, so that it is looked up and copied once per batch.
      work.recent = state.recent.removeValue(forKey: batch.source) ?? RecentEvents(capacity: settings.dedupeWindow)
      var mark = batch.mark
      work.rows = archive.map { ArchiveRows(behind: $0[batch.source]) }
      for (index, record) in batch.records.enumerated() {
        guard record.offset >= next else {
          counts.consumed += 1
          counts.ignored[.alreadyApplied, default: 0] += 1
          continue
        }
        if let schema = apply(record, batch.source, partition, &counts, &work) {
          let rest = RecordBatch(source: batch.source, records: Array(batch.records[index...]))
          work.update.waiting.append(.init(schema: schema, batch: rest))
          mark = index > 0 ? RecordMark(batch.records[index - 1]) : nil
          break
        }
        counts.consumed += 1
        next = record.offset + 1
        if work.rows?.isForeign(record) == true { work.update.foreignLogs.append(batch.source) }
      }
      if let rows = work.rows?.batch(batch) { work.update.archived.append(rows) }
      if work.recent.count > 0 { state.recent[batch.source] = work.recent }
      if next > 0 { state.offsets[batch.source] = next }
      if let mark, mark.offset == next - 1 { state.marks[batch.source] = mark }
      work.update.topics[batch.source.topic] = counts
    }
    return work.finished()
  }

  /// Applies decoded events; used by the evaluation.
  public mutating func apply(_ interactions: [Interaction], partition: UInt16 = 0) -> EngineUpdate {
    var work = Work()
    var counts = EngineUpdate.TopicCounts()
    counts.consumed = interactions.count
    for interaction in interactions { apply(interaction, partition: partition, producedAt: nil, &counts, &work) }
    work.update.topics[""] = counts
    return work.finished()
  }

  /// The update being built.
  private struct Work {
    var update = EngineUpdate()
    /// The newest events of the partition.
    var recent = RecentEvents(capacity: 0)
    /// What the archive takes of the batch; `nil` if there is no archive.
    var rows: ArchiveRows?
    /// The users in `update.changedUsers`, for fast lookup.
    var changed: Set<UserReference> = []
    /// The lengths of `changedUsers` and `applied` when a user was last removed: what names the user before that is void. The entries are
    /// dropped at the end, all at once, because a batch may remove as many users as it has records.
    var removed: [UserReference: (changed: Int, applied: Int)] = [:]

    mutating func remove(_ user: UserReference) {
      guard changed.remove(user) != nil else { return }
      removed[user] = (update.changedUsers.count, update.applied.count)
    }

    consuming func finished() -> EngineUpdate {
      guard !removed.isEmpty else { return update }
      let removed = self.removed
      update.changedUsers = update.changedUsers.enumerated()
        .filter { index, user in removed[user].map { index >= $0.changed } ?? true }.map(\.element)
      update.applied = update.applied.enumerated()
        .filter { index, event in removed[event.user].map { index >= $0.applied } ?? true }.map(\.element)
      return update
    }
  }

  /// Returns the schema without which the record cannot be applied, or `nil` if it is done with.
  private mutating func apply(
    _ record: Record, _ source: TopicPartition, _ partition: UInt16, _ counts: inout EngineUpdate.TopicCounts,
    _ work: inout Work
  ) -> SchemaName? {
    switch decoder.decode(record, fallbackMilliseconds: state.users.newestTimeMilliseconds) {
    case .interaction(let interaction, let clamped, let keyMismatch):
      work.update.note(clamped, keyMismatch: keyMismatch)
      if keyMismatch { work.update.addExample(.keyMismatch, source, record) }
      apply(interaction, of: record, source, partition, &counts, &work)
    case .interactions(let events, let ignored):
      for (reason, count) in ignored {
        counts.ignored[reason, default: 0] += count
        work.update.addExample(.ignored(reason), source, record)
      }
      for event in events {
        work.update.note(event.clamped, keyMismatch: event.keyMismatch)
        if event.keyMismatch { work.update.addExample(.keyMismatch, source, record) }
        apply(event.interaction, of: record, source, partition, &counts, &work)
      }
    case .forget(let user, let form, let rawKey):
      // An id may look like JSON; if there is such a user, the key means that one.
      let id = rawKey.flatMap { state.users.find($0) == nil ? nil : $0 } ?? user
      if state.users.find(id) == nil, !state.forgotten.contains(Identifier(id)) {
        work.update.unknownTombstones.append(.init(source: source, offset: record.offset, form: form))
      }
      forget(id, &work)
      work.rows?.append(.forget, user: id, of: record, fallbackMilliseconds: state.users.newestTimeMilliseconds)
    case .merge(let user, let into, let keyMismatch):
      work.update.note([], keyMismatch: keyMismatch)
      if keyMismatch { work.update.addExample(.keyMismatch, source, record) }
      let target = state.merged.resolve(into) ?? into
      if merge(user, into: into, producedAt: record.timestampMilliseconds, &work) {
        counts.applied += 1
        work.rows?.append(.merge, user: user, into: target, of: record, fallbackMilliseconds: state.users.newestTimeMilliseconds)
      } else {
        counts.ignored[.stale, default: 0] += 1
        work.update.addExample(.ignored(.stale), source, record)
      }
    case .ignored(let reason):
      counts.ignored[reason, default: 0] += 1
      work.update.addExample(.ignored(reason), source, record)
    case .failure(let failure):
      counts.rejected[failure.reason, default: 0] += 1
      work.update.deadLetters.append(
        DeadLetter(source: source, record: record, reason: failure.reason.rawValue, message: failure.message))
    case .waiting(let schema): return schema
    }
    return nil
  }

  private mutating func apply(
    _ interaction: Interaction, of record: Record, _ source: TopicPartition, _ partition: UInt16,
    _ counts: inout EngineUpdate.TopicCounts, _ work: inout Work
  ) {
    if settings.dedupeWindow > 0, let fingerprint = interaction.fingerprint, !work.recent.insert(fingerprint) {
      counts.ignored[.duplicate, default: 0] += 1
      work.update.addExample(.ignored(.duplicate), source, record)
      return
    }
    var merged = interaction
    if !state.merged.isEmpty, let user = state.merged.resolve(interaction.user) { merged.user = user }
    guard apply(merged, partition: partition, producedAt: record.timestampMilliseconds, &counts, &work) else {
      return work.update.addExample(.ignored(.stale), source, record)
    }
    work.rows?.append(interaction, user: merged.user, of: record)
    guard let answer = interaction.answer else { return }
    attribution.count(
      answer, users: [interaction.user, merged.user], item: interaction.item,
      isClick: interaction.operation != .delete && interaction.strength > 0, atMilliseconds: interaction.timeMilliseconds)
  }

  /// Returns whether the event was applied; one that is older than what the state has of its pair is not.
  @discardableResult private mutating func apply(
    _ interaction: Interaction, partition: UInt16, producedAt: Int64?, _ counts: inout EngineUpdate.TopicCounts, _ work: inout Work
  ) -> Bool {
    let order = InteractionOrder(timeMilliseconds: interaction.timeMilliseconds, partition: partition)
    guard case .changed(let user, let item, let isNewItem, let previous) = state.apply(interaction, order: order) else {
      counts.ignored[.stale, default: 0] += 1
      return false
    }
    demand.note()
    counts.applied += 1
    if isNewItem { noteNewItem(item, interaction.item) }
    if Int32(partition & 0xfff) != user.partition, state.users.partitions.count > 1 { state.hasStrayRecords = true }
    work.update.applied.append(.init(user: user, producedAtMilliseconds: producedAt))
    if isNewItem, model != nil { work.update.unknownItems += 1 }
    if work.changed.insert(user).inserted { work.update.changedUsers.append(user) }
    noteChange(of: user)
    if interaction.operation != .delete, interaction.strength > 0 {
      if TrendRules.isNews(order, previous: previous, newestMilliseconds: state.users.newestTimeMilliseconds) {
        if previous == nil { judge(interaction, user, item) }
        countPositive(user, item, order)
        state.catalogue.windows?.count(item, atMilliseconds: order.timeMilliseconds)
      }
      noteUserOfNewItem(item, user)
    }
    return true
  }

  private mutating func noteChange(of user: UserReference) {
    state.users.markStale(user)
    catchUp?.note(user)
    pending?.changed.insert(user)
  }

  private mutating func countPositive(_ user: UserReference, _ item: Int32, _ order: InteractionOrder) {
    if state.catalogue.trend.count(item) {
      index.setBiases(state.catalogue)
      shadow?.index.setBiases(state.catalogue)
    } else {
      index.setBias(item, state.catalogue)
      shadow?.index.setBias(item, state.catalogue)
    }
    if let rules = settings.transitions {
      let steps = rules.steps(to: item, at: order) { state.users.forEachNewestFirst(user, $0) }
      state.catalogue.transitions.count(steps, to: item, backward: rules.backward)
    }
  }

  /// Records the user of an item that the live model was not trained on, for the fold-in of the item. Without a live model, recording
  /// starts with the first training.
  private mutating func noteUserOfNewItem(_ item: Int32, _ user: UserReference) {
    guard settings.foldInNewItems, model != nil || catchUp != nil || pending != nil, model?.isTrained(item) != true else { return }
    state.catalogue.newItems.note(user, used: item)
    guard let model else { return }
    // What a document says of an item outweighs a few users.
    let hasPrior = model.prior != nil && model.hasVector(item)
    state.catalogue.newItems.enqueue(item, usersMin: hasPrior ? 1 : settings.minSupport)
  }

  // MARK: Tombstones

  private mutating func forget(_ id: [UInt8], _ work: inout Work) {
    state.eventsApplied += 1
    work.update.forgotten.append(Identifier(id))
    state.forgotten.insert(Identifier(id))
    state.merged.forget(Identifier(id))
    guard let user = state.users.find(id) else { return }
    work.update.placesOfForgotten += state.forget(user)
    leave(user, &work)
  }

  /// Drops what is kept of a removed user outside the state.
  private mutating func leave(_ user: UserReference, _ work: inout Work) {
    catchUp?.forget(user)
    pending?.forget(user)
    quality.forget(user)
    work.remove(user)
  }

  // MARK: Merged users

  /// Makes the events of one id those of another user. Returns false if they are already.
  private mutating func merge(_ id: [UInt8], into other: [UInt8], producedAt: Int64?, _ work: inout Work) -> Bool {
    state.eventsApplied += 1
    let target = state.merged.resolve(other) ?? other
    guard target != id, state.merged.resolve(id) != target else { return false }
    state.merged.insert(Identifier(id), into: Identifier(target))
    state.merged.bound(to: settings.mergedUsersMax)
    guard let user = state.users.find(id) else { return true }
    let (merged, items) = state.merge(user, into: target)
    leave(user, &work)
    // The lists and vectors of the id are removed like those of a forgotten user.
    work.update.forgotten.append(Identifier(id))
    state.forgotten.insert(Identifier(id))
    if merged.partition != user.partition { state.hasStrayRecords = true }
    work.update.applied.append(.init(user: merged, producedAtMilliseconds: producedAt))
    if work.changed.insert(merged).inserted { work.update.changedUsers.append(merged) }
    noteChange(of: merged)
    for item in items { noteUserOfNewItem(item, merged) }
    return true
  }

  /// Reports that the view has removed these users.
  package mutating func confirmForgotten(_ ids: [Identifier], nowMilliseconds: Int64) {
    for id in ids { state.forgotten.confirm(id, atMilliseconds: nowMilliseconds) }
  }
}
