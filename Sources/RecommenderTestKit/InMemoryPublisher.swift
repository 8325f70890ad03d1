import Pipeline
import ServingFormats
import StreamingRecommender
import Telemetry

/// A publisher whose view is a dictionary. It executes commands as Redis does, and on demand it is unreachable or slow, is emptied, or
/// loses its newest writes.
///
/// It has one owner and takes the time from `clock`. The queue, the replay and the detection of lost writes are those of production:
/// `PublishQueue` and `WriteProof`.
public final class InMemoryPublisher: RecommendationPublisher {
  /// The contents of the view.
  public struct View: Equatable {
    public var lists: [Identifier: RecommendationList] = [:]
    public var userFactors: [Identifier: UserFactors] = [:]
    public var rows: [Identifier: UserRow] = [:]
    public var packs: [UInt32: [Int: Pack]] = [:]
    public var trend: TrendBlob?
    public var trending: TrendingBlob?
    public var documents: [Identifier: [UInt8]] = [:]
    public var itemFactors: [ItemVersion: [Float]] = [:]
    /// The state of each epoch's item vectors.
    public var items: [UInt32: ItemsState] = [:]
    public var similar: [Identifier: RecommendationList] = [:]
    public var popular: RecommendationList?
    public var model: ModelPointer?
    public var progress: [TopicPartition: Progress] = [:]
    public var marker: WriteMarker?
    public init() {}
  }
  public enum ItemsState: Equatable {
    case incomplete
    case complete(count: Int)
  }
  public struct UserFactors: Equatable {
    public var epoch: UInt32
    public var factors: [Float]
  }
  public struct Pack: Equatable {
    public var pack: ItemPack
    public var version: Int64
    init(_ pack: ItemPack, _ version: Int64) {
      self.pack = pack
      self.version = version
    }
  }
  public struct ItemVersion: Hashable {
    public var epoch: UInt32
    public var item: Identifier
    public init(epoch: UInt32, item: Identifier) {
      self.epoch = epoch
      self.item = item
    }
  }
  public struct Progress: Equatable {
    public var offset: Int64
    public var epoch: UInt32
  }
  /// The version of a list; the lists of one user must be published in ascending order.
  public struct Version: Comparable {
    public var epoch: UInt32
    public var offset: Int64
    public static func < (a: Version, b: Version) -> Bool { (a.epoch, a.offset) < (b.epoch, b.offset) }
  }

  /// One write to the view, recorded so that the newest writes can be undone.
  fileprivate enum Write {
    case command(PublishCommand)
    case marker(WriteMarker)
    case discardedProof(epoch: UInt32)
  }

  public private(set) var view = View()
  /// Every version of a user's list that was visible, oldest first, since the last `wipe` or `forget`.
  public private(set) var history: [Identifier: [Version]] = [:]
  /// Users whose list was replaced by an older version because of what the publisher wrote.
  public private(set) var backwardSteps: [Identifier] = []
  /// Every executed command in order, including repeated ones and those that the view has lost since.
  public private(set) var applied: [PublishCommand] = []
  /// If false, commands wait for `acknowledge(_:)`, as with a slow view.
  public var acknowledgesAutomatically: Bool
  public var roomMax: Int

  private var queue = PublishQueue<PublishCommand>()
  /// The number of entries at the head of the queue that were executed but not acknowledged.
  private var unacknowledged = 0
  private var proof = WriteProof()
  /// The view before the writes in `journal`.
  private var base = View()
  private var journal: [Write] = []
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

  // MARK: Fault injection

  /// Makes the view unreachable and keeps its contents.
  public func goDown(_ reason: String = "the view is down") {
    guard current.isUp else { return }
    current.isUp = false
    current.problem = reason
    current.errors["io", default: 0] += 1
    reported.append(.disconnected(reason))
  }

  /// Makes the view reachable again. Unacknowledged commands are executed again, including those that were already executed.
  public func comeUp() {
    guard !current.isUp, !isClosed else { return }
    current.isUp = true
    current.problem = nil
    if unacknowledged > 0 {
      proof.pipelineFailed()
      unacknowledged = 0
    }
    discardIncompleteProofs()
    reportConnected()
    proof.fallBack(to: view.marker)
    queue.prepareReplay()
    queue.dropProgress()
    if acknowledgesAutomatically { acknowledge() }
  }

  /// Simulates a restart of the publishing process: unsent commands are lost, and the view keeps its contents.
  public func publisherDied() {
    queue = PublishQueue()
    unacknowledged = 0
    proof = WriteProof()
    acknowledgements = []
    followed = []
    isClosed = false
    reported = []
    if current.isUp { reportConnected() }
  }

  /// Empties the view, as FLUSHALL does. The publisher detects this immediately unless `isNoticed` is false.
  public func wipe(isNoticed: Bool = true) {
    restore(View(), isCrash: false)
    if current.isUp, isNoticed { reportEmptied() }
  }

  /// Crashes the view and restores it without the last `count` acknowledged commands and anything newer, as with an append-only file that
  /// is not synced at every write. A view that is down stays down.
  public func loseNewest(_ count: Int) {
    let wasUp = current.isUp
    goDown("the view crashed")
    var remaining = count + unacknowledged
    while remaining > 0, let last = journal.popLast() {
      if case .command = last { remaining -= 1 }
    }
    // A marker that covered a lost command is lost too; one written after the last remaining command remains.
    rebuild()
    if wasUp { comeUp() }
  }

  /// Crashes the view and restores it from the copy `older`, as from a dump. A view that is down stays down.
  public func restore(_ older: View) { restore(older, isCrash: true) }

  /// Executes and acknowledges the oldest `count` commands (all by default). Does nothing while the view is down.
  public func acknowledge(_ count: Int = .max) {
    guard current.isUp, !isClosed, count > 0 else { return }
    let now = clock()
    let batch = queue.nextPipeline(repliesMax: count)
    guard !batch.isEmpty else { return }
    execute(batch)
    for entry in batch {
      if let command = entry.command, !wasRefused(command) { self.count(command) }
      guard let ticket = entry.ticket else { continue }
      acknowledgements.append(PublishAcknowledgement(ticket: ticket, atNanoseconds: now))
      proof.acknowledge(ticket)
    }
    queue.acknowledge(batch.count)
    unacknowledged = max(0, unacknowledged - batch.count)
  }

  /// Executes the oldest `count` commands without acknowledging them, as if their replies were in flight; `goDown` loses the replies.
  public func applyWithoutAcknowledging(_ count: Int = .max) {
    guard current.isUp, !isClosed, count > 0 else { return }
    let batch = queue.nextPipeline(repliesMax: count)
    execute(batch)
    unacknowledged = max(unacknowledged, batch.count)
  }

  // MARK: RecommendationPublisher

  private var followed: [TopicPartition] = []

  public func follow(_ partitions: [TopicPartition]) {
    guard followed != partitions else { return }
    followed = partitions
    if current.isUp { reportConnected() }
  }

  public var room: Int { current.isUp && !isClosed ? max(0, roomMax - queue.count) : 0 }

  public func submit(_ commands: [PublishCommand], ticket: UInt64) {
    queue.submit(commands, ticket: ticket, at: clock())
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
    status.queuedCommands = queue.count
    if let oldest = queue.oldestSubmittedAt { status.oldestSeconds = Double(clock() - oldest) / 1e9 }
    return status
  }

  /// Does not block, because nothing changes without a call.
  public func flush(timeout: Duration) -> Bool { queue.isEmpty }

  public func close() {
    isClosed = true
    current.isUp = false
  }

  // MARK: Reporting

  private var published: PartitionOffsets { PartitionOffsets(view.progress.mapValues { $0.offset + 1 }) }

  private func reportConnected() {
    reported.append(
      .connected(epoch: view.model?.epoch, published: published, survivingTicket: proof.survivingTicket(view.marker)))
  }

  private func reportEmptied() {
    reported.append(.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: nil))
  }

  // MARK: Executing commands

  /// Executes those commands of `batch`, which begins at the head of the queue, that were not executed yet, and writes the marker after
  /// them.
  private func execute(_ batch: [PublishQueue<PublishCommand>.Entry]) {
    guard batch.count > unacknowledged else { return }
    for entry in batch.dropFirst(unacknowledged) {
      guard let command = entry.command else { continue }
      guard isProved(command) else {
        reportEmptied()
        continue
      }
      applied.append(command)
      note(command)
      write(.command(command))
    }
    write(.marker(proof.marker(completing: batch.lastTicket())))
  }

  /// Returns whether the command may be executed: a pointer requires that the item vectors of its epoch are marked as complete.
  private func isProved(_ command: PublishCommand) -> Bool {
    guard case .model(let pointer) = command, pointer.requiresItems else { return true }
    if case .complete = view.items[pointer.epoch] { return true }
    return false
  }

  private func wasRefused(_ command: PublishCommand) -> Bool {
    guard case .model(let pointer) = command, pointer.requiresItems else { return false }
    return view.model != pointer
  }

  /// After a loss, an epoch whose vectors were being written may lack some, so it must never be marked as complete.
  private func discardIncompleteProofs() {
    for (epoch, state) in view.items where state == .incomplete { write(.discardedProof(epoch: epoch)) }
  }

  private func write(_ write: Write) {
    journal.append(write)
    view.apply(write)
  }

  /// Records the history that shows whether a reader saw an older list after a newer one.
  private func note(_ command: PublishCommand) {
    switch command {
    case .user(let user):
      let version = Version(epoch: user.list.epoch, offset: user.list.offset)
      if let last = history[user.user]?.last, version < last { backwardSteps.append(user.user) }
      history[user.user, default: []].append(version)
    case .forget(let user): history[user] = nil
    default: break
    }
  }

  // MARK: Lost writes

  private func restore(_ older: View, isCrash: Bool) {
    let wasUp = current.isUp
    if isCrash { goDown("the view crashed") }
    base = older
    journal = []
    rebuild()
    if isCrash, wasUp { comeUp() }
  }

  /// Rebuilds the view from `base` and `journal`. A loss is the view's fault, so a new history is started.
  private func rebuild() {
    view = base
    for write in journal { view.apply(write) }
    history = view.lists.mapValues { [Version(epoch: $0.epoch, offset: $0.offset)] }
  }

  private func count(_ command: PublishCommand) {
    let kind =
      switch command {
      case .user: "top"
      case .forget: "forget"
      case .itemFactors: "item_vec"
      case .itemsBegin, .itemsComplete: "items"
      case .itemPack: "item_pack"
      case .trend: "trend"
      case .trending: "trending"
      case .itemDocument: "item_doc"
      case .retireItemFactors: "retire"
      case .popular: "popular"
      case .similar: "sim"
      case .model: "model"
      case .progress: "pub"
      }
    current.published[kind, default: 0] += 1
    guard case .user(let user) = command else { return }
    if user.factors != nil { current.published["vec", default: 0] += 1 }
    if user.row != nil { current.published["row", default: 0] += 1 }
  }
}

extension InMemoryPublisher.View {
  fileprivate mutating func apply(_ write: InMemoryPublisher.Write) {
    switch write {
    case .command(let command): apply(command)
    case .marker(let marker): self.marker = marker
    case .discardedProof(let epoch): items[epoch] = nil
    }
  }

  private mutating func apply(_ command: PublishCommand) {
    switch command {
    case .user(let user):
      lists[user.user] = user.list.items.isEmpty ? nil : user.list
      if let factors = user.factors { userFactors[user.user] = .init(epoch: user.list.epoch, factors: factors) }
      if let row = user.row { rows[user.user] = row }
    case .forget(let user):
      lists[user] = nil
      userFactors[user] = nil
      rows[user] = nil
    case .itemsBegin(let epoch): items[epoch] = .incomplete
    case .itemFactors(let epoch, let item, let factors): itemFactors[.init(epoch: epoch, item: item)] = factors
    case .itemsComplete(let epoch, let count): if items[epoch] != nil { items[epoch] = .complete(count: count) }
    case .itemPack(let pack, let version): packs[pack.epoch, default: [:]][Int(pack.first) / ItemPack.size] = .init(pack, version)
    case .trend(let blob): trend = blob
    case .trending(let blob): trending = blob
    case .itemDocument(let item, let document, _): documents[item] = document
    case .retireItemFactors(let epoch, let retired, let numbers):
      items[epoch] = nil
      for number in numbers { packs[epoch]?[number] = nil }
      if packs[epoch]?.isEmpty ?? false { packs[epoch] = nil }
      for item in retired { itemFactors[.init(epoch: epoch, item: item)] = nil }
    case .popular(let list): popular = list
    case .similar(let item, let list): similar[item] = list.items.isEmpty ? nil : list
    case .model(let pointer): model = pointer
    case .progress(let partition, let offset, let epoch, _): progress[partition] = .init(offset: offset, epoch: epoch)
    }
  }
}
