import StreamingRecommender
import Telemetry

/// A view in a dictionary: takes commands like Redis, and can be down, slow, forgetful or emptied on demand.
///
/// For one owner. Time comes from `clock`, so a simulation decides it.
public final class InMemoryPublisher: RecommendationPublisher {
  /// What readers would see.
  public struct View: Equatable {
    public var lists: [String: RecommendationList] = [:]
    public var userFactors: [String: UserFactors] = [:]
    public var itemFactors: [ItemVersion: [Float]] = [:]
    public var similar: [String: RecommendationList] = [:]
    public var popular: RecommendationList?
    public var model: ModelPointer?
    public var progress: [TopicPartition: Progress] = [:]
    public init() {}
  }
  public struct UserFactors: Equatable {
    public var epoch: UInt32
    public var factors: [Float]
  }
  public struct ItemVersion: Hashable {
    public var epoch: UInt32
    public var item: String
    public init(epoch: UInt32, item: String) {
      self.epoch = epoch
      self.item = item
    }
  }
  public struct Progress: Equatable {
    public var offset: Int64
    public var epoch: UInt32
  }
  /// The version of a list, in the order in which lists of one user must appear.
  public struct Version: Comparable {
    public var epoch: UInt32
    public var offset: Int64
    public static func < (a: Version, b: Version) -> Bool { (a.epoch, a.offset) < (b.epoch, b.offset) }
  }

  private struct Pending {
    /// nil: an empty submission, which only carries its ticket.
    var command: PublishCommand?
    var ticket: UInt64?
    var submittedAt: UInt64
    /// The view has it, but its acknowledgement did not arrive yet.
    var isApplied = false
  }

  public private(set) var view = View()
  /// Every version of a user's list that was visible, oldest first, since the last `wipe` or `forget`.
  public private(set) var history: [String: [Version]] = [:]
  /// Users whose list went back to an older version, as a reader would have seen it.
  public private(set) var backwardSteps: [String] = []
  /// Every command that took effect, in order; a replayed one stands there twice.
  public private(set) var applied: [PublishCommand] = []
  /// When false, commands wait for `acknowledge(_:)`: a slow view.
  public var acknowledgesAutomatically: Bool
  public var roomMax: Int

  private var pending: [Pending] = []
  private var acknowledgements: [PublishAcknowledgement] = []
  private var reported: [PublisherEvent] = []
  private var current = PublisherStatus()
  private var isClosed = false
  private let clock: () -> UInt64

  public init(
    isUp: Bool = true, acknowledgesAutomatically: Bool = true, roomMax: Int = 512,
    clock: @escaping () -> UInt64 = MonotonicClock.nanoseconds
  ) {
    self.acknowledgesAutomatically = acknowledgesAutomatically
    self.roomMax = roomMax
    self.clock = clock
    if isUp { comeUp() } else { current.problem = "the view is down" }
  }

  // MARK: What a test does to it

  /// The view is gone; what it holds stays there.
  public func goDown(_ reason: String = "the view is down") {
    guard current.isUp else { return }
    current.isUp = false
    current.problem = reason
    current.errors["io", default: 0] += 1
    reported.append(.disconnected(reason))
  }

  /// The view is back; what was not acknowledged is carried out again, also what had taken effect already.
  public func comeUp() {
    guard !current.isUp, !isClosed else { return }
    current.isUp = true
    current.problem = nil
    reported.append(.connected(epoch: view.model?.epoch, published: published))
    prepareReplay()
    if acknowledgesAutomatically { acknowledge() }
  }

  /// The process that published died: what it had not sent is gone, the view stays; a new process connects.
  public func publisherDied() {
    pending = []
    acknowledgements = []
    followed = []
    isClosed = false
    reported = current.isUp ? [.connected(epoch: view.model?.epoch, published: published)] : []
  }

  /// Everything in the view is lost, as by FLUSHALL; noticed at once.
  public func wipe() {
    view = View()
    history = [:]
    if current.isUp { reported.append(.connected(epoch: nil, published: PartitionOffsets())) }
  }

  /// Carries out and acknowledges the oldest `count` commands (all by default). Nothing happens while the view is down.
  public func acknowledge(_ count: Int = .max) {
    guard current.isUp, !isClosed else { return }
    let now = clock()
    let done = min(count, pending.count)
    for entry in pending.prefix(done) {
      if let command = entry.command {
        if !entry.isApplied { apply(command) }
        self.count(command)
      }
      if let ticket = entry.ticket { acknowledgements.append(PublishAcknowledgement(ticket: ticket, atNanoseconds: now)) }
    }
    pending.removeFirst(done)
  }

  /// Carries out the oldest `count` commands, but their replies are still on the way; with `goDown` they are lost.
  public func applyWithoutAcknowledging(_ count: Int = .max) {
    guard current.isUp, !isClosed else { return }
    for index in pending.indices.prefix(count) where !pending[index].isApplied {
      if let command = pending[index].command { apply(command) }
      pending[index].isApplied = true
    }
  }

  // MARK: RecommendationPublisher

  private var followed: [TopicPartition] = []

  public func follow(_ partitions: [TopicPartition]) {
    guard followed != partitions else { return }
    followed = partitions
    if current.isUp { reported.append(.connected(epoch: view.model?.epoch, published: published)) }
  }

  public var room: Int { current.isUp && !isClosed ? max(0, roomMax - pending.count) : 0 }

  public func submit(_ commands: [PublishCommand], ticket: UInt64) {
    let now = clock()
    pending += commands.map { Pending(command: $0, ticket: nil, submittedAt: now) }
    if commands.isEmpty { pending.append(Pending(command: nil, ticket: nil, submittedAt: now)) }
    pending[pending.count - 1].ticket = ticket
    if acknowledgesAutomatically { acknowledge() }
  }

  public func acknowledged() -> [PublishAcknowledgement] {
    defer { acknowledgements = [] }
    return acknowledgements
  }

  public func events() -> [PublisherEvent] {
    defer { reported = [] }
    return reported
  }

  public var status: PublisherStatus {
    var status = current
    status.queuedCommands = pending.count
    if let oldest = pending.first { status.oldestSeconds = Double(clock() - oldest.submittedAt) / 1e9 }
    return status
  }

  /// Does not wait: nothing changes here by itself.
  public func flush(timeout: Duration) -> Bool { pending.isEmpty }

  public func close() {
    isClosed = true
    current.isUp = false
  }

  // MARK: Carrying out

  private var published: PartitionOffsets { PartitionOffsets(view.progress.mapValues { $0.offset + 1 }) }

  /// As the real publisher does: what took effect already is sent again with the newest value of the same user, so that replaying
  /// makes no reader see an older list.
  private func prepareReplay() {
    var newest: [String: PublishCommand] = [:]
    for index in pending.indices.reversed() where pending[index].isApplied {
      pending[index].isApplied = false
      guard let user = pending[index].command?.userConcerned else { continue }
      if let later = newest[user] { pending[index].command = later } else { newest[user] = pending[index].command }
    }
  }

  private func apply(_ command: PublishCommand) {
    applied.append(command)
    switch command {
    case .user(let user):
      let version = Version(epoch: user.list.epoch, offset: user.list.offset)
      if let last = history[user.user]?.last, version < last { backwardSteps.append(user.user) }
      history[user.user, default: []].append(version)
      view.lists[user.user] = user.list
      if let factors = user.factors { view.userFactors[user.user] = UserFactors(epoch: user.list.epoch, factors: factors) }
    case .forget(let user):
      view.lists[user] = nil
      view.userFactors[user] = nil
      history[user] = nil
    case .itemFactors(let epoch, let item, let factors): view.itemFactors[ItemVersion(epoch: epoch, item: item)] = factors
    case .retireItemFactors(let epoch, let items):
      for item in items { view.itemFactors[ItemVersion(epoch: epoch, item: item)] = nil }
    case .popular(let list): view.popular = list
    case .similar(let item, let list): view.similar[item] = list
    case .model(let pointer): view.model = pointer
    case .progress(let partition, let offset, let epoch, _): view.progress[partition] = Progress(offset: offset, epoch: epoch)
    }
  }

  private func count(_ command: PublishCommand) {
    let kind =
      switch command {
      case .user: "top"
      case .forget: "forget"
      case .itemFactors: "item_vec"
      case .retireItemFactors: "retire"
      case .popular: "popular"
      case .similar: "sim"
      case .model: "model"
      case .progress: "pub"
      }
    current.published[kind, default: 0] += 1
    if case .user(let user) = command, user.factors != nil { current.published["vec", default: 0] += 1 }
  }
}

extension PublishCommand {
  fileprivate var userConcerned: String? {
    switch self {
    case .user(let user): user.user
    case .forget(let user): user
    default: nil
    }
  }
}
