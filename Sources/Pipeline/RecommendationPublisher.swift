import ServingFormats
import StreamingRecommender

/// Writes the view, which is the data that readers see: Redis, or a dictionary in tests. It has one owner; only `flush` and `close`
/// block.
///
/// Commands are executed in the order of `submit`, at least once each; all of them are idempotent. The publisher keeps each command until
/// the view has acknowledged it and sends unacknowledged ones again after a reconnection. Only `.progress` that is unacknowledged when the
/// view is read is dropped, because the view may have lost the lists that it claims; the owner writes it anew after `.connected`.
public protocol RecommendationPublisher: AnyObject {
  /// Sets the partitions whose progress is read from the view; a `.connected` event with their progress follows when the view is up.
  func follow(_ partitions: [TopicPartition])
  /// The number of commands that `submit` accepts now. It is zero while the view is unreachable: the engine then keeps only the set of
  /// changed users.
  var room: Int { get }
  /// Enqueues `commands`. Once the last one is acknowledged, `ticket` is returned by `acknowledged()`. Tickets start at 1 and must
  /// increase strictly.
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
  /// The view was connected or reconnected, or was found to have been emptied.
  ///
  /// - `epoch` and `published` (next offsets) are what the view contains. Without an epoch there is no model, so everything must be
  ///   published again.
  /// - `survivingTicket`: every command of this publisher through this ticket is proved to be in the view. It is 0 while no ticket was
  ///   acknowledged. Acknowledged tickets above it may be lost; `nil` means that all of them may be.
  case connected(epoch: UInt32?, published: PartitionOffsets, survivingTicket: UInt64?)
  case disconnected(String)
  /// Another process writes the view now, so this one must end; the sentence says who it is.
  case displaced(String)
}

public struct PublisherStatus: Sendable, Equatable {
  public var isUp = false
  /// The current problem and how to fix it, in one sentence.
  public var problem: String?
  public var queuedCommands = 0
  /// The age of the oldest unacknowledged command in seconds.
  public var oldestSeconds = 0.0
  public var reconnects = 0
  /// Error replies by class: oom, misconf, loading, busy, readonly, noperm, noauth, wrongtype, protocol, io ...
  public var errors: [String: Int] = [:]
  /// Acknowledged commands by kind: top, vec, item_vec, items, sim, popular, model, pub, forget, retire.
  public var published: [String: Int] = [:]
  public var publishedBytes: [String: Int] = [:]
  public init() {}
}

public enum PublishCommand: Sendable, Equatable {
  /// Writes the user's list and, if they are set, the user's vector and row.
  case user(UserRecommendations)
  /// Removes all keys of this user.
  case forget(user: Identifier)
  /// Precedes the item vectors of an epoch and deletes the marker that they are complete.
  case itemsBegin(epoch: UInt32)
  case itemFactors(epoch: UInt32, item: Identifier, factors: [Float])
  /// Follows the last of the `count` item vectors of an epoch and marks them as complete, unless the view has lost data since
  /// `itemsBegin`. `model` requires this marker.
  case itemsComplete(epoch: UInt32, count: Int)
  /// Writes a pack of items. `version` grows with every write of a pack.
  case itemPack(ItemPack, version: Int64)
  /// Removes these item vectors and packs, and the marker that the epoch's vectors are complete.
  case retireItemFactors(epoch: UInt32, items: [Identifier], packs: Range<Int> = 0..<0)
  case trend(TrendBlob)
  /// The events of items in fixed windows.
  case trending(TrendingBlob)
  /// Writes the document of an item, or removes it if the item is gone. `version` grows with every change of a document.
  case itemDocument(Identifier, document: [UInt8]?, version: Int64)
  case popular(RecommendationList)
  case similar(item: Identifier, list: RecommendationList)
  /// Makes an epoch visible: one HSET of the model pointer, then a message on `ev:model`.
  ///
  /// If `ModelPointer.requiresItems` is set and the item vectors are not marked as complete, nothing is written. The command then counts
  /// as acknowledged, and the publisher reports an emptied view, so that everything is published again.
  case model(ModelPointer)
  /// Lists cover the partition through `offset`, inclusive.
  case progress(TopicPartition, offset: Int64, epoch: UInt32, atMilliseconds: Int64)
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
  /// The partition of the user's newest event. The version of a list is (epoch, offset), where `offset` is the last applied offset of
  /// this partition.
  public var partition: Int32
  public var offset: Int64
  public var madeAtMilliseconds: Int64
  /// Best first. An empty list is not written; the one before is removed.
  public var items: [RecommendedItem]
  /// The place from which on popular items fill the list; `nil` if none do.
  public var filledFrom: Int?

  public init(
    epoch: UInt32, source: RecommendationSource, partition: Int32, offset: Int64, madeAtMilliseconds: Int64,
    items: [RecommendedItem], filledFrom: Int? = nil
  ) {
    self.epoch = epoch
    self.source = source
    self.partition = partition
    self.offset = offset
    self.madeAtMilliseconds = madeAtMilliseconds
    self.items = items
    self.filledFrom = filledFrom
  }
}

public struct UserRecommendations: Sendable, Equatable {
  public var user: Identifier
  public var list: RecommendationList
  public var factors: [Float]?
  public var row: UserRow?
  public init(user: Identifier, list: RecommendationList, factors: [Float]?, row: UserRow? = nil) {
    self.user = user
    self.list = list
    self.factors = factors
    self.row = row
  }
}

public struct ModelPointer: Sendable, Equatable {
  public var epoch: UInt32
  public var previousEpoch: UInt32?
  public var factors: Int
  public var users: Int
  public var items: Int
  public var trainedAtMilliseconds: Int64
  /// Epochs whose item vectors are still stored, for the `models` set.
  public var keptEpochs: [UInt32]
  /// Whether the pointer may only be written if the item vectors are complete. Not visible to readers.
  public var requiresItems: Bool
  /// For readers that compute lists; `nil` if nothing for them is published.
  public var served: ServedModel?
  public init(
    epoch: UInt32, previousEpoch: UInt32?, factors: Int, users: Int, items: Int, trainedAtMilliseconds: Int64, keptEpochs: [UInt32],
    requiresItems: Bool = false, served: ServedModel? = nil
  ) {
    self.epoch = epoch
    self.previousEpoch = previousEpoch
    self.factors = factors
    self.users = users
    self.items = items
    self.trainedAtMilliseconds = trainedAtMilliseconds
    self.keptEpochs = keptEpochs
    self.requiresItems = requiresItems
    self.served = served
  }
}
