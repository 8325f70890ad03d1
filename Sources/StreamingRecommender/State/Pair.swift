/// One item of a user's history.
struct Pair: Sendable, Equatable {
  /// Index of the item.
  var item: Int32
  /// With a half-life: as of the pair's own time.
  var strength: Float
  /// Order in the upper 62 bits, `State` in the lower two.
  private var word: Int64

  enum State: Int64 {
    /// The newest event was an `add`.
    case added = 0
    /// The newest event was a `set`: nothing older counts.
    case set = 1
    /// The newest event was a `delete`: a marker, no interaction.
    case deleted = 2
    /// `add` after a `set` or `delete`, whose order the history keeps as a barrier.
    case addedAfterBarrier = 3
  }

  init(item: Int32, strength: Float, order: InteractionOrder, state: State) {
    self.item = item
    self.strength = strength
    word = order.word << 2 | state.rawValue
  }

  init(item: Int32, strength: Float, word: Int64) {
    self.item = item
    self.strength = strength
    self.word = word
  }

  var order: InteractionOrder { InteractionOrder(word: word >> 2) }
  var state: State { State(rawValue: word & 3)! }
  /// Whether the pair counts; a delete marker does not.
  var isLive: Bool { word & 3 != State.deleted.rawValue }
  var rawWord: Int64 { word }
}
