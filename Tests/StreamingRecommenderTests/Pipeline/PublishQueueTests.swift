import Testing
@testable import Pipeline

@testable import StreamingRecommender

@Suite struct PublishQueueTests {
  private func list(_ offset: Int64) -> RecommendationList {
    RecommendationList(epoch: 7, source: .foldin, partition: 0, offset: offset, madeAtMilliseconds: 0, items: [])
  }

  private func user(_ name: Identifier, _ offset: Int64) -> PublishCommand {
    .user(UserRecommendations(user: name, list: list(offset), factors: nil))
  }

  private func queue(_ commands: [PublishCommand]) -> PublishQueue<PublishCommand> {
    var queue = PublishQueue<PublishCommand>()
    queue.submit(commands, ticket: 1, at: 0)
    return queue
  }

  private func replay(_ queue: PublishQueue<PublishCommand>) -> [PublishCommand?] {
    var queue = queue
    queue.prepareReplay()
    return queue.nextPipeline(repliesMax: 100).map(\.command)
  }

  private let progress = PublishCommand.progress(TopicPartition(topic: "t", partition: 0), offset: 1, epoch: 7, atMilliseconds: 0)

  @Test func replayCarriesTheNewestListOfAUser() {
    var queue = queue([user("a", 1), user("b", 1), progress, user("a", 2)])
    _ = queue.nextPipeline(repliesMax: 100)
    #expect(replay(queue) == [user("a", 2), user("b", 1), progress, user("a", 2)])
  }

  @Test func replayKeepsDifferentBytesApart() {
    let commands = [user("caf\u{e9}", 1), user("cafe\u{301}", 2), .forget(user: "caf\u{e9}")]
    var queue = queue(commands)
    _ = queue.nextPipeline(repliesMax: 100)
    #expect(replay(queue) == [commands[2], commands[1], commands[2]])
  }

  @Test func replayCarriesTheNewestOfEveryTarget() {
    let commands: [PublishCommand] = [
      .popular(list(1)), .similar(item: "a", list: list(1)), .itemFactors(epoch: 7, item: "a", factors: [1]), .popular(list(2)),
      .similar(item: "a", list: list(2)), .itemFactors(epoch: 7, item: "a", factors: [2]), .itemFactors(epoch: 8, item: "a", factors: [3]),
    ]
    var queue = queue(commands)
    _ = queue.nextPipeline(repliesMax: 100)
    #expect(replay(queue) == Array(commands[3...5]) + Array(commands[3...6]))
  }

  @Test func whatWasNeverSentIsNotMovedForward() {
    var queue = queue([user("a", 1), user("a", 2)])
    _ = queue.nextPipeline(repliesMax: 1)
    #expect(replay(queue) == [user("a", 1), user("a", 2)])
  }

  @Test func acknowledgedEntriesTakeNoPartInAReplay() {
    var queue = queue([user("a", 1), user("b", 1), user("a", 2)])
    _ = queue.nextPipeline(repliesMax: 2)
    queue.acknowledge(1)
    #expect(replay(queue) == [user("b", 1), user("a", 2)])
  }

  @Test func aForgottenUserDoesNotComeBackInAReplay() {
    var queue = queue([user("a", 1), .forget(user: "a")])
    _ = queue.nextPipeline(repliesMax: 100)
    #expect(replay(queue) == [.forget(user: "a"), .forget(user: "a")])
  }

  private struct Sized: QueuedCommand, Equatable {
    var isProgress = false
    var replies: Int
    var target: PublishTarget? { nil }
    var isExclusive = false
  }

  @Test func pipelineIsBoundedByReplies() {
    var queue = PublishQueue<Sized>()
    queue.submit(repeatElement(Sized(replies: 2), count: 10), ticket: 1, at: 0)
    #expect(queue.nextPipeline(repliesMax: 5).count == 2)
    #expect(queue.nextPipeline(repliesMax: 1).count == 1)
  }

  @Test func anExclusiveCommandHasAPipelineOfItsOwn() {
    var queue = PublishQueue<Sized>()
    queue.submit([Sized(replies: 1), Sized(replies: 1, isExclusive: true), Sized(replies: 1), Sized(replies: 1)], ticket: 1, at: 0)
    for expected in [1, 1, 2] {
      let batch = queue.nextPipeline(repliesMax: 100)
      #expect(batch.count == expected)
      queue.acknowledge(batch.count)
    }
    #expect(queue.isEmpty)
  }

  @Test func ticketsStandOnTheLastEntryOfASubmission() {
    var queue = queue([user("a", 1), user("b", 1)])
    queue.submit([], ticket: 2, at: 0)
    let batch = queue.nextPipeline(repliesMax: 100)
    #expect(batch.map(\.ticket) == [nil, 1, 2])
    #expect(batch.prefix(1).lastTicket() == nil)
    #expect(batch.lastTicket() == 2)
  }

  @Test func orderSurvivesManyAcknowledgements() {
    var queue = PublishQueue<PublishCommand>()
    var expected = 0
    for round in 0..<5000 {
      queue.submit([], ticket: UInt64(round), at: 0)
      guard round % 3 == 2 else { continue }
      let done = queue.nextPipeline(repliesMax: 1).prefix(2)
      for entry in done {
        #expect(entry.ticket == UInt64(expected))
        expected += 1
      }
      queue.acknowledge(done.count)
    }
    #expect(queue.count == 5000 - expected)
  }
}
