import Pipeline
import StreamingRecommender
import Telemetry

/// The contract of `RecommendationPublisher` as checks that return one sentence for each violation.
///
/// It does not use a testing library, so that release products can link this module; tests assert that the result is empty.
public struct PublisherContract {
  /// Functions with which a test reads and manipulates the view of one implementation.
  public struct Subject {
    public var publisher: any RecommendationPublisher
    /// Returns the list that a reader finds.
    public var list: (_ user: Identifier) throws -> RecommendationList?
    public var userFactors: (_ user: Identifier) throws -> [Float]?
    public var itemFactors: (_ epoch: UInt32, _ item: Identifier) throws -> [Float]?
    public var modelEpoch: () throws -> UInt32?
    /// Returns the inclusive offset that the view claims to cover.
    public var progress: (TopicPartition) throws -> Int64?
    /// Makes the view unreachable without changing its contents; makes it reachable again, empty when `isEmpty`.
    public var takeAway: () throws -> Void
    public var bringBack: (_ isEmpty: Bool) throws -> Void
    /// Saves a copy of the view's contents; crashes the view and restores that copy.
    public var save: () throws -> Void
    public var crashToSaved: () throws -> Void

    public init(
      publisher: any RecommendationPublisher, list: @escaping (Identifier) throws -> RecommendationList?,
      userFactors: @escaping (Identifier) throws -> [Float]?, itemFactors: @escaping (UInt32, Identifier) throws -> [Float]?,
      modelEpoch: @escaping () throws -> UInt32?, progress: @escaping (TopicPartition) throws -> Int64?,
      takeAway: @escaping () throws -> Void, bringBack: @escaping (_ isEmpty: Bool) throws -> Void,
      save: @escaping () throws -> Void, crashToSaved: @escaping () throws -> Void
    ) {
      self.publisher = publisher
      self.list = list
      self.userFactors = userFactors
      self.itemFactors = itemFactors
      self.modelEpoch = modelEpoch
      self.progress = progress
      self.takeAway = takeAway
      self.bringBack = bringBack
      self.save = save
      self.crashToSaved = crashToSaved
    }
  }

  private let subject: Subject
  private var publisher: any RecommendationPublisher { subject.publisher }
  private let patience: Duration
  private let pause: () -> Void
  private var violations: [String] = []
  private var nextTicket: UInt64 = 1

  /// - Parameter pause: called between polls while waiting; with a real server it should sleep for a millisecond.
  public static func violations(of subject: Subject, patience: Duration = .seconds(10), pause: @escaping () -> Void) throws -> [String] {
    var contract = PublisherContract(subject: subject, patience: patience, pause: pause)
    try contract.check()
    return contract.violations
  }

  private init(subject: Subject, patience: Duration, pause: @escaping () -> Void) {
    self.subject = subject
    self.patience = patience
    self.pause = pause
  }

  private mutating func check() throws {
    var events: [PublisherEvent] = []
    let publisher = publisher
    require(wait { publisher.status.isUp && publisher.room > 0 }, "comes up and has room")
    events = publisher.events()
    require(
      events.first == .connected(epoch: nil, published: PartitionOffsets(), survivingTicket: 0),
      "reports an empty view at the first connect, got \(events)")
    require(publisher.events().isEmpty, "reports each event once")

    try checkCommands()
    try checkOrderOfTickets()
    try checkIdentity()
    try checkPointer()
    try checkReplay()
    try checkLoss()
    try checkEmptied()
  }

  private mutating func checkCommands() throws {
    let partition = TopicPartition(topic: "events", partition: 3)
    submitAndFlush([
      .itemsBegin(epoch: 7), .itemFactors(epoch: 7, item: "a", factors: [1, -2]), .itemsComplete(epoch: 7, count: 1),
      .itemFactors(epoch: 6, item: "a", factors: [9]),
      .model(
        ModelPointer(epoch: 7, previousEpoch: 6, factors: 2, users: 1, items: 1, trainedAtMilliseconds: 5, keptEpochs: [6, 7])),
      .user(Self.user("u", offset: 1)), .user(Self.user("u", offset: 2)), .user(Self.user("gone", offset: 2)),
      .popular(Self.list(offset: 2)), .similar(item: "a", list: Self.list(offset: 2)), .forget(user: "gone"),
      .retireItemFactors(epoch: 6, items: ["a", "never there"]), .progress(partition, offset: 2, epoch: 7, atMilliseconds: 9),
    ])
    require(try subject.list("u") == Self.list(offset: 2), "the last list of a user is the one that is read")
    require(try subject.userFactors("u") == [0.5, 2], "a user's vector is there beside the list")
    require(try subject.list("gone") == nil && subject.userFactors("gone") == nil, "a forgotten user is gone")
    require(try subject.itemFactors(7, "a") == [1, -2], "item vectors are there by epoch")
    require(try subject.itemFactors(6, "a") == nil, "retired item vectors are gone")
    require(try subject.modelEpoch() == 7, "the model pointer names the epoch")
    require(try subject.progress(partition) == 2, "progress is the inclusive offset")
    require(try subject.progress(TopicPartition(topic: "events", partition: 4)) == nil, "progress is kept per partition")
    let published = publisher.status.published
    let expected = ["top": 3, "vec": 3, "item_vec": 2, "items": 2, "model": 1, "popular": 1, "sim": 1, "forget": 1, "retire": 1, "pub": 1]
    require(published == expected, "counts what was acknowledged by kind, got \(published)")
  }

  private mutating func checkOrderOfTickets() throws {
    let before = MonotonicClock.nanoseconds()
    var expected: [UInt64] = []
    for index in 0..<20 {
      expected.append(nextTicket)
      // The empty submission in between is acknowledged in order, too.
      submit(index == 10 ? [] : (0..<5).map { .user(Self.user("t\($0)", offset: Int64(index))) })
    }
    require(publisher.flush(timeout: patience), "flush ends when everything is acknowledged")
    let answers = publisher.acknowledged()
    require(answers.map(\.ticket) == expected, "tickets are acknowledged once each, in order, got \(answers.map(\.ticket))")
    require(
      zip(answers, answers.dropFirst()).allSatisfy { $0.atNanoseconds <= $1.atNanoseconds }, "times of acknowledgement do not go back")
    require(answers.allSatisfy { $0.atNanoseconds >= before }, "an acknowledgement is not older than its submission")
    require(publisher.acknowledged().isEmpty, "reports each acknowledgement once")
    require(publisher.status.queuedCommands == 0, "nothing is queued after a flush")
  }

  private mutating func checkIdentity() throws {
    submitAndFlush([.user(Self.user("caf\u{e9}", offset: 1)), .user(Self.user("cafe\u{301}", offset: 2)), .forget(user: "caf\u{e9}")])
    require(try subject.list("caf\u{e9}") == nil, "a forgotten user is gone whatever other spellings there are")
    require(try subject.list("cafe\u{301}")?.offset == 2, "two ids of different bytes are two users")
  }

  private mutating func checkPointer() throws {
    let publisher = publisher
    func pointer(_ epoch: UInt32) -> PublishCommand {
      .model(
        ModelPointer(
          epoch: epoch, previousEpoch: 7, factors: 2, users: 1, items: 1, trainedAtMilliseconds: 5, keptEpochs: [7, epoch],
          requiresItems: true))
    }
    let emptied = PublisherEvent.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: nil)
    _ = publisher.events()
    for unproved: [PublishCommand] in [
      [], [.itemFactors(epoch: 8, item: "a", factors: [1, 2])], [.itemsComplete(epoch: 8, count: 1)], [.itemsBegin(epoch: 8)],
      [.itemsBegin(epoch: 8), .itemsComplete(epoch: 8, count: 1), .retireItemFactors(epoch: 8, items: ["a"])],
    ] {
      submitAndFlush(unproved + [pointer(8)])
      require(try subject.modelEpoch() == 7, "the pointer must not change unless the vectors are marked as complete: after \(unproved)")
      let events = publisher.events()
      require(events == [emptied], "a pointer without proof is reported as an emptied view, got \(events)")
      submitAndFlush([.retireItemFactors(epoch: 8, items: [])])
    }
    submitAndFlush([.itemsBegin(epoch: 9), .itemFactors(epoch: 9, item: "a", factors: [1, 2]), .itemsComplete(epoch: 9, count: 1)])
    submitAndFlush([pointer(9)])
    require(try subject.modelEpoch() == 9, "the pointer moves when the vectors are proved")
    require(publisher.events().isEmpty, "a pointer that moved is not an event")
    require(publisher.status.published["model"] == 2, "a pointer that did not move is not counted, got \(publisher.status.published)")
  }

  private mutating func checkReplay() throws {
    let acknowledged = nextTicket - 1
    try subject.takeAway()
    let publisher = publisher
    submit([.user(Self.user("waiting", offset: 10)), .user(Self.user("waiting", offset: 11))])
    require(wait { publisher.room == 0 && !publisher.status.isUp }, "there is no room while the view is unreachable")
    require(publisher.status.problem != nil, "says what is wrong while the view is unreachable")
    require(!publisher.flush(timeout: .milliseconds(20)), "flush gives up when the view is unreachable")
    require(publisher.acknowledged().isEmpty, "acknowledges nothing while the view is unreachable")
    require(publisher.status.queuedCommands == 2, "keeps what is not acknowledged")
    try subject.bringBack(false)
    require(publisher.flush(timeout: patience), "what waited is published when the view is back")
    require(try subject.list("waiting")?.offset == 11, "the newest list is the one that stays")
    require(publisher.acknowledged().map(\.ticket) == [nextTicket - 1], "tickets survive the loss of the view")
    require(wait { publisher.status.isUp && publisher.room > 0 }, "has room again")
    require(publisher.status.problem == nil, "has no problem any more")
    let events = publisher.events()
    let kinds = events.map { if case .connected = $0 { "connected" } else { "disconnected" } }
    require(kinds == ["disconnected", "connected"], "reports the loss and the return, got \(kinds)")
    require(
      Self.survivingTickets(events) == [acknowledged],
      "everything acknowledged before must be proved to be in the view, got \(Self.survivingTickets(events)), expected \(acknowledged)")
  }

  /// Checks the recovery from a view that was restored without its newest writes, including acknowledged ones.
  private mutating func checkLoss() throws {
    let publisher = publisher
    submitAndFlush([.user(Self.user("kept", offset: 12)), .itemsBegin(epoch: 10), .itemFactors(epoch: 10, item: "a", factors: [1, 2])])
    let kept = nextTicket - 1
    try subject.save()
    submitAndFlush([.user(Self.user("lost", offset: 13)), .itemFactors(epoch: 10, item: "b", factors: [1, 2])])
    _ = publisher.events()
    try subject.crashToSaved()
    var events: [PublisherEvent] = []
    require(
      wait {
        events += publisher.events()
        return !Self.survivingTickets(events).isEmpty
      }, "comes back after a crash of the view")
    require(
      Self.survivingTickets(events) == [kept],
      "reports the ticket through which writes survived a crash, got \(Self.survivingTickets(events)), expected \(kept)")
    require(try subject.list("kept") != nil && subject.list("lost") == nil, "the test's view lost its newest writes only")
    // The vector of "b" is lost although the commands before and after it are stored.
    submitAndFlush([.itemsComplete(epoch: 10, count: 2)])
    submitAndFlush([
      .model(
        ModelPointer(
          epoch: 10, previousEpoch: 9, factors: 2, users: 1, items: 2, trainedAtMilliseconds: 5, keptEpochs: [10], requiresItems: true))
    ])
    require(try subject.modelEpoch() == 9, "vectors that a crash has taken are not counted as complete")
  }

  private static func survivingTickets(_ events: [PublisherEvent]) -> [UInt64?] {
    events.compactMap { if case .connected(_, _, let ticket) = $0 { .some(ticket) } else { nil } }
  }

  private mutating func checkEmptied() throws {
    try subject.takeAway()
    let publisher = publisher
    require(wait { !publisher.status.isUp }, "notices that the view is unreachable")
    _ = publisher.events()
    submit([.user(Self.user("after", offset: 20))])
    try subject.bringBack(true)
    require(publisher.flush(timeout: patience), "what waited is published into the empty view")
    let events = publisher.events()
    require(
      events.contains(.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: nil)),
      "reports that the view came back empty, got \(events)")
    require(try subject.list("after")?.offset == 20, "the empty view has what waited")
    require(try subject.list("u") == nil, "the empty view has nothing else")
    publisher.close()
    require(publisher.room == 0, "has no room after close")
  }

  // MARK: Helpers

  private mutating func submit(_ commands: [PublishCommand]) {
    publisher.submit(commands, ticket: nextTicket)
    nextTicket += 1
  }

  private mutating func submitAndFlush(_ commands: [PublishCommand]) {
    submit(commands)
    require(publisher.flush(timeout: patience), "flush ends when everything is acknowledged")
    require(publisher.acknowledged().map(\.ticket) == [nextTicket - 1], "a ticket is acknowledged with its last command")
  }

  private mutating func require(_ isTrue: Bool, _ fact: String) {
    if !isTrue { violations.append("violated: \(fact)") }
  }

  private func wait(_ condition: () -> Bool) -> Bool {
    let deadline = MonotonicClock.nanoseconds() + UInt64(patience.components.seconds) * 1_000_000_000
    while !condition() {
      if MonotonicClock.nanoseconds() > deadline { return false }
      pause()
    }
    return true
  }

  private static func list(offset: Int64) -> RecommendationList {
    RecommendationList(
      epoch: 7, source: .foldin, partition: 3, offset: offset, madeAtMilliseconds: 1_700_000_000_000,
      items: [RecommendedItem(item: "sku-1", score: 4.21), RecommendedItem(item: "sku \"9\"\n{é}", score: -1.5e-7)])
  }

  private static func user(_ name: Identifier, offset: Int64) -> UserRecommendations {
    UserRecommendations(user: name, list: list(offset: offset), factors: [0.5, 2])
  }
}
