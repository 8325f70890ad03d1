import StreamingRecommender
import Telemetry

// One turn, from the poll to the status; and the end.
extension IngestLoop {
  /// One round. Waits at most `maxWait` for records, and not at all while lists are being made: what cannot be submitted now waits
  /// for the view, whose acknowledgements end the wait.
  ///
  /// Returns the number of records polled.
  @discardableResult
  public func turn(maxWait: Duration) -> Int {
    takeRequests()
    let batch = ports.source.poll(max: settings.pollMax, timeout: hasSubmitted ? .zero : maxWait)
    source = ports.source.status
    if source.committed.count != startPositions.committed.count, let line = startPositions.note(committed: source.committed) { write(line) }
    distributeUsers()
    for event in batch.events { note(event) }
    let parts = schemas.takeAll(before: batch.parts)
    if !parts.isEmpty, fatal == nil { apply(parts) }
    // To the source they are read, to everything else they are not.
    for (partition, held) in schemas.waiting { source.lagRecords[partition, default: 0] += Int64(held.batch.records.count) }
    stepItems()
    stepDeadLetters()
    takePublisherEvents()
    takeAcknowledgements()
    publishIfDue(polled: batch.count)
    stepTraining()
    stepModels()
    stepSnapshot()
    watch()
    return batch.count
  }

  // MARK: Records

  /// Once the partitions are known, before the first record is applied.
  private func distributeUsers() {
    guard !hasDistributedUsers else { return }
    let count = source.all.count { $0.topic == engine.settings.topics[0] }
    guard count > 0, count <= 4096, ticket == 0, engine.lifecycle.job == .none else { return }
    hasDistributedUsers = true
    engine.distributeUsers(into: count)
  }

  private func apply(_ batches: [RecordBatch]) {
    // A source that knows its partitions only later delivers to the state as it is.
    hasDistributedUsers = true
    let began = ports.clock.monotonicNanoseconds
    let update = engine.apply(batches)
    schemas.hold(update.waiting)
    if !schemas.isEmpty || !pausedPartitions.isEmpty { pausePartitions() }
    // Nothing has changed while all that was to be applied waits.
    guard update.waiting.isEmpty || update.consumed > 0 else { return }
    metrics.stage(.decode).observe(Double(ports.clock.monotonicNanoseconds - began) / 1e9)
    for letter in update.deadLetters { handle(letter) }
    for tombstone in update.unknownTombstones { warn(tombstone) }
    archive(update, of: batches)
    if !planner.dirty.hasReady { dirtyNanoseconds = ports.clock.monotonicNanoseconds }
    planner.note(update, offsets: engine.state.offsets)
    snapshots.noteChange()
    count(update, batches.filter { schemas.waiting[$0.source] == nil })
  }

  private func warn(_ tombstone: EngineUpdate.UnknownTombstone) {
    log.warning(
      "a tombstone names nobody known: its key must be the user id as events have it, or JSON that input.key opens",
      ["key": "\(tombstone.form)", "source": "\(tombstone.source)", "offset": tombstone.offset])
  }

  private func count(_ update: EngineUpdate, _ batches: [RecordBatch]) {
    update.count(in: metrics, isReplay: !hasCaughtUp)
    noteExamples(update)
    var newest: Int64?
    for batch in batches {
      guard let time = batch.records.lazy.compactMap(\.timestampMilliseconds).max() else { continue }
      partitionLag.noteRecord(batch.source, producedAtMilliseconds: time)
      newest = max(newest ?? time, time)
    }
    if let time = newest {
      lastRecordMilliseconds = time
      metrics.lastEventTimestamp.set(Double(time) / 1e3)
    }
    if !update.applied.isEmpty { metrics.lastAppliedTimestamp.set(Double(ports.clock.wallMilliseconds) / 1e3) }
  }

  private func note(_ event: SourceEvent) {
    switch event {
    case .assigned(let partitions):
      if let beyond = partitions.first(where: { !engine.supports($0) }) {
        fatal = "\(beyond) cannot be read: at most 4,096 partitions a topic and 16 topics are supported"
      }
      log.info("partitions assigned", ["partitions": partitions.map { "\($0)" }.joined(separator: " ")])
      if !hasBegun { write(startPositions.line(assigned: partitions)) }
      hasBegun = true
      metrics.rebalances.add(1, labels: ["assigned"])
    case .revoked(let partitions):
      hasLostPartitions = true
      for partition in partitions { metrics.consumerLagRecords.remove(labels: [partition.topic, "\(partition.partition)"]) }
      log.info("partitions revoked", ["partitions": partitions.map { "\($0)" }.joined(separator: " ")])
      metrics.rebalances.add(1, labels: ["revoked"])
    case .gap(let partition, let expected, let resumed): noteGap(partition, expected, resumed)
    case .fatal(let why):
      fatal = why
      log.error("\(why)")
    case .displaced(let why):
      fatal = why
      isDisplaced = true
      log.error("\(why)")
    }
  }

  private func write(_ line: StartPositions.Line) {
    log.write(line.isWarning ? .warning : .info, line.message, ["positions": line.positions], repetition: .always)
  }

  private func noteGap(_ partition: TopicPartition, _ expected: Int64, _ resumed: Int64?) {
    guard let resumed else {
      log.error(
        "\(partition): the log no longer holds offset \(expected); the partition halts. Set kafka.on_gap=earliest to go on without the lost records"
      )
      return
    }
    let missing = max(0, resumed - expected)
    metrics.partitionGapRecords.add(Int(missing), labels: [partition.topic])
    log.error("\(partition): the log no longer holds offset \(expected); reading goes on at \(resumed), \(missing) records are lost")
    // Records that wait for a schema come before the gap; the first one after it moves the offset.
    if schemas.waiting[partition] == nil { engine.skip(to: resumed, partition) }
  }

  // MARK: Archive

  private func archive(_ update: EngineUpdate, of batches: [RecordBatch]) {
    guard let archive = ports.archive else { return }
    for batch in batches { logsRead.insert(batch.source) }
    // What was archived was in the log before it had been read to its end.
    let ended = batches.first { logsReadToEnd.contains($0.source) && endsBeforeArchive($0.source) }
    if let source = update.foreignLogs.first ?? ended?.source { refuse(logOf: source) }
    guard !isLogForeign else { return }
    let now = ports.clock.wallMilliseconds
    for batch in update.archived {
      for segment in archived.add(batch, nowMilliseconds: now) { archive.submit(segment) }
    }
  }

  private func watchArchive() {
    guard let archive = ports.archive else { return }
    archiveStatus = archive.status
    for partition in source.assigned where source.lagRecords[partition] == 0 && logsReadToEnd.insert(partition).inserted {
      if logsRead.contains(partition), endsBeforeArchive(partition) { refuse(logOf: partition) }
    }
  }

  /// Whether what was read of a log would be taken for what is archived already.
  private func endsBeforeArchive(_ source: TopicPartition) -> Bool {
    guard let last = engine.archive?[source] else { return false }
    return (engine.state.offsets[source] ?? 0) <= last.offset
  }

  private func refuse(logOf source: TopicPartition) {
    isLogForeign = true
    guard fatal == nil else { return }
    fatal =
      "\(source): archive.store goes up to a record that is not in this log, so the topic was created anew; name another archive.store for it"
  }

  /// Whether what was read belongs into the archive, and into snapshots that wait for it. Another engine that does this one's work has read
  /// the same records, and its rows would stand beside these.
  var mayArchive: Bool { ports.archive == nil || !isLogForeign && !isDisplaced }

  /// The state as a snapshot, which must not be written before the archive has what was submitted.
  func frozenSnapshot(sequence: UInt64) -> Snapshot {
    for segment in archived.takeAll() { ports.archive?.submit(segment) }
    return engine.snapshot(sequence: sequence, deadLetters: deadLetters.unacknowledged)
  }

  // MARK: Dead letters

  func handle(_ letter: DeadLetter) {
    guard settings.onError == .dlq else { return }
    send(letter)
    metrics.deadLetterMessages.add(1, labels: [letter.source.topic])
  }

  /// A partition whose dead letters cannot be written waits; the others go on.
  private func stepDeadLetters() {
    deadLetters.acknowledge(through: ports.deadLetters.acknowledgedThrough)
    let changes = deadLetters.updateHeld()
    if !changes.new.isEmpty || !changes.released.isEmpty { pausePartitions() }
  }

  // MARK: Backpressure

  private func watch() {
    let now = ports.clock.monotonicNanoseconds
    guard now - watchedNanoseconds >= Self.watchEvery.nanoseconds else { return }
    watchedNanoseconds = now
    watchMemory()
    watchArchive()
    pausePartitions()
    if !deadLetters.held.isEmpty { metrics.backpressure.with("dead_letters").add(seconds: Self.watchEvery.milliseconds / 1e3) }
    if !schemas.isEmpty { metrics.backpressure.with("schemas").add(seconds: Self.watchEvery.milliseconds / 1e3) }
    if archiveStatus?.isFull == true { metrics.backpressure.with("archive").add(seconds: Self.watchEvery.milliseconds / 1e3) }
    for (result, requests) in engine.decoder.payloads?.requests ?? [:] {
      metrics.schemaRequests.with(result).raise(to: Double(requests))
    }
    partitionLag.note(source.lagRecords, nowMilliseconds: ports.clock.wallMilliseconds)
    if lag == 0 {
      caughtUpMilliseconds = ports.clock.wallMilliseconds
      if !hasCaughtUp { metrics.recoveryDuration.set(Double(now - startedNanoseconds) / 1e9) }
      hasCaughtUp = true
    }
    engine.state.forgotten.expire(before: ports.clock.wallMilliseconds - Int64(settings.listLifetime.milliseconds))
    var next = currentStatus(now: now)
    noteConditions(&next)
    status.set(next)
    next.export(to: metrics, engine: engine, deadLetterFailures: ports.deadLetters.failures)
  }

  /// What the loop knows now, from counts that are kept.
  private func currentStatus(now: UInt64) -> EngineStatus {
    var status = EngineStatus()
    let state = engine.state
    status.epoch = engine.model?.epoch
    status.visibleEpoch = engine.lifecycle.visible
    status.modelTrainedAtMilliseconds = engine.model?.trainedAtMilliseconds
    status.users = state.users.count
    status.items = state.catalogue.items.count
    status.interactions = state.users.pairCount
    status.eventsApplied = state.eventsApplied
    status.size = engine.size
    status.source = source
    status.publisher = ports.publisher.status
    status.isActive = source.holdsEverything
    status.lagRecords = lag
    status.lagSeconds = lagSeconds
    status.worstLag = partitionLag.worst(source.lagRecords, nowMilliseconds: ports.clock.wallMilliseconds)
    (status.freshnessP50Milliseconds, status.freshnessP99Milliseconds) = freshness.percentiles(now: now)
    status.waitingUsers = planner.dirty.count
    status.rollout = engine.lifecycle.rollout.map { "\($0)" }
    status.isHolding = planner.held != []
    status.lastSnapshotMilliseconds = snapshots.lastMilliseconds
    status.lastSnapshotProblem = snapshots.problem
    status.deadLetterHolds = deadLetters.loads.filter { deadLetters.held.contains($0.key) }
    if !schemas.isEmpty { status.schemaWaits = schemas.status { engine.decoder.payloads?.problem(with: $0) } }
    if status.isHolding { status.replayHolds = replay.progress(state.offsets) }
    status.isMemoryPaused = isMemoryPaused
    status.itemDocuments = ports.items == nil ? nil : engine.items.count
    status.hiddenItems = state.catalogue.hidden.count
    status.itemProblem = itemProblem
    status.hasReadItems = hasReadItems
    status.records = tally.summary(now: now)
    status.eventsSinceFreeze = engine.demand.eventsSinceFreeze
    if let job = jobs.running(.retrain) {
      status.retrainPhase = job.phase
      status.retrainRatio = job.ratio
    }
    status.lastRetrain = training.last
    status.nextRetrain = training.awaits
    status.rolledBackTo = engine.rolledBackTo
    status.promoted = engine.promotion?.settings
    status.shadow = engine.shadowSettings.map { .init(name: $0.name, isTrained: engine.shadow != nil, hits: engine.quality.comparison) }
    status.drift = models.drift(of: engine.model?.epoch)
    status.attribution = AttributionReport(engine.attribution)
    status.quality = LiveQualityReport(engine.quality, nowMilliseconds: state.users.newestTimeMilliseconds)
    status.tickedNanoseconds = now
    status.forgottenUsers = state.forgotten.count
    status.fatal = fatal
    status.isDisplaced = isDisplaced
    status.start = startPositions
    status.offsets = state.offsets
    status.durable = snapshots.durable
    status.archive = archiveStatus
    status.archive?.waitingRows += archived.rows
    return status
  }

  private func watchMemory() {
    guard let limit = settings.maxResidentBytes else { return }
    let over = ports.residentBytes() > limit
    isMemoryPaused = over
    if over { metrics.backpressure.with("memory").add(seconds: Self.watchEvery.milliseconds / 1e3) }
  }

  /// One decision for all reasons to wait: partitions whose dead letters or records wait, and all of them while memory is short.
  private func pausePartitions() {
    let wanted = isMemoryPaused || schemas.isFull || archiveStatus?.isFull == true ? source.all : deadLetters.held.union(schemas.partitions)
    for partition in wanted.subtracting(pausedPartitions) { ports.source.setPaused(true, partition) }
    for partition in pausedPartitions.subtracting(wanted) { ports.source.setPaused(false, partition) }
    pausedPartitions = wanted
  }

  // MARK: Requests

  private func takeRequests() {
    for request in mailbox.drain() {
      switch request {
      case .cancelRetrain(let job): cancelTraining(job)
      case .resumeRetrains: engine.resumeRetrains()
      case .setShadow(let shadow): setShadow(shadow)
      case .republish: republish()
      case .snapshot(let job): snapshots.request(job: job)
      case .freeze(let handle): handle.complete(engine.frozenState())
      case .explain(let user, let item, let handle): handle.complete(explain(item, for: user))
      case .similarUsers(let user, let n, let handle): findSimilarUsers(to: user, n, handle)
      case .report(let users, let handle): handle.complete(users.map(report(on:)))
      case .reportItem(let item, let handle): handle.complete(report(onItem: item))
      }
    }
  }

  // MARK: The end

  /// Stops polling, drains, flushes lists and dead letters, writes a last snapshot and commits it, leaves the group.
  ///
  /// Returns what could not be done in time; nothing of it is lost, a restart replays it.
  public func shutDown(timeout: Duration) -> [String] {
    var problems: [String] = []
    let deadline = ports.clock.monotonicNanoseconds + timeout.nanoseconds
    func left() -> Duration { .nanoseconds(Int64(max(0, Int64(deadline) - Int64(ports.clock.monotonicNanoseconds)))) }
    training.cancel()
    models.cancel()
    publishWhatWaits(while: { left() > timeout / 2 })
    if ports.publisher.status.isUp, !ports.publisher.flush(timeout: left() / 4) { problems.append("some lists were not acknowledged") }
    takeAcknowledgements()
    planner.hurryProgress()
    publish()
    if ports.publisher.status.isUp { _ = ports.publisher.flush(timeout: left() / 4) }
    if !ports.deadLetters.flush(timeout: left() / 2) {
      problems.append("some dead letters were not acknowledged; the snapshot carries them, and a restart sends them again")
    }
    deadLetters.acknowledge(through: ports.deadLetters.acknowledgedThrough)
    writeLastSnapshot(until: deadline, &problems)
    ports.items?.close(timeout: .milliseconds(500))
    if !ports.source.close(timeout: max(left(), .milliseconds(200))) {
      problems.append("the consumer group was not left in time, because the broker does not answer")
    }
    ports.publisher.close()
    return problems
  }

  private func publishWhatWaits(while hasTime: () -> Bool) {
    while planner.dirty.hasReady, ports.publisher.status.isUp, hasTime() {
      publish()
      if !hasSubmitted, !ports.publisher.flush(timeout: .milliseconds(200)) { continue }
      takeAcknowledgements()
      if !hasSubmitted, ports.publisher.room > 0, planner.dirty.hasReady {
        publish()
        // Nothing more can be made now: no model yet, or a replay that holds lists back.
        if !hasSubmitted { return }
      }
    }
  }

  private func writeLastSnapshot(until deadline: UInt64, _ problems: inout [String]) {
    guard mayArchive else { return }
    if let problem = ports.archive?.status.problem {
      problems.append("the last snapshot is not written, because archive.store is not (a restart reads the log again): \(problem)")
      return
    }
    while snapshots.isWriting, ports.clock.monotonicNanoseconds < deadline {
      stepSnapshot()
      ports.clock.sleep(for: .milliseconds(2))
    }
    guard !snapshots.isWriting else {
      problems.append("the last snapshot is not written: the one before is still on its way to the disk")
      return
    }
    do {
      let snapshot = frozenSnapshot(sequence: snapshots.takeSequence())
      _ = try ports.storage.write(snapshot)
      ports.source.commit(snapshot.offsets)
    } catch {
      problems.append("\(error)")
    }
  }

  // MARK: Publishing

  /// Only an engine that holds all partitions publishes.
  private var canPublish: Bool {
    fatal == nil && source.holdsEverything && isViewKnown && hasReadItems && engine.lifecycle.allowsPublishing && ports.publisher.room > 0
  }

  func takePublisherEvents() {
    let all = source.all
    if hasLostPartitions, source.holdsEverything {
      hasLostPartitions = false
      if isViewKnown {
        planner.meetViewAgain(offsets: engine.state.offsets)
        replay = ReplayHold()
        ports.publisher.follow([])
        followed = []
      }
    }
    if !all.isEmpty, followed != all {
      followed = all
      isViewKnown = false
      _ = ports.publisher.events()  // what was read before the partitions were known says nothing about them
      ports.publisher.follow(all.sorted())
    }
    for event in ports.publisher.events() {
      if case .displaced(let why) = event { (fatal, isDisplaced) = (why, true) }
      // The publisher logs when it is connected and when it is not.
      guard case .connected(let epoch, let published, let survivingTicket) = event, !followed.isEmpty else { continue }
      isViewKnown = true
      connected(epoch, PublishPlanner.ViewState(offsets: published, survivingTicket: survivingTicket, hasPointer: epoch != nil))
    }
  }

  private func connected(_ epoch: UInt32?, _ view: PublishPlanner.ViewState) {
    let engine = self.engine
    let finding = planner.connected(
      view, offsets: engine.state.offsets, forgotten: engine.state.forgotten.ids.map { ($0.id, $0.confirmedAt != nil) }
    ) {
      engine.state.users.find($0.bytes)
    }
    perform(
      self.engine.lifecycle.viewConnected(
        .init(epoch: epoch, isLost: finding.isLost, isBehind: finding.isBehind, hasLostTail: finding.hasLostTail)))
    if planner.mayViewLackWrites { planner.makeDue(documentsOf: self.engine.items.ids) }
    if finding.isLost || finding.isBehind, self.engine.lifecycle.rollout != nil || self.engine.lifecycle.pending != nil {
      planner.beginRelisting()
    }
  }

  func takeAcknowledgements() {
    let now = EngineInstant(ports.clock)
    for acknowledgement in ports.publisher.acknowledged() {
      engine.confirmForgotten(planner.acknowledge(through: acknowledgement.ticket), nowMilliseconds: now.wallMilliseconds)
      perform(engine.lifecycle.acknowledged(through: acknowledgement.ticket))
      while let first = inFlight.first, first.ticket <= acknowledgement.ticket {
        inFlight.removeFirst()
        note(acknowledgement, of: first, now)
      }
    }
  }

  private func note(
    _ acknowledgement: PublishAcknowledgement, of batch: (ticket: UInt64, submittedAt: UInt64, producedAt: [Int64]), _ now: EngineInstant
  ) {
    let at = acknowledgement.atNanoseconds
    metrics.redisCommandsDuration.observe(nanoseconds: at - min(batch.submittedAt, at))
    let sinceReply = Int64((now.monotonicNanoseconds - min(at, now.monotonicNanoseconds)) / 1_000_000)
    for produced in batch.producedAt {
      let milliseconds = max(0, now.wallMilliseconds - sinceReply - produced)
      freshness.record(UInt64(milliseconds) * 1_000_000, now: now.monotonicNanoseconds)
      metrics.eventToPublish.observe(Double(milliseconds) / 1e3)
    }
  }

  func publishIfDue(polled: Int) {
    let isDue = planner.pacing.isDue(
      now: ports.clock.monotonicNanoseconds, isBehind: polled >= settings.pollMax, hasInFlight: !inFlight.isEmpty,
      waiting: planner.dirty.count, waitingSince: dirtyNanoseconds)
    hasSubmitted = false
    if isDue { publish() }
  }

  func publish() {
    hasSubmitted = false
    guard canPublish else { return }
    updateHold()
    let now = EngineInstant(ports.clock)
    let situation = PublishPlanner.Situation(
      now: now, room: ports.publisher.room, userCapacities: engine.state.users.partitions.map(\.capacity),
      items: engine.state.catalogue.items.capacity, isPopularKnown: engine.state.catalogue.trend.total > 0)
    let (plan, actions) = planner.next(&engine.lifecycle, situation)
    let outcome = executor.run(plan, &engine, now: now)
    planner.submitted(
      plan, ticket: ticket + 1, hasCommands: !outcome.commands.isEmpty, &engine.lifecycle)
    // Freeing the vectors of all users takes long.
    if let replaced = outcome.replaced { ports.jobs.discard(replaced) }
    perform(actions)
    // What was acknowledged before may have been the last of a roll-out.
    perform(engine.lifecycle.acknowledged(through: planner.acknowledged))
    guard !outcome.commands.isEmpty else { return }
    submit(outcome, plan)
  }

  private func submit(_ outcome: PublishExecutor.Outcome, _ plan: PublishPlan) {
    ticket += 1
    let began = ports.clock.monotonicNanoseconds
    inFlight.append((ticket, began, plan.producedAt))
    ports.publisher.submit(outcome.commands, ticket: ticket)
    hasSubmitted = true
    guard outcome.users > 0 else { return }
    let times = outcome.times
    planner.pacing.noteSlice(users: outcome.users, nanoseconds: times.foldIn + times.score + times.publish)
    for (stage, nanoseconds): (MetricNames.Stage, UInt64) in [
      (.foldIn, times.foldIn), (.score, times.score), (.publish, times.publish + ports.clock.monotonicNanoseconds - began),
    ] { metrics.stage(stage).observe(Double(nanoseconds) / 1e9) }
    metrics.foldInBatchSize.observe(Double(outcome.users))
  }

  /// Lists of partitions whose replay is through need not wait any more.
  private func updateHold() {
    guard planner.held != [] else { return }
    guard let waiting = replay.waiting(offsets: engine.state.offsets, status: source, now: ports.clock.monotonicNanoseconds) else { return }
    for partition in waiting.released {
      log.warning(
        "\(partition) made no progress for \(ReplayHold.patience) while what was in the log at the start is being replayed; lists of its users go out again and may be older than those that readers have. Check the partition's leader and open transactions"
      )
    }
    let isByPartition = source.all.count == engine.state.users.partitions.count * Set(source.all.map(\.topic)).count
    planner.hold(isByPartition && !engine.state.hasStrayRecords || waiting.held.isEmpty ? Set(waiting.held.map(\.partition)) : nil)
  }
}
