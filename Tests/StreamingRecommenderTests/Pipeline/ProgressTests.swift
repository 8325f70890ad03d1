import RecommenderTestKit
import Testing
@testable import Pipeline

@testable import StreamingRecommender

@Suite struct DirtyUsersTests {
  @Test func firstComeFirstServedAndOnceEach() {
    var dirty = DirtyUsers()
    for (user, batch) in [(3, 1), (1, 1), (3, 2), (2, 3)] as [(UserReference, UInt64)] { dirty.insert(user, batch: batch) }
    #expect(dirty.count == 3)
    #expect(dirty.firstBatch == 1)
    #expect(dirty.contains(2) && !dirty.contains(7))
    #expect(dirty.take(2) == [3, 1])
    #expect(dirty.firstBatch == 3)
    dirty.insert(3, batch: 4)
    #expect(dirty.take(9) == [2, 3])
    #expect(dirty.isEmpty)
    #expect(dirty.firstBatch == nil)
    #expect(dirty.take(9) == [])
  }

  @Test(arguments: 1...5 as ClosedRange<UInt64>) func agreesWithAPlainQueue(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var dirty = DirtyUsers()
    var plain: [(user: UserReference, batch: UInt64)] = []
    for step in 0..<20_000 as Range<UInt64> {
      if random.chance(0.7) {
        let user = UserReference(partition: Int32(random.below(3)), index: Int32(random.below(2000)))
        dirty.insert(user, batch: step)
        if !plain.contains(where: { $0.user == user }) { plain.append((user, step)) }
      } else {
        let count = min(plain.count, Int(random.below(6)))
        #expect(dirty.take(count) == plain.prefix(count).map(\.user), "seed \(seed)")
        plain.removeFirst(count)
      }
      if dirty.count != plain.count || dirty.firstBatch != plain.first?.batch {
        Issue.record("seed \(seed), step \(step)")
        return
      }
    }
  }
}

@Suite struct PublishProgressTests {
  private static let partition = TopicPartition(topic: "events", partition: 0)
  private static func offsets(_ batch: UInt64) -> PartitionOffsets { PartitionOffsets([partition: Int64(batch) * 10]) }

  @Test func nothingIsCoveredBeforeItsTicketIsAcknowledged() {
    var progress = PublishProgress()
    progress.noteBatch(1, Self.offsets(1))
    progress.noteTicket(1, firstBatch: 1)
    #expect(progress.covered(firstWaitingBatch: nil) == nil)
    progress.acknowledge(through: 1)
    #expect(progress.covered(firstWaitingBatch: nil) == Self.offsets(1))
    #expect(progress.covered(firstWaitingBatch: nil) == nil, "told once")
  }

  @Test func aWaitingBatchHoldsProgressBack() {
    var progress = PublishProgress()
    for batch in 1...4 as ClosedRange<UInt64> { progress.noteBatch(batch, Self.offsets(batch)) }
    #expect(progress.covered(firstWaitingBatch: 3) == Self.offsets(2))
  }

  /// While the view is away or lists are held back, upkeep goes out under tickets that cover later batches than what follows.
  @Test func aLaterTicketWithAnEarlierBatchHoldsProgressBackToo() {
    var progress = PublishProgress()
    for batch in 1...4 as ClosedRange<UInt64> { progress.noteBatch(batch, Self.offsets(batch)) }
    progress.noteTicket(1, firstBatch: 5)
    progress.noteTicket(2, firstBatch: 2)
    #expect(progress.covered(firstWaitingBatch: nil) == Self.offsets(1))
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>) func isNeverAheadOfTheTruth(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var progress = PublishProgress()
    var batch: UInt64 = 0
    var ticket: UInt64 = 0
    var waiting: [UInt64] = []
    var inFlight: [(ticket: UInt64, batches: [UInt64])] = []
    for _ in 0..<3000 {
      switch random.below(4) {
      case 0, 1:
        batch += 1
        progress.noteBatch(batch, Self.offsets(batch))
        if random.chance(0.8) { waiting.append(batch) }
      case 2:
        ticket += 1
        let taken = Array(waiting.prefix(random.chance(0.3) ? 0 : Int(random.below(5))))
        progress.noteTicket(ticket, firstBatch: taken.first ?? batch + 1)
        // The last batch may be half done.
        waiting.removeFirst(max(0, taken.count - (random.chance(0.3) ? 1 : 0)))
        inFlight.append((ticket, taken))
      default:
        let count = Int(random.below(UInt64(inFlight.count + 1)))
        if count > 0 { progress.acknowledge(through: inFlight[count - 1].ticket) }
        inFlight.removeFirst(count)
      }
      let open = (waiting + inFlight.flatMap { $0.batches }).min() ?? batch + 1
      if let covered = progress.covered(firstWaitingBatch: waiting.first), covered[Self.partition]! >= Self.offsets(open)[Self.partition]! {
        Issue.record("seed \(seed): covers \(covered), batch \(open) is open")
        return
      }
    }
    progress.acknowledge(through: ticket)
    batch += 1
    progress.noteBatch(batch, Self.offsets(batch))
    #expect(progress.covered(firstWaitingBatch: nil) == Self.offsets(batch), "seed \(seed): comes to the end")
  }
}
