import Telemetry

// What readers get: acknowledgements in, commands out.
extension IngestLoop {
  /// Only an engine that holds all partitions publishes.
  private var canPublish: Bool {
    source.holdsEverything && isViewKnown && engine.lifecycle.allowsPublishing && ports.publisher.room > 0
  }

  func takePublisherEvents() {
    let all = source.all
    if !all.isEmpty, followed != all {
      followed = all
      isViewKnown = false
      _ = ports.publisher.events()  // what was read before the partitions were known says nothing about them
      ports.publisher.follow(all.sorted())
    }
    for event in ports.publisher.events() {
      // The publisher logs when it is connected and when it is not.
      guard case .connected(let epoch, let published, let survivingTicket) = event, !followed.isEmpty else { continue }
      isViewKnown = true
      connected(epoch, PublishPlanner.ViewState(offsets: published, survivingTicket: survivingTicket, hasPointer: epoch != nil))
    }
  }

  private func connected(_ epoch: UInt32?, _ view: PublishPlanner.ViewState) {
    let engine = self.engine
    let finding = planner.connected(view, offsets: engine.state.offsets, forgotten: engine.state.forgotten.ids.map(\.id)) {
      engine.state.users.find($0.bytes)
    }
    perform(
      self.engine.lifecycle.viewConnected(
        .init(epoch: epoch, isLost: finding.isLost, isBehind: finding.isBehind, hasLostTail: finding.hasLostTail)))
    if finding.isLost || finding.isBehind, self.engine.lifecycle.rollout != nil || self.engine.lifecycle.pending != nil {
      planner.beginRelisting()
    }
  }

  /// Carries out what the life cycle of the models asks for.
  func perform(_ actions: [ModelLifecycle.Action]) {
    for action in actions {
      switch action {
      case .requestSnapshot: snapshots.request()
      case .renumberLive(let epoch), .renumberPending(let epoch):
        engine.renumber(action)
        log.warning("Redis holds a newer epoch than this engine's snapshot; the model goes on as epoch \(epoch)")
      case .forgetSubmittedLists: planner.forgetSubmittedLists()
      case .pointerMoved(let job, let epoch): pointerMoved(job, epoch)
      case .jobDone(let job, _): finishTraining(job)
      }
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
      plan, ticket: ticket + 1, hasCommands: !outcome.commands.isEmpty, epoch: engine.model?.epoch, &engine.lifecycle)
    planner.noteStale(outcome.staleUsers)
    perform(actions)
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
    for (stage, nanoseconds) in [
      ("fold_in", times.foldIn), ("score", times.score), ("publish", times.publish + ports.clock.monotonicNanoseconds - began),
    ] { metrics.stageDuration.observe(Double(nanoseconds) / 1e9, labels: [stage]) }
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
    planner.hold(isByPartition || waiting.held.isEmpty ? Set(waiting.held.map(\.partition)) : nil)
  }
}
