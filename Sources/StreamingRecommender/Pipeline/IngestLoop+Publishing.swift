import Telemetry

// What readers get: acknowledgements in, commands out.
extension IngestLoop {
  /// Only an engine that holds all partitions speaks.
  var canPublish: Bool {
    source.holdsEverything && hasMetView && !snapshots.isRequiredBeforeRollout && ports.publisher.room > 0
  }

  func takePublisherEvents() {
    let all = source.all
    if !all.isEmpty, followed != all {
      followed = all
      hasMetView = false
      _ = ports.publisher.events()  // what was read before the partitions were known says nothing about them
      ports.publisher.follow(all.sorted())
    }
    for event in ports.publisher.events() {
      switch event {
      case .connected(let epoch, let published):
        guard !followed.isEmpty else { continue }
        hasMetView = true
        log.info("connected to Redis", ["epoch": epoch])
        epochFloor = max(epochFloor, epoch ?? 0)
        if let epoch, engine.moveEpochs(above: epoch) {
          log.warning(
            "Redis holds epoch \(epoch), newer than this engine's snapshot; the model goes on as epoch \(engine.pending?.model.epoch ?? engine.model?.epoch ?? 0)"
          )
          epochFloor = max(epochFloor, engine.lastEpoch)
          snapshots.requireBeforeRollout()
        }
        planner.connected(epoch: epoch, viewOffsets: published, engine: engine)
      case .disconnected(let why):
        log.warning("Redis is away: \(why)")
      }
    }
  }

  func takeAcknowledgements() {
    let wallNow = ports.clock.wallMilliseconds
    let monotonicNow = MonotonicClock.nanoseconds()
    for acknowledgement in ports.publisher.acknowledged() {
      planner.acknowledge(through: acknowledgement.ticket)
      while let first = inFlight.first, first.ticket <= acknowledgement.ticket {
        inFlight.removeFirst()
        metrics.redisCommandsDuration.observe(
          nanoseconds: acknowledgement.atNanoseconds - min(first.submittedAt, acknowledgement.atNanoseconds))
        let sinceReply = monotonicNow > acknowledgement.atNanoseconds ? (monotonicNow - acknowledgement.atNanoseconds) / 1_000_000 : 0
        for produced in first.producedAt {
          let milliseconds = max(0, wallNow - Int64(sinceReply) - produced)
          freshness.record(UInt64(milliseconds) * 1_000_000, now: monotonicNow)
          metrics.eventToPublish.observe(Double(milliseconds) / 1e3)
        }
      }
    }
  }

  /// With a backlog, lists are made ten times a second and not at every turn: what counts then is to be through with it.
  func publishUnlessBehind(polled: Int) {
    let now = ports.clock.monotonicNanoseconds
    if polled >= settings.pollMax, now - publishedNanoseconds < Self.behindPublishEvery.nanoseconds { return }
    // Lists that are made while others are on their way grow old in the queue.
    if !inFlight.isEmpty, planner.dirty.count < settings.foldInBatchMax, now - dirtyNanoseconds < settings.foldInLinger.nanoseconds {
      hasSubmitted = false
      return
    }
    publishedNanoseconds = now
    publish()
  }

  func publish() {
    hasSubmitted = false
    guard canPublish else { return }
    let room = ports.publisher.room
    releaseHoldWhenCaughtUp()
    let began = MonotonicClock.nanoseconds()
    guard let batch = planner.next(&engine, scratch, room: room, ticket: ticket + 1, now: EngineInstant(ports.clock)) else { return }
    ticket += 1
    if batch.users > 0 {
      metrics.stageDuration.observe(Double(MonotonicClock.nanoseconds() - began) / 1e9, labels: ["fold_in"])
      metrics.foldInBatchSize.observe(Double(batch.users))
    }
    inFlight.append((ticket, MonotonicClock.nanoseconds(), batch.producedAt))
    ports.publisher.submit(batch.commands, ticket: ticket)
    hasSubmitted = true
  }

  func releaseHoldWhenCaughtUp() {
    guard planner.isHolding else { return }
    if replay.isDone(offsets: engine.offsets, status: source) { planner.releaseHold() }
  }

  /// Records not read yet over all partitions; `nil` while unknown.
  var lag: Int64? {
    guard !source.assigned.isEmpty, source.assigned.isSubset(of: source.lagRecords.keys) else { return nil }
    return source.lagRecords.values.reduce(0, +)
  }

  /// How old the newest applied record is while there are others behind it; not older than the last time that there were none.
  var lagSeconds: Double? {
    guard let lag else { return nil }
    if lag == 0 { return 0 }
    return Double(max(0, ports.clock.wallMilliseconds - max(lastRecordMilliseconds ?? 0, caughtUpMilliseconds))) / 1e3
  }
}
