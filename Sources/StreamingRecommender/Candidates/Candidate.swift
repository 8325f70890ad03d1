/// An item that may be recommended to a user, with what each source of candidates says of it.
package struct Candidate: Sendable, Equatable {
  package let item: Int32
  /// The score by which the engine ranks its own lists: the sum of the parts below.
  package var score: Float
  /// The place in the engine's own order, from 1; `nil` behind the first `CandidateSources.count`. So are the ranks below.
  package var rank: Int?
  /// The product of the vectors of user and item.
  package var als: Float
  package var alsRank: Int?
  /// `nil` if no transition leads from the user's newest items to this one, or transitions are switched off.
  package var transitions: Float?
  package var transitionsRank: Int?
  /// By the recent events of the item; `nil` if the trend is switched off.
  package var trend: Float?
  package var trendRank: Int?
  /// The place by the number of users of the item.
  package var popularityRank: Int?
}
