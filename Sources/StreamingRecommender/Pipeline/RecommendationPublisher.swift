/// Writes the view that readers see: Redis, or a dictionary in a test. Called by one owner; only `flush` and `close` block.
///
/// Commands are executed in the order of `submit`, at least once each (all of them are idempotent). The publisher keeps each one
/// until the view has acknowledged it: after a lost connection the unacknowledged ones are sent again.
public protocol RecommendationPublisher: AnyObject {
  /// Sets the partitions whose progress is read from the view; a `.connected` event with their progress follows when the view is up.
  func follow(_ partitions: [TopicPartition])
  /// The number of commands that `submit` takes now. Zero while the view is unreachable: the engine then keeps only the set of
  /// changed users.
  var room: Int { get }
  /// Enqueues `commands`; when the last one is acknowledged, `ticket` appears in `acknowledged()`. Tickets increase strictly, from 1.
  func submit(_ commands: [PublishCommand], ticket: UInt64)
  /// The tickets acknowledged since the last call, oldest first, each with the monotonic time of its last reply.
  func acknowledged() -> [PublishAcknowledgement]
  /// The events since the last call, oldest first.
  func events() -> [PublisherEvent]
  var status: PublisherStatus { get }
  /// Waits at most `timeout` until everything submitted is acknowledged; false if it is not.
  func flush(timeout: Duration) -> Bool
  func close()
}

public struct PublishAcknowledgement: Sendable, Equatable {
  public var ticket: UInt64
  /// Monotonic clock, nanoseconds (`MonotonicClock.nanoseconds()`).
  public var atNanoseconds: UInt64
  public init(ticket: UInt64, atNanoseconds: UInt64) {
    self.ticket = ticket
    self.atNanoseconds = atNanoseconds
  }
}

public enum PublisherEvent: Equatable, Sendable {
  /// Connected for the first time or again, or the view was found to be emptied.
  ///
  /// - `epoch` and `published` (next offsets) are what the view holds. Without an epoch there is no model, so everything
  ///   must be published again.
  /// - `survivingTicket`: every command of this publisher through this ticket is proved to stand in the view. It is 0 while no
  ///   ticket was acknowledged. Acknowledged tickets above it may be lost; `nil`: all of them may be.
  case connected(epoch: UInt32?, published: PartitionOffsets, survivingTicket: UInt64?)
  case disconnected(String)
}

public struct PublisherStatus: Sendable, Equatable {
  public var isUp = false
  /// The current problem and its fix, in one sentence.
  public var problem: String?
  public var queuedCommands = 0
  /// Age of the oldest unacknowledged command.
  public var oldestSeconds = 0.0
  public var reconnects = 0
  /// By class of reply: oom, misconf, loading, busy, readonly, noperm, noauth, wrongtype, protocol, io ...
  public var errors: [String: Int] = [:]
  /// Commands acknowledged, by kind: top, vec, item_vec, items, sim, popular, model, pub, forget, retire.
  public var published: [String: Int] = [:]
  public var publishedBytes: [String: Int] = [:]
  public init() {}
}

public enum PublishCommand: Sendable, Equatable {
  /// The user's list and, when `factors` is there, the user's vector.
  case user(UserRecommendations)
  /// Removes everything of this user.
  case forget(user: Identifier)
  /// Precedes the item vectors of an epoch, and makes the view forget that they were ever complete.
  case itemsBegin(epoch: UInt32)
  case itemFactors(epoch: UInt32, item: Identifier, factors: [Float])
  /// Follows the last of `count` item vectors of an epoch: proof for `model` that they stand, unless the view has lost
  /// anything since `itemsBegin`.
  case itemsComplete(epoch: UInt32, count: Int)
  /// Removes these item vectors and the proof that the epoch's vectors are complete.
  case retireItemFactors(epoch: UInt32, items: [Identifier])
  case popular(RecommendationList)
  case similar(item: Identifier, list: RecommendationList)
  /// The pointer that makes an epoch visible: HSET model in one command, then the notice on `ev:model`.
  ///
  /// With `ModelPointer.requiresItems`, nothing is written unless the view proves that the item vectors are complete. Otherwise
  /// the command counts as done, and the publisher reports an emptied view, so that everything is published again.
  case model(ModelPointer)
  /// Lists cover the partition through `offset`, inclusive.
  case progress(TopicPartition, offset: Int64, epoch: UInt32, atMilliseconds: Int64)
}

/// How a list was made; readers see it as `src`.
public enum RecommendationSource: String, Sendable, CaseIterable {
  /// Unchanged since the retrain.
  case personal
  /// A live update by fold-in.
  case foldin
  case similar
  case popular
}

public struct RecommendedItem: Sendable, Equatable {
  public var item: Identifier
  public var score: Float
  public init(item: Identifier, score: Float) {
    self.item = item
    self.score = score
  }
}

public struct RecommendationList: Sendable, Equatable {
  public var epoch: UInt32
  public var source: RecommendationSource
  /// The version of a list is (epoch, offset): the last applied offset of the partition that its user writes to.
  public var partition: Int32
  public var offset: Int64
  public var madeAtMilliseconds: Int64
  public var items: [RecommendedItem]

  public init(
    epoch: UInt32, source: RecommendationSource, partition: Int32, offset: Int64, madeAtMilliseconds: Int64,
    items: [RecommendedItem]
  ) {
    self.epoch = epoch
    self.source = source
    self.partition = partition
    self.offset = offset
    self.madeAtMilliseconds = madeAtMilliseconds
    self.items = items
  }
}

public struct UserRecommendations: Sendable, Equatable {
  public var user: Identifier
  public var list: RecommendationList
  public var factors: [Float]?
  public init(user: Identifier, list: RecommendationList, factors: [Float]?) {
    self.user = user
    self.list = list
    self.factors = factors
  }
}

public struct ModelPointer: Sendable, Equatable {
  public var epoch: UInt32
  public var previousEpoch: UInt32?
  public var factors: Int
  public var users: Int
  public var items: Int
  public var trainedAtMilliseconds: Int64
  /// Epochs whose item vectors still stand, for the `models` set.
  public var keptEpochs: [UInt32]
  /// Item vectors are published, so the pointer must not appear without them. Not part of what readers see.
  public var requiresItems: Bool
  public init(
    epoch: UInt32, previousEpoch: UInt32?, factors: Int, users: Int, items: Int, trainedAtMilliseconds: Int64, keptEpochs: [UInt32],
    requiresItems: Bool = false
  ) {
    self.epoch = epoch
    self.previousEpoch = previousEpoch
    self.factors = factors
    self.users = users
    self.items = items
    self.trainedAtMilliseconds = trainedAtMilliseconds
    self.keptEpochs = keptEpochs
    self.requiresItems = requiresItems
  }
}
