import StreamingRecommender
import Telemetry

/// What every `RecommendationPublisher` must do, as functions that name what it did not do.
///
/// No testing library here, so release products may link this module; a test asserts that the answer is empty.
public struct PublisherContract {
  /// How a test sees and disturbs the view of one implementation.
  public struct Subject {
    public var publisher: any RecommendationPublisher
    /// The list that a reader finds.
    public var list: (_ user: String) throws -> RecommendationList?
    public var userFactors: (_ user: String) throws -> [Float]?
    public var itemFactors: (_ epoch: UInt32, _ item: String) throws -> [Float]?
    public var modelEpoch: () throws -> UInt32?
    /// The inclusive offset that the view claims to cover.
    public var progress: (TopicPartition) throws -> Int64?
    /// Takes the view away, with what it holds; brings it back, empty when `isEmpty`.
    public var takeAway: () throws -> Void
    public var bringBack: (_ isEmpty: Bool) throws -> Void

    public init(
      publisher: any RecommendationPublisher, list: @escaping (String) throws -> RecommendationList?,
      userFactors: @escaping (String) throws -> [Float]?, itemFactors: @escaping (UInt32, String) throws -> [Float]?,
      modelEpoch: @escaping () throws -> UInt32?, progress: @escaping (TopicPartition) throws -> Int64?,
      takeAway: @escaping () throws -> Void, bringBack: @escaping (_ isEmpty: Bool) throws -> Void
    ) {
      self.publisher = publisher
      self.list = list
      self.userFactors = userFactors
      self.itemFactors = itemFactors
      self.modelEpoch = modelEpoch
      self.progress = progress
      self.takeAway = takeAway
      self.bringBack = bringBack
    }
  }

  private let subject: Subject
  private var publisher: any RecommendationPublisher { subject.publisher }
  private let patience: Duration
  private let pause: () -> Void
  private var violations: [String] = []
  private var nextTicket: UInt64 = 1

  /// - Parameter pause: called between looks while something is awaited; sleep a millisecond there for a real server.
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
      events.first == .connected(epoch: nil, published: PartitionOffsets()), "reports an empty view at the first connect, got \(events)")
    require(publisher.events().isEmpty, "reports each event once")

    try checkCommands()
    try checkOrderOfTickets()
    try checkReplay()
    try checkEmptied()
  }

  private mutating func checkCommands() throws {
    let partition = TopicPartition(topic: "events", partition: 3)
    submitAndFlush([
      .itemFactors(epoch: 7, item: "a", factors: [1, -2]), .itemFactors(epoch: 6, item: "a", factors: [9]),
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
    let expected = ["top": 3, "vec": 3, "item_vec": 2, "model": 1, "popular": 1, "sim": 1, "forget": 1, "retire": 1, "pub": 1]
    require(published == expected, "counts what was acknowledged by kind, got \(published)")
  }

  private mutating func checkOrderOfTickets() throws {
    let before = MonotonicClock.nanoseconds()
    var expected: [UInt64] = []
    for index in 0..<20 {
      expected.append(nextTicket)
      // The empty one in between is acknowledged in its turn too.
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

  private mutating func checkReplay() throws {
    try subject.takeAway()
    let publisher = publisher
    submit([.user(Self.user("waiting", offset: 10)), .user(Self.user("waiting", offset: 11))])
    require(wait { publisher.room == 0 && !publisher.status.isUp }, "there is no room while the view is away")
    require(publisher.status.problem != nil, "says what is wrong while the view is away")
    require(!publisher.flush(timeout: .milliseconds(20)), "flush gives up when the view is away")
    require(publisher.acknowledged().isEmpty, "acknowledges nothing while the view is away")
    require(publisher.status.queuedCommands == 2, "keeps what is not acknowledged")
    try subject.bringBack(false)
    require(publisher.flush(timeout: patience), "what waited is published when the view is back")
    require(try subject.list("waiting")?.offset == 11, "the newest list is the one that stays")
    require(publisher.acknowledged().map(\.ticket) == [nextTicket - 1], "tickets survive the loss of the view")
    require(wait { publisher.status.isUp && publisher.room > 0 }, "has room again")
    require(publisher.status.problem == nil, "has no problem any more")
    let kinds = publisher.events().map { if case .connected = $0 { "connected" } else { "disconnected" } }
    require(kinds == ["disconnected", "connected"], "reports the loss and the return, got \(kinds)")
  }

  private mutating func checkEmptied() throws {
    try subject.takeAway()
    let publisher = publisher
    require(wait { !publisher.status.isUp }, "notices that the view is away")
    _ = publisher.events()
    submit([.user(Self.user("after", offset: 20))])
    try subject.bringBack(true)
    require(publisher.flush(timeout: patience), "what waited is published into the empty view")
    let events = publisher.events()
    require(
      events.contains(.connected(epoch: nil, published: PartitionOffsets())), "reports that the view came back empty, got \(events)")
    require(try subject.list("after")?.offset == 20, "the empty view has what waited")
    require(try subject.list("u") == nil, "the empty view has nothing else")
    publisher.close()
    require(publisher.room == 0, "has no room after close")
  }

  // MARK: Means

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

  private static func user(_ name: String, offset: Int64) -> UserRecommendations {
    UserRecommendations(user: name, list: list(offset: offset), factors: [0.5, 2])
  }
}
