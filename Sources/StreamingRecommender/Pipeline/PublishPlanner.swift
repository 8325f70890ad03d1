import Factorization

/// Decides what readers get next: live updates first, then the slices of a new epoch, then upkeep. A value: it asks the engine
/// and returns commands.
struct PublishPlanner: Sendable {
  struct Settings: Sendable, Equatable {
    var batchMax: Int
    var vectors: Bool
    var similar: Bool
    var popularN: Int
    /// Commands a second for full epochs.
    var rateMax: Int?
    var refresh: Duration
  }

  struct Batch: Sendable {
    var commands: [PublishCommand] = []
    /// When the records behind the live lists were produced, for the freshness histogram; milliseconds since 1970.
    var producedAt: [Int64] = []
    var users = 0
    var liveUsers = 0
  }

  let settings: Settings
  var dirty = DirtyUsers()
  var rollout: Rollout?
  /// The epoch whose pointer readers have.
  var visibleEpoch: UInt32?
  var progress = PublishProgress()
  var batchNumber: UInt64 = 0
  var forgotten: [Identifier] = []
  var forgetsInFlight: [(ticket: UInt64, ids: [Identifier])] = []
  var producedAt: [Int32: [Int64]] = [:]
  /// The epoch under which each user's list was last submitted.
  var submittedEpoch: [UInt32] = []
  var lastTicket: UInt64 = 0
  var popularDue = true
  var popularAt: UInt64 = 0
  var progressAt: UInt64 = 0
  /// Progress as submitted, and as the view has acknowledged it.
  var published = PartitionOffsets()
  var acknowledgedProgress = PartitionOffsets()
  var progressInFlight: [(ticket: UInt64, offsets: PartitionOffsets)] = []
  /// The last offsets that lists were found to cover.
  var covered: PartitionOffsets?
  /// Lists of the view are missing or old beyond what the progress would say: it waits until every user was written.
  var isRewriting = false
  var progressDue = false
  /// The view may lack vectors of new items that a snapshot brought: they go out before the first list.
  var repeatsNewItems = false
  /// Every user of an epoch is submitted; it counts as rolled out when the view has them all.
  var awaitedRollout: (epoch: UInt32, ticket: UInt64)?
  /// Whether this process has given the view anything yet.
  var hasPublished = false
  /// Lists wait: readers may hold newer ones, made by the process before us from records that we have yet to replay.
  var isHolding = false
  var refreshNext: Int32 = 0
  var refreshedAt: UInt64?
  var rateCredit = 0.0
  var rateAt: UInt64?
  var normalized: (factors: FactorMatrix, panels: ItemPanels)?

  static let timesPerUserMax = 64
  /// While the view is away, the times of so many users are kept; the freshness of the others is not counted.
  static let timedUsersMax = 50_000
  static let slice = 64
  static let popularEvery = Duration.seconds(1)
  static let progressEvery = Duration.milliseconds(200)

  init(settings: Settings) { self.settings = settings }

  // MARK: What happened

  mutating func note(_ update: EngineUpdate, offsets: PartitionOffsets) {
    batchNumber += 1
    for user in update.changedUsers { dirty.insert(user, batch: batchNumber) }
    for event in update.applied {
      guard let time = event.producedAtMilliseconds else { continue }
      guard producedAt.count < Self.timedUsersMax || producedAt[event.user] != nil else { continue }
      if producedAt[event.user, default: []].count < Self.timesPerUserMax { producedAt[event.user, default: []].append(time) }
    }
    forgotten += update.forgotten
    progress.noteBatch(batchNumber, offsets)
    if !update.applied.isEmpty { popularDue = true }
  }

  mutating func acknowledge(through ticket: UInt64) {
    progress.acknowledge(through: ticket)
    while let first = progressInFlight.first, first.ticket <= ticket {
      acknowledgedProgress = first.offsets
      progressInFlight.removeFirst()
    }
  }

  /// The view came back or was met for the first time.
  ///
  /// - Parameters:
  ///   - epoch: whose pointer it holds; `nil` when it holds nothing.
  ///   - viewOffsets: next offsets after those that its lists cover.
  mutating func connected(epoch: UInt32?, viewOffsets: PartitionOffsets, engine: RecommenderEngine) {
    popularDue = true
    let isFirst = !hasPublished
    // A view without a pointer may hold lists all the same: those that were on their way when it was emptied.
    if isFirst { isHolding = true }
    let lost = epoch == nil || acknowledgedProgress.next.contains { (viewOffsets[$0.key] ?? 0) < $0.value }
    visibleEpoch = epoch
    if isFirst {
      repeatsNewItems = true
      repeatForgets(engine)
      // What a snapshot brought counts as read, too: without new records, progress would otherwise stay behind for ever.
      progress.noteBatch(batchNumber, engine.offsets)
    }
    if lost { forgetProgress() }
    if let current = rollout, current.installs {
      // Item vectors of the coming epoch went with the rest, or belong to the number that it had before.
      if let pending = engine.pending?.model.epoch, lost || pending != current.epoch { start(epoch: pending, installs: true) }
      return
    }
    guard let model = engine.model else { return }
    // Only the pending model has a number above the view's; nothing of the live one is shown any more.
    if let epoch, epoch > model.epoch { return }
    let behind = isFirst && engine.offsets.next.contains { $0.value > viewOffsets[$0.key] ?? 0 }
    let isOnItsWay = rollout != nil || awaitedRollout?.epoch == model.epoch
    isRewriting = isRewriting || lost || behind
    if epoch != model.epoch || lost {
      start(epoch: model.epoch, installs: false)
    } else if behind || engine.rolledOutEpoch != model.epoch && !isOnItsWay {
      submittedEpoch = []
      rollout = Rollout(epoch: model.epoch, installs: false, phase: .users(next: 0))
    }
  }

  /// Tombstones that the process before us applied and the view may not have seen; who came again since gets the list again.
  mutating func repeatForgets(_ engine: RecommenderEngine) {
    for id in engine.unconfirmedForgets where !forgotten.contains(id) {
      forgotten.append(id)
      if let user = engine.store.users.find(id.bytes) { dirty.insert(user, batch: batchNumber) }
    }
  }

  /// The view knows nothing of what was published.
  mutating func forgetProgress() {
    published = PartitionOffsets()
    acknowledgedProgress = PartitionOffsets()
    progressInFlight = []
    progressDue = true
  }

  /// Begins to bring an epoch to the readers. For a pending model only after a durable snapshot holds it.
  mutating func start(epoch: UInt32, installs: Bool) {
    normalized = nil
    if !installs { submittedEpoch = [] }
    awaitedRollout = nil
    rollout = Rollout(epoch: epoch, installs: installs, phase: .items(next: 0))
  }

  /// Lists need not wait any more: what was in the log at our start has been applied.
  mutating func releaseHold() { isHolding = false }

  /// Progress is written with the next batch, however soon after the last.
  mutating func hurryProgress() { progressAt = 0 }

  var isIdle: Bool { dirty.isEmpty && forgotten.isEmpty && rollout == nil }

  // MARK: What to do

  /// The next commands, at most about `room`; `nil` when there is nothing to do. The caller submits them under `ticket`.
  mutating func next(
    _ engine: inout RecommenderEngine, _ scratch: EngineScratch, room: Int, ticket: UInt64, now: EngineInstant
  ) -> Batch? {
    guard room > 0 else { return nil }
    lastTicket = ticket
    noteAcknowledged(&engine)
    var batch = Batch()
    let firstBatch = dirty.firstBatch ?? batchNumber + 1
    if !forgotten.isEmpty {
      batch.commands += forgotten.map { .forget(user: $0) }
      forgetsInFlight.append((ticket, forgotten))
      forgotten = []
    }
    if !isHolding {
      planNewItems(&engine, scratch, &batch)
      planLive(&engine, scratch, room, now, &batch)
    }
    planRollout(&engine, scratch, room, now, &batch)
    planRefresh(&engine, scratch, room, now, &batch)
    planPopular(engine, now, &batch)
    planProgress(engine, now, batch.liveUsers > 0 ? firstBatch : dirty.firstBatch, &batch)
    guard !batch.commands.isEmpty else { return nil }
    hasPublished = true
    progress.noteTicket(ticket, firstBatch: batch.liveUsers > 0 ? firstBatch : batchNumber + 1)
    return batch
  }

  mutating func noteAcknowledged(_ engine: inout RecommenderEngine) {
    while let first = forgetsInFlight.first, progress.isAcknowledged(first.ticket) {
      engine.confirmForgotten(first.ids)
      forgetsInFlight.removeFirst()
    }
    if let awaited = awaitedRollout, progress.isAcknowledged(awaited.ticket) {
      engine.rolledOutEpoch = awaited.epoch
      awaitedRollout = nil
    }
  }

  mutating func planNewItems(_ engine: inout RecommenderEngine, _ scratch: EngineScratch, _ batch: inout Batch) {
    var items = engine.refreshNewItems(max: Self.slice)
    guard settings.vectors, let model = engine.model else { return }
    if repeatsNewItems { items = Set(items).union(model.foldedInItems).sorted() }
    repeatsNewItems = false
    for item in items where model.hasVector(item) {
      batch.commands.append(
        .itemFactors(
          epoch: model.epoch, item: Identifier(engine.store.items.name(item)), factors: model.itemFactors.array(Int(item))))
    }
  }

  mutating func planLive(
    _ engine: inout RecommenderEngine, _ scratch: EngineScratch, _ room: Int, _ now: EngineInstant, _ batch: inout Batch
  ) {
    // A vector of an epoch that readers do not have yet would stand beside items of another. Without a model there are no lists
    // yet; the first rollout reaches every user.
    guard let model = engine.model, visibleEpoch == model.epoch else {
      if engine.model == nil, engine.pending == nil { forgetDirtyUsers() }
      return
    }
    let users = dirty.take(min(settings.batchMax, max(1, room / 2)))
    for user in users {
      if let times = producedAt.removeValue(forKey: user) { batch.producedAt += times }
    }
    batch.liveUsers = users.count
    planUsers(users, &engine, scratch, now, &batch)
  }

  mutating func forgetDirtyUsers() {
    _ = dirty.take(.max / 2)
    producedAt = [:]
  }

  mutating func planUsers(
    _ users: [Int32], _ engine: inout RecommenderEngine, _ scratch: EngineScratch, _ now: EngineInstant, _ batch: inout Batch
  ) {
    guard let epoch = engine.model?.epoch else { return }
    let present = users.filter { user in engine.store.users.withName(user) { !$0.isEmpty } }
    guard !present.isEmpty else { return }
    batch.users += present.count
    for list in engine.refresh(present, scratch) {
      let user = list.user
      if submittedEpoch.count <= Int(user) {
        submittedEpoch.append(contentsOf: repeatElement(0, count: max(Int(user) + 1, submittedEpoch.count * 3 / 2) - submittedEpoch.count))
      }
      submittedEpoch[Int(user)] = epoch
      let source = engine.topicPartition(engine.store.partition(ofUser: user))
      let items = list.items.map { RecommendedItem(item: Identifier(engine.store.items.name($0.item)), score: $0.score) }
      batch.commands.append(
        .user(
          UserRecommendations(
            user: Identifier(engine.store.users.name(user)),
            list: RecommendationList(
              epoch: epoch, source: list.source, partition: source.partition, offset: (engine.offsets[source] ?? 0) - 1,
              madeAtMilliseconds: now.wallMilliseconds, items: items),
            factors: settings.vectors ? engine.servedVector(user) : nil)))
    }
  }

  /// Every user once per `refresh`, so that lost keys come back and times to live are renewed.
  mutating func planRefresh(
    _ engine: inout RecommenderEngine, _ scratch: EngineScratch, _ room: Int, _ now: EngineInstant, _ batch: inout Batch
  ) {
    guard rollout == nil, dirty.isEmpty, !isHolding, let model = engine.model, visibleEpoch == model.epoch, engine.store.userCapacity > 0,
      settings.refresh > .zero
    else { return }
    guard let last = refreshedAt else {
      refreshedAt = now.monotonicNanoseconds
      return
    }
    let nanosecondsPerUser = Double(settings.refresh.nanoseconds) / Double(engine.store.userCapacity)
    let due = min(Int(Double(now.monotonicNanoseconds - last) / nanosecondsPerUser), min(Self.slice, room - batch.commands.count))
    guard due > 0 else { return }
    refreshedAt = last + UInt64(Double(due) * nanosecondsPerUser)
    let users = (0..<Int32(due)).map { (refreshNext + $0) % Int32(engine.store.userCapacity) }
    refreshNext = (refreshNext + Int32(due)) % Int32(engine.store.userCapacity)
    planUsers(users, &engine, scratch, now, &batch)
  }

  mutating func planPopular(_ engine: RecommenderEngine, _ now: EngineInstant, _ batch: inout Batch) {
    guard popularDue, now.monotonicNanoseconds - popularAt >= Self.popularEvery.nanoseconds || popularAt == 0 else { return }
    let items = engine.popular(settings.popularN)
    guard !items.isEmpty else { return }
    popularDue = false
    popularAt = now.monotonicNanoseconds
    batch.commands.append(
      .popular(
        RecommendationList(
          epoch: engine.model?.epoch ?? 0, source: .popular, partition: 0, offset: -1, madeAtMilliseconds: now.wallMilliseconds,
          items: items.map { RecommendedItem(item: Identifier(engine.store.items.name($0.item)), score: $0.score) })))
  }

  mutating func planProgress(
    _ engine: RecommenderEngine, _ now: EngineInstant, _ firstWaitingBatch: UInt64?, _ batch: inout Batch
  ) {
    guard now.monotonicNanoseconds - progressAt >= Self.progressEvery.nanoseconds || progressAt == 0 else { return }
    guard !isRewriting else { return }
    let new = progress.covered(firstWaitingBatch: firstWaitingBatch)
    covered = new ?? covered
    guard new != nil || progressDue, let covered else { return }
    progressDue = false
    progressAt = now.monotonicNanoseconds
    for (partition, next) in covered.next.sorted(by: { $0.key < $1.key }) where next > 0 && published[partition] != next {
      batch.commands.append(
        .progress(partition, offset: next - 1, epoch: engine.model?.epoch ?? 0, atMilliseconds: now.wallMilliseconds))
      published[partition] = next
    }
    progressInFlight.append((lastTicket, published))
  }
}
