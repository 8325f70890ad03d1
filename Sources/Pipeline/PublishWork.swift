import ServingFormats
import StreamingRecommender

/// A unit of work decided by the planner; the executor computes its contents with the engine.
enum PublishWork: Sendable, Equatable {
  /// Removes all keys of these users.
  case forget([Identifier])
  /// Vectors of items that the model was not trained on: the pending ones, at most `max`, or all of them.
  case newItems(max: Int, all: Bool)
  case lists([UserReference])
  /// Precedes the item vectors of an epoch.
  case itemsBegin(epoch: UInt32)
  case itemVectors(epoch: UInt32, Range<Int32>)
  /// All item vectors of the epoch have been submitted.
  case itemsComplete(epoch: UInt32)
  /// The pointer that makes an epoch visible. If `installs`, the pending model becomes the live one.
  case pointer(epoch: UInt32, previous: UInt32?, installs: Bool)
  /// Packs of items of an epoch that is being rolled out.
  case itemPacks(epoch: UInt32, Range<Int>)
  /// At most `max` packs of the live epoch that lack a new item or its newest vector.
  case duePacks(max: Int)
  case similar(Range<Int32>)
  case retire(epoch: UInt32, Range<Int32>)
  /// Documents of items for the mirror in the view.
  case itemDocuments([Identifier])
  case popular
  /// The decayed counts of all items.
  case trend
  /// The events of items in fixed windows, as they were counted a moment ago.
  case trending(TrendingBlob)
  /// Lists cover these offsets (next to apply).
  case progress(PartitionOffsets)
}

extension PublishWork {
  fileprivate var forgets: [Identifier] { if case .forget(let ids) = self { ids } else { [] } }
  fileprivate var users: [UserReference] { if case .lists(let users) = self { users } else { [] } }
}

/// One batch of work, with what the planner records once it is submitted.
struct PublishPlan: Sendable {
  var work: [PublishWork] = []
  /// Users whose lists are updated because of events.
  var liveUsers: [UserReference] = []
  /// The production times, in milliseconds since 1970, of the records behind the live lists; used for the freshness histogram.
  var producedAt: [Int64] = []
  /// Batches from this one on are not covered until this plan's ticket is acknowledged.
  var firstBatch: UInt64 = .max
  /// The number of roll-out users in this plan; pacing measures their cost.
  var rolloutUsers = 0
  var completesItems = false
  /// The epoch of which every user has a list once this plan is submitted.
  var completedEpoch: UInt32?
  /// The epoch that the lists of this plan are made with.
  var epoch: UInt32 = 0

  /// Whether the plan contains work of the roll-out phases after the users' lists.
  var hasTail: Bool {
    work.contains {
      switch $0 {
      case .similar, .retire: true
      default: false
      }
    }
  }
  var hasPacks: Bool { work.contains { if case .itemPacks = $0 { true } else { false } } }
  var forgets: [Identifier] { work.flatMap(\.forgets) }
  var users: [UserReference] { work.flatMap(\.users) }
}
