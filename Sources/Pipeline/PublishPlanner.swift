import ServingFormats
import StreamingRecommender
import Telemetry

/// Decides what is published next: live updates first, then slices of a new epoch, then refreshes. A value that returns work and never
/// calls the engine.
struct PublishPlanner: Sendable {
  struct Settings: Sendable, Equatable {
    var vectors: Bool
    var rows: Bool
    var similar: Bool
    var pacing: PublishPacing.Settings

    /// Whether item vectors are written, one by one or in packs.
    var writesItems: Bool { vectors || rows }
  }

  /// The inputs of a planning step.
  struct Situation: Sendable {
    var now: EngineInstant
    /// The number of commands that the publisher accepts.
    var room: Int
    /// The number of user indices in use, by partition.
    var userCapacities: [Int]
    var items: Int
    var isPopularKnown: Bool
  }

  let settings: Settings
  var pacing: PublishPacing
  private(set) var dirty = DirtyUsers()
  private var progress = PublishProgress()
  private var batchNumber: UInt64 = 0
  private(set) var forgets = PendingForgets()
  private var producedAt: [UserReference: [Int64]] = [:]
  /// The epoch with which each user's list was last submitted.
  var submittedEpoch = PerUser<UInt32>(0)
  /// The users of recently published lists. If a loss reaches further back, every user is published again.
  private var recent = RecentWrites<UserReference>(max: recentListsMax)
  private(set) var acknowledged: UInt64 = 0
  private var lastSubmitted: UInt64 = 0
  /// Offsets when this process began to read, or got its partitions back.
  private var startOffsets: PartitionOffsets
  /// The last ticket of a roll-out with similar items or removals.
  private var tailTicket: UInt64 = 0
  /// The ticket of the last item packs of a roll-out. Packs are large, so the next ones wait for it.
  private var packsTicket: UInt64 = 0
  private var trendDue = true
  private var trendAt: UInt64?
  /// What readers have, or get next.
  private var trending: TrendingBlob?
  private var trendingDue = false
  private var packsAt: UInt64?
  private var popularDue = true
  private var popularAt: UInt64?
  private var progressAt: UInt64?
  /// The progress that was last submitted.
  private var published = PartitionOffsets()
  /// The latest offsets known to be covered by lists.
  private var covered = PartitionOffsets()
  private var progressDue = false
  /// Whether lists in the view are missing or older than its progress claims. Progress is not written until every user has been.
  private(set) var isRelisting = false
  /// Users whose lists the view may have lost; progress is withheld until they are written again.
  private var owed: Set<UserReference> = []
  private var rolloutDebt: RolloutDebt?
  /// Whether the view may lack vectors of new items, which are then published before the first list.
  private var repeatsNewItems = false
  /// Whether the view that was connected last may lack something that was written before.
  private(set) var mayViewLackWrites = false
  /// Whether this process has published anything yet.
  private var hasPublished = false
  /// The partitions whose users' lists are withheld, because readers may have newer lists that the previous process computed from records
  /// not replayed yet. `nil` withholds all partitions.
  private(set) var held: Set<Int32>? = []
  private var refreshNext = UserReference(partition: 0, index: 0)
  private var refreshedAt: UInt64?
  /// The number of users whose lists may still name an item that was hidden meanwhile.
  private(set) var sweepLeft = 0
  /// Items whose documents the view has in an older form.
  private var itemDocuments = UniqueQueue<Identifier>()

  static let timesPerUserMax = 64
  /// The number of users whose times are kept while the view is unreachable; freshness is not measured for the others.
  static let timedUsersMax = 50_000
  /// The number of item vectors or tombstones per batch.
  static let slice = 64
  static let recentListsMax = 200_000
  static let popularEvery = Duration.seconds(1)
  static let packsEvery = Duration.seconds(1)
  static let duePacksMax = 4
  /// With many items the trend is written less often than `popularEvery`.
  static let trendBytesPerSecond: UInt64 = 1_048_576
  /// The number of documents of items per batch.
  static let documentsMax = 128
  static let sweepUsersPerSecond = 1000
  static let sweepLongest = Duration.seconds(300)
  static let progressEvery = Duration.milliseconds(200)

  init(settings: Settings, startOffsets: PartitionOffsets = PartitionOffsets()) {
    self.settings = settings
    self.startOffsets = startOffsets
    pacing = PublishPacing(settings.pacing)
  }

  // MARK: Events

  mutating func note(_ update: EngineUpdate, offsets: PartitionOffsets) {
    batchNumber += 1
    makeDue(update.changedUsers)
    for event in update.applied {
      guard let time = event.producedAtMilliseconds else { continue }
      guard producedAt.count < Self.timedUsersMax || producedAt[event.user] != nil else { continue }
      if producedAt[event.user, default: []].count < Self.timesPerUserMax { producedAt[event.user, default: []].append(time) }
    }
    forgets.append(update.forgotten)
    progress.noteBatch(batchNumber, offsets)
    if !update.applied.isEmpty { (popularDue, trendDue) = (true, true) }
  }

  /// Queues users whose lists must be written, even if no event changed them.
  mutating func makeDue(_ users: some Sequence<UserReference>) {
    for user in users { dirty.insert(user, batch: batchNumber) }
  }

  mutating func makeDue(documentsOf ids: some Sequence<Identifier>) {
    for id in ids { itemDocuments.append(id) }
  }

  mutating func makeDue(_ blob: TrendingBlob) { (trending, trendingDue) = (blob, true) }

  /// Every list is made again soon, because an item was hidden that some may name.
  mutating func sweep(users: Int) {
    sweepLeft = users
    popularDue = true
  }

  /// Handles an acknowledgement and returns the ids whose removal the view has confirmed.
  mutating func acknowledge(through ticket: UInt64) -> [Identifier] {
    acknowledged = max(acknowledged, ticket)
    progress.acknowledge(through: ticket)
    return forgets.acknowledge(through: ticket)
  }

  /// What a connected view contains of this engine's output.
  struct ViewState {
    /// For each partition, the offset after the last one that its lists cover.
    var offsets: PartitionOffsets
    /// Writes of this process through this ticket are proved to be in the view; `nil` proves none.
    var survivingTicket: UInt64?
    var hasPointer: Bool
  }

  /// The differences between a connected view and what was published.
  struct ViewFinding: Equatable {
    var isLost: Bool
    var isBehind: Bool
    var hasLostTail: Bool
  }

  /// Compares the view with what was published. Users whose newest lists it may have lost become due again.
  ///
  /// Writes that are not acknowledged yet count as lost too: an acknowledgement that is still on its way may be for a write that the view
  /// has lost since.
  ///
  /// - Parameters:
  ///   - forgotten: ids that a tombstone removed, in order, and whether the view has confirmed the removal.
  ///   - find: the user of an id that came again since.
  mutating func connected(
    _ view: ViewState, offsets: PartitionOffsets, forgotten: [(id: Identifier, isConfirmed: Bool)], find: (Identifier) -> UserReference?
  ) -> ViewFinding {
    (popularDue, trendDue, trendingDue) = (true, true, trending != nil)
    let isFirst = !hasPublished
    let surviving = view.survivingTicket ?? 0
    var isLost = !view.hasPointer
    if isFirst {
      held = nil
      // What a snapshot brought counts as read, too: without new records, progress would otherwise never be written.
      progress.noteBatch(batchNumber, offsets)
    }
    mayViewLackWrites = isFirst || surviving < lastSubmitted
    if mayViewLackWrites {
      repeatsNewItems = true
      repeatForgets(isFirst ? nil : forgets.ids(after: surviving), forgotten, find)
      forgetProgress()
      if !isFirst { isLost = !rewriteRecent(after: view.survivingTicket) || isLost }
    }
    let reached = isFirst ? startOffsets : offsets
    let isBehind = (isFirst || surviving == 0) && reached.next.contains { $0.value > view.offsets[$0.key] ?? 0 }
    return ViewFinding(isLost: isLost, isBehind: isBehind, hasLostTail: !isFirst && surviving < tailTicket)
  }

  /// Another engine may have published meanwhile: the view is met as if for the first time.
  mutating func meetViewAgain(offsets: PartitionOffsets) {
    hasPublished = false
    startOffsets = offsets
  }

  /// False when it is not known whose lists are lost.
  private mutating func rewriteRecent(after ticket: UInt64?) -> Bool {
    guard let ticket, let users = recent.elements(after: ticket) else {
      recent.removeAll()
      return false
    }
    makeDue(users)
    owed.formUnion(users)
    return true
  }

  /// Tombstones that the view may not have.
  ///
  /// - Parameter recent: those that were submitted after the surviving ticket; `nil`: every one that is kept counts, except confirmed ones
  ///   whose user came again since and has a list, or gets one by the roll-out.
  private mutating func repeatForgets(
    _ recent: [Identifier]?, _ kept: [(id: Identifier, isConfirmed: Bool)], _ find: (Identifier) -> UserReference?
  ) {
    let ids = recent ?? kept.filter { !$0.isConfirmed || find($0.id) == nil }.map(\.id)
    forgets.append(ids)
    makeDue(ids.compactMap(find))
  }

  /// Whatever the view holds, everything is written again; progress only after a roll-out has written every user.
  mutating func repeatEverything() {
    (popularDue, trendDue, trendingDue, repeatsNewItems) = (true, true, trending != nil, true)
    forgetProgress()
    beginRelisting()
  }

  private mutating func forgetProgress() {
    published = PartitionOffsets()
    progressDue = true
  }

  /// Forgets which lists were submitted, so that the roll-out that begins writes every user.
  mutating func forgetSubmittedLists() {
    submittedEpoch = PerUser(0)
    rolloutDebt = nil
  }

  /// A roll-out has passed by these users, who get their lists from the queue of live updates.
  mutating func owe(_ users: [UserReference], ofEpoch epoch: UInt32) {
    if rolloutDebt?.epoch != epoch { rolloutDebt = RolloutDebt(epoch: epoch) }
    rolloutDebt?.users.formUnion(users)
    makeDue(users)
  }

  /// A roll-out has passed every user. The epoch is complete as soon as those that it passed by have their lists.
  mutating func endUsers(ofEpoch epoch: UInt32, _ plan: inout PublishPlan) {
    owe([], ofEpoch: epoch)
    rolloutDebt?.hasPassedAll = true
    completeIfPaid(&plan)
  }

  private mutating func completeIfPaid(_ plan: inout PublishPlan) {
    guard let debt = rolloutDebt, debt.hasPassedAll, debt.users.isEmpty else { return }
    plan.completedEpoch = debt.epoch
    rolloutDebt = nil
  }

  /// Withholds progress until a roll-out has written every user, because lists in the view are missing or outdated.
  mutating func beginRelisting() { isRelisting = true }

  /// Ends `isRelisting`: a roll-out has written every user.
  mutating func endRelisting() { isRelisting = false }

  func isAcknowledged(_ ticket: UInt64) -> Bool { ticket <= acknowledged }

  /// Sets the partitions whose lists are withheld; `nil` withholds all.
  mutating func hold(_ partitions: Set<Int32>?) {
    guard held != partitions else { return }
    held = partitions
    if let partitions { dirty.release(allBut: partitions) }
  }

  /// Writes progress with the next batch, regardless of the interval.
  mutating func hurryProgress() { progressAt = nil }

  var isIdle: Bool { dirty.isEmpty && forgets.isEmpty }

  // MARK: Planning

  /// Returns the next work, at most about `room` commands. The caller executes it and reports it with `submitted`.
  mutating func next(_ lifecycle: inout ModelLifecycle, _ situation: Situation) -> (plan: PublishPlan, actions: [ModelLifecycle.Action]) {
    var plan = PublishPlan()
    plan.epoch = lifecycle.live ?? 0
    guard situation.room > 0 else { return (plan, []) }
    let firstBatch = dirty.firstBatch ?? batchNumber + 1
    let ids = forgets.take(situation.room)
    if !ids.isEmpty { plan.work.append(.forget(ids)) }
    // A tombstone must be published before later lists of its user, so lists wait while tombstones are pending.
    if let held, forgets.isEmpty { planLive(lifecycle, held, situation, &plan) }
    let actions = planRollout(&lifecycle, situation, &plan)
    planRefresh(lifecycle, situation, &plan)
    let documents = itemDocuments.take(min(Self.documentsMax, situation.room / 4))
    if !documents.isEmpty { plan.work.append(.itemDocuments(documents)) }
    planPopular(situation, &plan)
    if settings.rows {
      planTrend(situation, &plan)
      if trendingDue, let trending { plan.work.append(.trending(trending)) }
      trendingDue = false
      planDuePacks(lifecycle, situation, &plan)
    }
    if owed.isEmpty, forgets.isEmpty {
      planProgress(situation, firstWaiting: plan.liveUsers.isEmpty ? dirty.firstBatch : firstBatch, &plan)
    }
    plan.firstBatch = plan.liveUsers.isEmpty ? batchNumber + 1 : firstBatch
    return (plan, actions)
  }

  /// Records that the plan's commands were submitted under `ticket`, or, if there were none, which ticket was the last before it.
  mutating func submitted(_ plan: PublishPlan, ticket: UInt64, hasCommands: Bool, _ lifecycle: inout ModelLifecycle) {
    let last = hasCommands ? ticket : ticket - 1
    for user in plan.users { submittedEpoch[user] = plan.epoch }
    if plan.completesItems { lifecycle.continueRollout(.itemsSubmitted(ticket: last)) }
    if let epoch = plan.completedEpoch { lifecycle.submittedUsers(epoch: epoch, ticket: last) }
    guard hasCommands else { return }
    hasPublished = true
    lastSubmitted = ticket
    forgets.submitted(plan.forgets, ticket: ticket)
    recent.note(ticket, plan.users)
    if plan.hasTail { tailTicket = ticket }
    if plan.hasPacks { packsTicket = ticket }
    progress.noteTicket(ticket, firstBatch: plan.firstBatch)
  }

  private mutating func planLive(_ lifecycle: ModelLifecycle, _ held: Set<Int32>, _ situation: Situation, _ plan: inout PublishPlan) {
    // Item vectors of an epoch that is not visible yet would be mixed with those of another. Without a model there are no lists; the
    // first roll-out writes every user.
    guard lifecycle.isLiveVisible else {
      if lifecycle.live == nil, lifecycle.pending == nil {
        dirty.removeAll()
        owed = []
        producedAt = [:]
      }
      return
    }
    plan.work.append(.newItems(max: Self.slice, all: repeatsNewItems))
    repeatsNewItems = false
    let users = dirty.take(min(settings.pacing.batchMax, max(1, situation.room / 2)), held: held)
    guard !users.isEmpty else { return }
    for user in users {
      if let times = producedAt.removeValue(forKey: user) { plan.producedAt += times }
    }
    noteWritten(users, &plan)
    plan.liveUsers = users
    plan.work.append(.lists(users))
  }

  /// The time in which each user is planned once.
  private func refreshInterval(users: Int) -> Duration {
    guard sweepLeft > 0 else { return settings.pacing.refresh }
    let sweep = min(Self.sweepLongest, .milliseconds(Int64(users) * 1000 / Int64(Self.sweepUsersPerSecond) + 1))
    return settings.pacing.refresh > .zero ? min(settings.pacing.refresh, sweep) : sweep
  }

  /// Plans each user once per `refresh`, so that lost keys are restored and expiry times are extended, or sooner during a sweep.
  private mutating func planRefresh(_ lifecycle: ModelLifecycle, _ situation: Situation, _ plan: inout PublishPlan) {
    let total = situation.userCapacities.reduce(0, +)
    let interval = refreshInterval(users: total)
    guard lifecycle.rollout == nil, !dirty.hasReady, held == [], forgets.isEmpty, lifecycle.isLiveVisible, total > 0, interval > .zero
    else { return }
    guard let last = refreshedAt else {
      refreshedAt = situation.now.monotonicNanoseconds
      return
    }
    let nanosecondsPerUser = Double(interval.nanoseconds) / Double(total)
    let due = min(Int(Double(situation.now.monotonicNanoseconds - last) / nanosecondsPerUser), min(pacing.slice, situation.room / 2))
    guard due > 0 else { return }
    refreshedAt = last + UInt64(Double(due) * nanosecondsPerUser)
    var users: [UserReference] = []
    for _ in 0..<min(due, total) {
      users.append(refreshNext.clamped(to: situation.userCapacities))
      refreshNext = users[users.count - 1].next
    }
    sweepLeft = max(0, sweepLeft - due)
    plan.work.append(.lists(users))
  }

  /// These users get their newest list with this plan.
  mutating func noteWritten(_ users: [UserReference], _ plan: inout PublishPlan) {
    if !owed.isEmpty { owed.subtract(users) }
    guard rolloutDebt != nil else { return }
    rolloutDebt?.users.subtract(users)
    completeIfPaid(&plan)
  }

  private mutating func planPopular(_ situation: Situation, _ plan: inout PublishPlan) {
    let now = situation.now.monotonicNanoseconds
    guard popularDue, situation.isPopularKnown, popularAt.map({ now - $0 >= Self.popularEvery.nanoseconds }) ?? true else { return }
    popularDue = false
    popularAt = now
    plan.work.append(.popular)
  }

  private mutating func planTrend(_ situation: Situation, _ plan: inout PublishPlan) {
    let now = situation.now.monotonicNanoseconds
    let interval = max(Self.popularEvery.nanoseconds, UInt64(4 * situation.items) * 1_000_000_000 / Self.trendBytesPerSecond)
    guard trendDue, situation.isPopularKnown, trendAt.map({ now - $0 >= interval }) ?? true else { return }
    trendDue = false
    trendAt = now
    plan.work.append(.trend)
  }

  private mutating func planDuePacks(_ lifecycle: ModelLifecycle, _ situation: Situation, _ plan: inout PublishPlan) {
    let now = situation.now.monotonicNanoseconds
    guard lifecycle.isLiveVisible, packsAt.map({ now - $0 >= Self.packsEvery.nanoseconds }) ?? true else { return }
    packsAt = now
    plan.work.append(.duePacks(max: Self.duePacksMax))
  }

  /// Whether the view has acknowledged the packs that were submitted.
  var arePacksAcknowledged: Bool { isAcknowledged(packsTicket) }

  private mutating func planProgress(_ situation: Situation, firstWaiting: UInt64?, _ plan: inout PublishPlan) {
    let now = situation.now.monotonicNanoseconds
    guard progressAt.map({ now - $0 >= Self.progressEvery.nanoseconds }) ?? true, !isRelisting else { return }
    let new = progress.covered(firstWaitingBatch: firstWaiting)
    // Offsets of held partitions are not covered, because their lists are withheld.
    for (partition, next) in new?.next ?? [:] where held.map({ !$0.contains(partition.partition) }) ?? false { covered[partition] = next }
    guard new != nil || progressDue else { return }
    progressDue = false
    progressAt = now
    let changed = PartitionOffsets(covered.next.filter { $0.value > 0 && published[$0.key] != $0.value })
    guard !changed.next.isEmpty else { return }
    published.next.merge(changed.next) { $1 }
    plan.work.append(.progress(changed))
  }
}

/// The users whom a roll-out has passed by, because they wait in the queue of live updates or belong to a held partition, and who have no
/// list of its epoch yet.
struct RolloutDebt: Sendable {
  let epoch: UInt32
  var users: Set<UserReference> = []
  /// Whether the roll-out has reached the last user.
  var hasPassedAll = false
}

/// The ids of tombstones not yet acknowledged by the view, unique and in order.
struct PendingForgets: Sendable {
  private var queue = UniqueQueue<Identifier>()
  private var inFlight: [(ticket: UInt64, ids: [Identifier])] = []
  /// Submitted lately, acknowledged or not.
  private var recent = RecentWrites<Identifier>(max: 100_000)

  var isEmpty: Bool { queue.isEmpty }

  mutating func append(_ ids: [Identifier]) {
    for id in ids { queue.append(id) }
  }

  mutating func take(_ max: Int) -> [Identifier] { queue.take(max) }

  mutating func submitted(_ ids: [Identifier], ticket: UInt64) {
    guard !ids.isEmpty else { return }
    inFlight.append((ticket, ids))
    recent.note(ticket, ids)
  }

  /// Ids submitted after this ticket; `nil` when they are not remembered that far back.
  func ids(after ticket: UInt64) -> [Identifier]? { recent.elements(after: ticket) }

  mutating func acknowledge(through ticket: UInt64) -> [Identifier] {
    let done = inFlight.prefix { $0.ticket <= ticket }
    inFlight.removeFirst(done.count)
    return done.flatMap(\.ids)
  }
}

extension UserReference {
  /// The next index in the same partition.
  var next: UserReference { UserReference(partition: partition, index: index + 1) }

  /// Returns this reference if it is in range, otherwise the first of the next partition with users, wrapping around. At least one
  /// partition must have users.
  func clamped(to capacities: [Int]) -> UserReference {
    var place = self
    while Int(place.partition) >= capacities.count || Int(place.index) >= capacities[Int(place.partition)] {
      place = UserReference(partition: Int(place.partition) + 1 < capacities.count ? place.partition + 1 : 0, index: 0)
    }
    return place
  }
}
