/// One user-item pair of a user's history.
struct Pair: Sendable, Equatable {
  /// Index of the item.
  var item: Int32
  /// Summed strength; with a half-life, as of the timestamp of the pair.
  var strength: Float
  /// `State` in the lower two bits, the order in the next 60, and in the one above whether the item does not count as seen.
  private var word: Int64

  enum State: Int64 {
    /// The newest event was an `add`.
    case added = 0
    /// The newest event was a `set`; older events are ignored.
    case set = 1
    /// The newest event was a `delete`; the pair is a delete marker, not an interaction.
    case deleted = 2
    /// An `add` followed a `set` or `delete`, whose order the history keeps as a barrier.
    case addedAfterBarrier = 3
  }

  private static let unseenBit: Int64 = 1 << 62

  init(item: Int32, strength: Float, order: InteractionOrder, state: State, countsAsSeen: Bool = true) {
    self.item = item
    self.strength = strength
    word = order.word << 2 | state.rawValue | (countsAsSeen ? 0 : Self.unseenBit)
  }

  init(item: Int32, strength: Float, word: Int64) {
    self.item = item
    self.strength = strength
    self.word = word
  }

  var order: InteractionOrder { InteractionOrder(word: (word & (Self.unseenBit - 1)) >> 2) }
  var state: State { State(rawValue: word & 3)! }
  /// Whether the pair is an interaction and not a delete marker.
  var isLive: Bool { word & 3 != State.deleted.rawValue }
  /// Whether the item counts as seen by the user.
  var countsAsSeen: Bool { word & Self.unseenBit == 0 }
  /// The same pair of an item that counts as seen.
  var seen: Pair { Pair(item: item, strength: strength, word: word & ~Self.unseenBit) }
  var rawWord: Int64 { word }

  /// The strength as of a later time.
  func decayed(to newest: InteractionOrder, _ limits: HistoryLimits) -> Float { limits.decayed(strength, from: order, to: newest) }
}
