import RecommenderTestKit
import Testing
@testable import Pipeline

@testable import StreamingRecommender

@Suite struct HeldUsersTests {
  @Test func usersOfAHeldPartitionWaitAsideAndTheOthersPass() {
    var dirty = DirtyUsers()
    for index in 0..<6 as Range<Int32> { dirty.insert(UserReference(partition: index % 2, index: index), batch: UInt64(index)) }
    #expect(dirty.take(9, held: [1]).map(\.index) == [0, 2, 4])
    #expect(dirty.count == 3)
    #expect(!dirty.hasReady)
    #expect(dirty.firstBatch == nil, "a held partition does not hold the progress of the others")
    dirty.insert(UserReference(partition: 0, index: 7), batch: 9)
    dirty.release(allBut: [])
    #expect(dirty.firstBatch == 1)
    #expect(dirty.take(9).map(\.index) == [1, 3, 5, 7], "who has waited longest comes first")
    #expect(dirty.isEmpty)
  }

  @Test func aHeldUserThatChangesAgainKeepsItsPlace() {
    var dirty = DirtyUsers()
    let user = UserReference(partition: 3, index: 1)
    dirty.insert(user, batch: 1)
    #expect(dirty.take(1, held: [3]).isEmpty)
    dirty.insert(user, batch: 2)
    #expect(dirty.count == 1)
    dirty.release(allBut: [])
    #expect(dirty.take(5) == [user])
  }
}

@Suite struct RecentWritesTests {
  @Test func theUsersOfLaterTicketsAreKnown() {
    var recent = RecentWrites<UserReference>(max: 100)
    recent.note(1, [1, 2])
    recent.note(3, [3])
    recent.note(4, [1])
    #expect(recent.elements(after: 0) == [1, 2, 3, 1])
    #expect(recent.elements(after: 1) == [3, 1])
    #expect(recent.elements(after: 4) == [])
  }

  @Test func whatIsForgottenIsNotCalledComplete() {
    var recent = RecentWrites<UserReference>(max: PublishPlanner.recentListsMax)
    let many = (0..<Int32(PublishPlanner.recentListsMax / 2)).map { UserReference(partition: 0, index: $0) }
    for ticket in 1...4 as ClosedRange<UInt64> { recent.note(ticket, many) }
    #expect(recent.elements(after: 1) == nil)
    #expect(recent.elements(after: 2)?.count == 2 * many.count)
    recent.removeAll()
    #expect(recent.elements(after: 3) == nil)
    #expect(recent.elements(after: 4) == [])
  }
}

@Suite struct PublishPacingTests {
  private func pacing(rate: Int? = nil) -> PublishPacing {
    PublishPacing(.init(batchMax: 10, linger: .milliseconds(5), rateMax: rate, refresh: .zero))
  }

  @Test func withABacklogListsAreMadeTenTimesASecond() {
    var pacing = pacing()
    var due = 0
    for turn in 0..<1000 as Range<UInt64> {
      if pacing.isDue(now: 1_000_000_000 + turn * 1_000_000, isBehind: true, hasInFlight: false, waiting: 99, waitingSince: 0) { due += 1 }
    }
    #expect(due == 10)
  }

  @Test func fewUsersWaitForTheListsOnTheirWayButNotLong() {
    var pacing = pacing()
    let since: UInt64 = 1_000_000_000
    let due = [
      pacing.isDue(now: since, isBehind: false, hasInFlight: true, waiting: 3, waitingSince: since),
      pacing.isDue(now: since, isBehind: false, hasInFlight: true, waiting: 10, waitingSince: since),
      pacing.isDue(now: since + 5_000_000, isBehind: false, hasInFlight: true, waiting: 3, waitingSince: since),
      pacing.isDue(now: since, isBehind: false, hasInFlight: false, waiting: 0, waitingSince: since),
    ]
    #expect(due == [false, true, true, true])
  }

  @Test func aRateBoundsTheCommandsOfAnEpoch() {
    var pacing = pacing(rate: 100)
    var spent = 0
    for turn in 0...2000 as ClosedRange<UInt64> {
      let allowance = min(7, pacing.allowance(now: turn * 1_000_000))
      pacing.spend(allowance)
      spent += allowance
    }
    #expect(200 - spent < 8 && spent <= 200)
    #expect(self.pacing().settings.rateMax == nil)
  }

  @Test func aSliceTakesAsLongAsTheStreamCanWait() {
    var pacing = pacing()
    for _ in 0..<20 { pacing.noteSlice(users: pacing.slice, nanoseconds: UInt64(pacing.slice) * 100_000) }
    #expect(pacing.slice == 20, "2 ms at 0.1 ms a user")
    pacing.noteSlice(users: pacing.slice, nanoseconds: 1_000_000_000)
    #expect(pacing.slice == PublishPacing.slices.lowerBound)
    for _ in 0..<20 { pacing.noteSlice(users: pacing.slice, nanoseconds: 1) }
    #expect(pacing.slice == PublishPacing.slices.upperBound)
  }
}

@Suite struct DeadLetterQueueTests {
  private let one = TopicPartition(topic: "events", partition: 0)
  private let other = TopicPartition(topic: "events", partition: 1)

  private func letter(_ source: TopicPartition, _ offset: Int64, bytes: Int) -> DeadLetter {
    DeadLetter(
      source: source,
      record: Record(offset: offset, timestampMilliseconds: nil, key: nil, value: [UInt8](repeating: 0x20, count: bytes)),
      reason: "bad_json",
      message: "")
  }

  @Test func aPartitionIsHeldByTheBytesOfItsDeadLettersAndGoesOnAtAQuarter() {
    var queue = DeadLetterQueue(limits: .init(partitionBytes: 10_000, partitionCount: 1000, totalBytes: 1_000_000))
    for number in 1...11 as ClosedRange<UInt64> { queue.append(letter(one, Int64(number), bytes: 936), sequence: number) }
    queue.append(letter(other, 1, bytes: 936), sequence: 12)
    #expect(queue.updateHeld().new == [one])
    #expect(queue.bytes == 12_000)
    queue.acknowledge(through: 5)
    let unchanged = queue.updateHeld()
    #expect(unchanged.new == [] && unchanged.released == [])
    #expect(queue.held == [one])
    queue.acknowledge(through: 9)
    #expect(queue.updateHeld().released == [one])
    #expect(queue.unacknowledged.map(\.record.offset) == [10, 11, 1])
    queue.acknowledge(through: 12)
    #expect(queue.isEmpty && queue.bytes == 0 && queue.loads.isEmpty)
  }

  @Test func aPartitionIsHeldByTheNumberToo() {
    var queue = DeadLetterQueue(limits: .init(partitionBytes: .max, partitionCount: 3, totalBytes: .max))
    for number in 1...4 as ClosedRange<UInt64> { queue.append(letter(one, Int64(number), bytes: 1), sequence: number) }
    #expect(queue.updateHeld().new == [one])
  }

  @Test func allTogetherTheyAreBoundedToo() {
    var queue = DeadLetterQueue(limits: .init(partitionBytes: 10_000, partitionCount: 1000, totalBytes: 1500))
    queue.append(letter(one, 1, bytes: 936), sequence: 1)
    #expect(queue.updateHeld().new == [])
    queue.append(letter(other, 1, bytes: 936), sequence: 2)
    #expect(queue.updateHeld().new == [one, other])
    queue.acknowledge(through: 1)
    #expect(queue.updateHeld().released == [one, other])
  }
}

@Suite struct ForgottenUsersTests {
  @Test func anIdIsKeptUntilItsConfirmationIsOldEnough() {
    var forgotten = ForgottenUsers()
    for id in ["a", "b", "c"] as [Identifier] { forgotten.insert(id) }
    forgotten.expire(before: .max)
    #expect(forgotten.ids.map(\.id) == ["a", "b", "c"], "the view has confirmed none")
    forgotten.confirm("a", atMilliseconds: 100)
    forgotten.confirm("b", atMilliseconds: 200)
    forgotten.expire(before: 150)
    #expect(forgotten.ids.map(\.id) == ["b", "c"])
    forgotten.insert("b")
    forgotten.expire(before: .max)
    #expect(forgotten.ids.map(\.id) == ["c", "b"], "forgotten again, it waits again")
  }

  @Test func theSameIdAgainAndAgainTakesNoMoreRoom() {
    var forgotten = ForgottenUsers()
    for number in 0..<100_000 { forgotten.insert(Identifier("u\(number % 10)")) }
    #expect(forgotten.count == 10)
    #expect(forgotten.ids.map(\.id.string) == (0..<10).map { "u\($0)" })
  }

  @Test func composedAndDecomposedIdsAreTwo() {
    var forgotten = ForgottenUsers()
    forgotten.insert(Identifier("caf\u{e9}"))
    forgotten.insert(Identifier("cafe\u{301}"))
    #expect(forgotten.count == 2)
  }
}

@Suite struct ReplayHoldTests {
  private let one = TopicPartition(topic: "events", partition: 0)
  private let other = TopicPartition(topic: "events", partition: 1)

  private func status(lag: [TopicPartition: Int64], halted: [TopicPartition: String] = [:]) -> SourceStatus {
    var status = SourceStatus()
    status.all = [one, other]
    status.assigned = [one, other]
    status.lagRecords = lag
    status.halted = halted
    return status
  }

  @Test func eachPartitionWaitsForItsOwnEnd() {
    var hold = ReplayHold()
    #expect(hold.waiting(offsets: .init(), status: SourceStatus(), now: 0) == nil, "the partitions are not known")
    #expect(hold.waiting(offsets: .init([one: 5, other: 7]), status: status(lag: [one: 10, other: 0]), now: 0)?.held == [one])
    #expect(hold.waiting(offsets: .init([one: 14, other: 9]), status: status(lag: [one: 90, other: 3]), now: 0)?.held == [one])
    #expect(hold.waiting(offsets: .init([one: 15, other: 9]), status: status(lag: [one: 90, other: 3]), now: 0)?.held == [])
  }

  @Test func aPartitionWithoutProgressIsReleasedAfterAWhileAndSaidSo() throws {
    var hold = ReplayHold()
    let late = ReplayHold.patience.nanoseconds + 1
    let lag: [TopicPartition: Int64] = [other: 0]
    #expect(hold.waiting(offsets: .init(), status: status(lag: lag), now: 5)?.held == [one], "leaderless: its lag is unknown")
    #expect(hold.waiting(offsets: .init(), status: status(lag: lag), now: late)?.held == [one])
    let waiting = hold.waiting(offsets: .init(), status: status(lag: lag), now: late + 5)
    #expect(waiting?.held == [] && waiting?.released == [one])
    #expect(hold.waiting(offsets: .init(), status: status(lag: lag), now: late + 6)?.released == [])
  }

  /// A log that retention has cut begins at 1000: 10 records of lag do not end at offset 10.
  @Test func aLogThatIsReadFromItsEarliestRecordEndsWhereItsOffsetsSay() {
    var hold = ReplayHold()
    #expect(hold.waiting(offsets: .init(), status: status(lag: [one: 10, other: 0]), now: 0)?.held == [one])
    #expect(hold.waiting(offsets: .init([one: 1004]), status: status(lag: [one: 6, other: 0]), now: 0)?.held == [one])
    #expect(hold.waiting(offsets: .init([one: 1009]), status: status(lag: [one: 5, other: 0]), now: 0)?.held == [one])
    #expect(hold.waiting(offsets: .init([one: 1010]), status: status(lag: [one: 5, other: 0]), now: 0)?.held == [])
  }

  @Test func progressKeepsAPartitionWaiting() {
    var hold = ReplayHold()
    for step in 0..<10 {
      let now = UInt64(step) * ReplayHold.patience.nanoseconds / 2
      let held = hold.waiting(
        offsets: .init([one: Int64(step), other: 0]), status: status(lag: [one: 100 - Int64(step), other: 0]), now: now)?.held
      #expect(held == [one])
    }
  }

  @Test func aHaltedPartitionHoldsNothing() {
    var hold = ReplayHold()
    #expect(hold.waiting(offsets: .init([one: 1]), status: status(lag: [one: 9, other: 0], halted: [one: "gap"]), now: 0)?.held == [])
  }
}
