/// Decides what readers get next: live updates first, then the slices of a new epoch, then upkeep. A value: it emits work and never asks
/// the engine.
struct PublishPlanner: Sendable {
  struct Settings: Sendable, Equatable {
    var vectors: Bool
    var similar: Bool
    var pacing: PublishPacing.Settings
  }

  /// What the planner must know of the engine and the moment.
  struct Situation: Sendable {
    var now: EngineInstant
    /// Commands that the publisher takes.
    var room: Int
    /// User indices in use, by partition.
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
  /// The epoch under which each user's list was last submitted.
  var submittedEpoch = PerUser<UInt32>(0)
  private var recent = RecentLists()
  private var acknowledged: UInt64 = 0
  /// The last ticket with similar items or removals of a roll-out.
  private var tailTicket: UInt64 = 0
  private var popularDue = true
  private var popularAt: UInt64?
  private var progressAt: UInt64?
  /// Progress as submitted.
  private var published = PartitionOffsets()
  /// The last offsets that lists were found to cover.
  private var covered = PartitionOffsets()
  private var progressDue = false
  /// Lists of the view are missing or old beyond what the progress would say: it waits until every user was written.
  private(set) var isRelisting = false
  /// Progress waits until so many users have been taken from the queue: their lists were lost.
  private var rewritesUntilTaken = 0
  /// The view may lack vectors of new items: they go out before the first list.
  private var repeatsNewItems = false
  /// Whether this process has given the view anything yet.
  private var hasPublished = false
  /// Partitions of users whose lists wait: readers may hold newer ones, made by the process before us from records that we have yet to
  /// replay. `nil`: all of them.
  private(set) var held: Set<Int32>? = []
  private var refreshNext = UserReference(partition: 0, index: 0)
  private var refreshedAt: UInt64?

  static let timesPerUserMax = 64
  /// While the view is away, the times of so many users are kept; the freshness of the others is not counted.
  static let timedUsersMax = 50_000
  /// Item vectors or tombstones of one batch.
  static let slice = 64
  static let popularEvery = Duration.seconds(1)
  static let progressEvery = Duration.milliseconds(200)

  init(settings: Settings) {
    self.settings = settings
    pacing = PublishPacing(settings.pacing)
  }

  // MARK: What happened

  mutating func note(_ update: EngineUpdate, offsets: PartitionOffsets) {
    batchNumber += 1
    for user in update.changedUsers { dirty.insert(user, batch: batchNumber) }
    for event in update.applied {
      guard let time = event.producedAtMilliseconds else { continue }
      guard producedAt.count < Self.timedUsersMax || producedAt[event.user] != nil else { continue }
      if producedAt[event.user, default: []].count < Self.timesPerUserMax { producedAt[event.user, default: []].append(time) }
    }
    forgets.append(update.forgotten)
    progress.noteBatch(batchNumber, offsets)
    if !update.applied.isEmpty { popularDue = true }
  }

  /// Users whose rows changed without an event: a new model was installed.
  mutating func noteStale(_ users: [UserReference]) {
    for user in users { dirty.insert(user, batch: batchNumber) }
  }

  /// Returns the ids whose removal the view has confirmed.
  mutating func acknowledge(through ticket: UInt64) -> [Identifier] {
    acknowledged = max(acknowledged, ticket)
    progress.acknowledge(through: ticket)
    return forgets.acknowledge(through: ticket)
  }

  /// What a connected view holds of ours.
  struct ViewState {
    /// Next offsets after those that its lists cover.
    var offsets: PartitionOffsets
    /// Through this ticket, what this process has written is proved to be there; `nil`: nothing is proved.
    var survivingTicket: UInt64?
    var hasPointer: Bool
  }

  /// How a connected view compares with what was published.
  struct ViewFinding: Equatable {
    var isLost: Bool
    var isBehind: Bool
    var hasLostTail: Bool
  }

  /// The view came back or was met for the first time. Tells what is missing in it; users whose newest lists it has lost are due again.
  ///
  /// - Parameters:
  ///   - forgotten: ids that the view might show again, in order.
  ///   - find: the user of an id that came again since.
  mutating func connected(
    _ view: ViewState, offsets: PartitionOffsets, forgotten: [Identifier], find: (Identifier) -> UserReference?
  ) -> ViewFinding {
    popularDue = true
    let isFirst = !hasPublished
    if isFirst {
      held = nil
      // What a snapshot brought counts as read, too: without new records, progress would otherwise stay behind for ever.
      progress.noteBatch(batchNumber, offsets)
    }
    let hasLostWrites = isFirst || (view.survivingTicket ?? 0) < acknowledged
    var isLost = !view.hasPointer
    if hasLostWrites {
      repeatsNewItems = true
      repeatForgets(forgotten, find)
      forgetProgress()
    }
    if hasLostWrites, !isFirst { isLost = !rewriteRecent(after: view.survivingTicket) || isLost }
    let isBehind = isFirst && offsets.next.contains { $0.value > view.offsets[$0.key] ?? 0 }
    let hasLostTail = !isFirst && (view.survivingTicket ?? 0) < tailTicket
    return ViewFinding(isLost: isLost, isBehind: isBehind, hasLostTail: hasLostTail)
  }

  /// False when it is not known whose lists are lost.
  private mutating func rewriteRecent(after ticket: UInt64?) -> Bool {
    guard let ticket, let users = recent.users(after: ticket) else {
      recent.removeAll()
      return false
    }
    for user in users { dirty.insert(user, batch: batchNumber) }
    rewritesUntilTaken = dirty.inserted
    return true
  }

  /// Tombstones that the view may not have; who came again since gets the list again.
  private mutating func repeatForgets(_ ids: [Identifier], _ find: (Identifier) -> UserReference?) {
    forgets.append(ids)
    for id in ids {
      if let user = find(id) { dirty.insert(user, batch: batchNumber) }
    }
  }

  private mutating func forgetProgress() {
    published = PartitionOffsets()
    progressDue = true
  }

  /// Every user is due under the epoch of the roll-out that begins.
  mutating func forgetSubmittedLists() { submittedEpoch = PerUser(0) }

  /// What readers have is missing or old: progress waits until a roll-out has written every user.
  mutating func beginRelisting() { isRelisting = true }

  /// A roll-out has reached every user.
  mutating func endRelisting() { isRelisting = false }

  func isAcknowledged(_ ticket: UInt64) -> Bool { ticket <= acknowledged }

  mutating func insertDirty(_ user: UserReference) { dirty.insert(user, batch: batchNumber) }

  /// Lists of these partitions wait; `nil`: of all.
  mutating func hold(_ partitions: Set<Int32>?) {
    guard held != partitions else { return }
    held = partitions
    if let partitions { dirty.release(allBut: partitions) }
  }

  /// Progress is written with the next batch, however soon after the last.
  mutating func hurryProgress() { progressAt = nil }

  var isIdle: Bool { dirty.isEmpty && forgets.isEmpty }

  // MARK: What to do

  /// The next work, at most about `room` commands. The caller carries it out and reports it by `submitted`.
  mutating func next(_ lifecycle: inout ModelLifecycle, _ situation: Situation) -> (plan: PublishPlan, actions: [ModelLifecycle.Action]) {
    var plan = PublishPlan()
    guard situation.room > 0 else { return (plan, []) }
    let firstBatch = dirty.firstBatch ?? batchNumber + 1
    let ids = forgets.take(situation.room)
    if !ids.isEmpty { plan.work.append(.forget(ids)) }
    // A list must not go out before the tombstone that came before it: while tombstones wait, lists do.
    if let held, forgets.isEmpty { planLive(lifecycle, held, situation, &plan) }
    let actions = planRollout(&lifecycle, situation, &plan)
    planRefresh(lifecycle, situation, &plan)
    planPopular(situation, &plan)
    // Lists that are lost count as written again only once the queue is through.
    if dirty.taken >= rewritesUntilTaken {
      planProgress(situation, firstWaiting: plan.liveUsers.isEmpty ? dirty.firstBatch : firstBatch, &plan)
    }
    plan.firstBatch = plan.liveUsers.isEmpty ? batchNumber + 1 : firstBatch
    return (plan, actions)
  }

  /// The plan's commands were submitted under `ticket`; with none, under the last ticket before.
  mutating func submitted(_ plan: PublishPlan, ticket: UInt64, hasCommands: Bool, epoch: UInt32?, _ lifecycle: inout ModelLifecycle) {
    let last = hasCommands ? ticket : ticket - 1
    for user in plan.users { submittedEpoch[user] = epoch ?? 0 }
    if plan.completesItems { lifecycle.continueRollout(.itemsSubmitted(ticket: last)) }
    if plan.completesUsers { lifecycle.submittedUsers(ticket: last) }
    guard hasCommands else { return }
    hasPublished = true
    forgets.submitted(plan.forgets, ticket: ticket)
    recent.note(ticket, plan.users)
    if plan.hasTail { tailTicket = ticket }
    progress.noteTicket(ticket, firstBatch: plan.firstBatch)
  }

  private mutating func planLive(_ lifecycle: ModelLifecycle, _ held: Set<Int32>, _ situation: Situation, _ plan: inout PublishPlan) {
    // A vector of an epoch that readers do not have yet would stand beside items of another. Without a model there are no lists
    // yet; the first roll-out reaches every user.
    guard lifecycle.isLiveVisible else {
      if lifecycle.live == nil, lifecycle.pending == nil {
        dirty.removeAll()
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
    plan.liveUsers = users
    plan.work.append(.lists(users))
  }

  /// Every user once per `refresh`, so that lost keys come back and times to live are renewed.
  private mutating func planRefresh(_ lifecycle: ModelLifecycle, _ situation: Situation, _ plan: inout PublishPlan) {
    let total = situation.userCapacities.reduce(0, +)
    let interval = settings.pacing.refresh
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
    plan.work.append(.lists(users))
  }

  private mutating func planPopular(_ situation: Situation, _ plan: inout PublishPlan) {
    let now = situation.now.monotonicNanoseconds
    guard popularDue, situation.isPopularKnown, popularAt.map({ now - $0 >= Self.popularEvery.nanoseconds }) ?? true else { return }
    popularDue = false
    popularAt = now
    plan.work.append(.popular)
  }

  private mutating func planProgress(_ situation: Situation, firstWaiting: UInt64?, _ plan: inout PublishPlan) {
    let now = situation.now.monotonicNanoseconds
    guard progressAt.map({ now - $0 >= Self.progressEvery.nanoseconds }) ?? true, !isRelisting else { return }
    let new = progress.covered(firstWaitingBatch: firstWaiting)
    // Lists of held partitions wait: what was read of those is not covered.
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

/// Ids of tombstones on their way to the view, each once, in order.
struct PendingForgets: Sendable {
  private var queue: [Identifier] = []
  private var head = 0
  private var waiting: Set<Identifier> = []
  private var inFlight: [(ticket: UInt64, ids: [Identifier])] = []

  var isEmpty: Bool { head == queue.count }

  mutating func append(_ ids: [Identifier]) {
    for id in ids where waiting.insert(id).inserted { queue.append(id) }
  }

  mutating func take(_ max: Int) -> [Identifier] {
    let ids = Array(queue[head...].prefix(max))
    head += ids.count
    waiting.subtract(ids)
    if head * 2 >= queue.count {
      queue.removeFirst(head)
      head = 0
    }
    return ids
  }

  mutating func submitted(_ ids: [Identifier], ticket: UInt64) {
    if !ids.isEmpty { inFlight.append((ticket, ids)) }
  }

  mutating func acknowledge(through ticket: UInt64) -> [Identifier] {
    let done = inFlight.prefix { $0.ticket <= ticket }
    inFlight.removeFirst(done.count)
    return done.flatMap(\.ids)
  }
}

extension UserReference {
  /// The next place in the same partition.
  var next: UserReference { UserReference(partition: partition, index: index + 1) }

  /// This place, or the first one of the next partition that has users; wraps around. Some partition has users.
  func clamped(to capacities: [Int]) -> UserReference {
    var place = self
    while Int(place.partition) >= capacities.count || Int(place.index) >= capacities[Int(place.partition)] {
      place = UserReference(partition: Int(place.partition) + 1 < capacities.count ? place.partition + 1 : 0, index: 0)
    }
    return place
  }
}
