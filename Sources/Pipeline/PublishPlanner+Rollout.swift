import ServingFormats
import StreamingRecommender

// The roll-out of an epoch in slices; `Rollout` defines the order of its phases.
extension PublishPlanner {
  mutating func planRollout(_ lifecycle: inout ModelLifecycle, _ situation: Situation, _ plan: inout PublishPlan)
    -> [ModelLifecycle.Action]
  {
    guard let rollout = lifecycle.rollout else { return [] }
    let room = min(situation.room - plan.liveUsers.count, pacing.allowance(now: situation.now.monotonicNanoseconds))
    guard room > 0 else { return [] }
    switch rollout.phase {
    case .items(let next): planItems(rollout, from: next, min(Self.slice, room), &lifecycle, situation, &plan)
    case .itemsSubmitted(let ticket):
      guard isAcknowledged(ticket) else { return [] }
      let previous = lifecycle.visible == rollout.epoch ? nil : lifecycle.visible
      plan.work.append(.pointer(epoch: rollout.epoch, previous: previous, installs: rollout.installs))
      return lifecycle.movePointer()
    case .users(let next):
      guard let held, forgets.isEmpty else { return [] }
      planUsers(rollout, from: next, min(pacing.slice, room), held, &lifecycle, situation, &plan)
    case .similar(let next): planSimilar(rollout, from: next, min(16, room), &lifecycle, situation, &plan)
    case .retire(let epoch, let next): planRetire(rollout, epoch, from: next, &lifecycle, situation, &plan)
    }
    return []
  }

  private mutating func planItems(
    _ rollout: Rollout, from next: Int32, _ slice: Int, _ lifecycle: inout ModelLifecycle, _ situation: Situation, _ plan: inout PublishPlan
  ) {
    guard settings.writesItems else {
      plan.completesItems = true
      return
    }
    guard arePacksAcknowledged else { return }
    let end = min(next + Int32(settings.vectors ? slice : ItemPack.size), Int32(situation.items))
    lifecycle.continueRollout(.items(next: end))
    plan.completesItems = end == Int32(situation.items)
    if next == 0 { plan.work.append(.itemsBegin(epoch: rollout.epoch)) }
    if end > next, settings.vectors { plan.work.append(.itemVectors(epoch: rollout.epoch, next..<end)) }
    if settings.rows {
      // A pack follows the last of its vectors.
      let packs = Int(next) / ItemPack.size..<(plan.completesItems ? ItemPack.count(items: Int(end)) : Int(end) / ItemPack.size)
      if !packs.isEmpty { plan.work.append(.itemPacks(epoch: rollout.epoch, packs)) }
    }
    if plan.completesItems { plan.work.append(.itemsComplete(epoch: rollout.epoch)) }
  }

  /// Plans the next users without a list of this epoch. Users in the queue of live updates get theirs there; those of held partitions are
  /// added to it.
  private mutating func planUsers(
    _ rollout: Rollout, from first: UserReference, _ slice: Int, _ held: Set<Int32>, _ lifecycle: inout ModelLifecycle,
    _ situation: Situation, _ plan: inout PublishPlan
  ) {
    var users: [UserReference] = []
    var passedBy: [UserReference] = []
    var user = first
    var looked = 0
    while users.count < slice, looked < Self.lookedAtMax, Int(user.partition) < situation.userCapacities.count {
      guard Int(user.index) < situation.userCapacities[Int(user.partition)] else {
        user = UserReference(partition: user.partition + 1, index: 0)
        continue
      }
      if submittedEpoch[user] != rollout.epoch {
        if held.contains(user.partition) || dirty.contains(user) { passedBy.append(user) } else { users.append(user) }
      }
      looked += 1
      user = user.next
    }
    if !users.isEmpty { plan.work.append(.lists(users)) }
    noteWritten(users, &plan)
    owe(passedBy, ofEpoch: rollout.epoch)
    plan.rolloutUsers = users.count
    pacing.spend(users.count)
    if Int(user.partition) < situation.userCapacities.count {
      lifecycle.continueRollout(.users(next: user))
      return
    }
    endUsers(ofEpoch: rollout.epoch, &plan)
    endRelisting()
    lifecycle.continueRollout(.similar(next: 0))
  }

  /// The largest number of users examined per iteration; most of them may already have their list.
  private static let lookedAtMax = 8192

  private mutating func planSimilar(
    _ rollout: Rollout, from next: Int32, _ slice: Int, _ lifecycle: inout ModelLifecycle, _ situation: Situation, _ plan: inout PublishPlan
  ) {
    let end = settings.similar ? min(next + Int32(slice), Int32(situation.items)) : Int32(situation.items)
    if end > next, settings.similar { plan.work.append(.similar(next..<end)) }
    pacing.spend(Int(end - next))
    if end < situation.items { lifecycle.continueRollout(.similar(next: end)) } else { retireOrEnd(rollout, after: 0, &lifecycle) }
  }

  private mutating func planRetire(
    _ rollout: Rollout, _ epoch: UInt32, from next: Int32, _ lifecycle: inout ModelLifecycle, _ situation: Situation,
    _ plan: inout PublishPlan
  ) {
    let end = min(next + 512, Int32(situation.items))
    if end > next { plan.work.append(.retire(epoch: epoch, next..<end)) }
    if end < situation.items {
      lifecycle.continueRollout(.retire(epoch: epoch, next: end))
    } else {
      retireOrEnd(rollout, after: epoch, &lifecycle)
    }
  }

  private func retireOrEnd(_ rollout: Rollout, after epoch: UInt32, _ lifecycle: inout ModelLifecycle) {
    if settings.writesItems, let next = rollout.retired.first(where: { $0 > epoch }) {
      lifecycle.continueRollout(.retire(epoch: next, next: 0))
    } else {
      lifecycle.endRollout()
    }
  }
}
