/// What readers get next, as the planner decides it. The executor asks the engine for the contents.
enum PublishWork: Sendable, Equatable {
  /// Remove everything of these users.
  case forget([Identifier])
  /// Vectors of items that the model was not trained on: those that are due, at most `max`, or all that there are.
  case newItems(max: Int, all: Bool)
  case lists([UserReference])
  /// The item vectors of an epoch follow.
  case itemsBegin(epoch: UInt32)
  case itemVectors(epoch: UInt32, Range<Int32>)
  /// All item vectors of the epoch are submitted.
  case itemsComplete(epoch: UInt32)
  /// The pointer that makes an epoch visible; `installs`: the pending model becomes the live one with it.
  case pointer(epoch: UInt32, previous: UInt32?, installs: Bool)
  case similar(Range<Int32>)
  case retire(epoch: UInt32, Range<Int32>)
  case popular
  /// Lists cover these offsets (next to apply).
  case progress(PartitionOffsets)
}

extension PublishWork {
  fileprivate var forgets: [Identifier] { if case .forget(let ids) = self { ids } else { [] } }
  fileprivate var users: [UserReference] { if case .lists(let users) = self { users } else { [] } }
}

/// One batch of work with what must be remembered once it is submitted.
struct PublishPlan: Sendable {
  var work: [PublishWork] = []
  /// Users whose lists answer events.
  var liveUsers: [UserReference] = []
  /// When the records behind the live lists were produced, for the freshness histogram; milliseconds since 1970.
  var producedAt: [Int64] = []
  /// Batches of records from this one on are not covered before this plan's ticket is acknowledged.
  var firstBatch: UInt64 = .max
  /// Users of the roll-out in this plan; the pacing measures what they cost.
  var rolloutUsers = 0
  var completesItems = false
  var completesUsers = false

  /// Whether there is something of what a roll-out writes after the users' lists.
  var hasTail: Bool {
    work.contains {
      switch $0 {
      case .similar, .retire: true
      default: false
      }
    }
  }
  var forgets: [Identifier] { work.flatMap(\.forgets) }
  var users: [UserReference] { work.flatMap(\.users) }
}
