import StreamingRecommender

/// The erasure of one user: what was sent, and what the engine and Redis said before and after. A value without I/O.
struct Erasure {
  struct Tombstone: Equatable {
    var source: TopicPartition
    var offset: Int64
  }

  /// What the engine holds of the user.
  struct Held: Equatable {
    var isKnown: Bool
    var pairs: Int
    /// `none`, `pending` or `confirmed`, as the engine says.
    var removal: String
    /// The user whose history has the events of this id.
    var mergedInto: String?
  }

  /// The keys of the user that exist in Redis, and the newest record that the list covers.
  struct Keys: Equatable {
    var names: [String]
    var list: Tombstone?
    /// The name of the key of imported lists, whether or not it exists.
    var imported: String?
  }

  enum Result: String, CaseIterable {
    /// Nothing of the user is left where this can be seen.
    case erased
    /// There was nothing to erase.
    case unknown
    /// The user was erased, and events after the tombstone have made a new history.
    case returned
    /// The id was merged into another user, whose history still has its events.
    case merged
    /// The tombstones are written; nothing was asked for.
    case sent
    case unconfirmed
  }

  let user: String
  var heldBefore: Held?
  var keysBefore: Keys?
  var tombstones: [Tombstone] = []
  /// Why a tombstone could not be written.
  var problem: String?
  var held: Held?
  var keys: Keys?

  init(_ user: String) { self.user = user }

  /// The engine's offsets.
  struct Positions: Equatable {
    /// The next offset to apply.
    var next: [TopicPartition: Int64] = [:]
    /// The next offset that the newest snapshot on disk has not applied.
    var snapshot: [TopicPartition: Int64] = [:]
  }

  /// Whether the engine has read every tombstone.
  func isApplied(_ positions: Positions) -> Bool {
    !tombstones.isEmpty && tombstones.allSatisfy { positions.next[$0.source] ?? 0 > $0.offset }
  }

  func isInSnapshot(_ positions: Positions) -> Bool {
    !tombstones.isEmpty && tombstones.allSatisfy { positions.snapshot[$0.source] ?? 0 > $0.offset }
  }

  /// Keys that hold data of before the tombstone.
  var remainingKeys: [String] {
    guard let keys else { return [] }
    // Imported lists come from no event, so no later one explains them.
    let imported = keys.names.filter { $0 == keys.imported }
    let own = keys.names.filter { $0 != keys.imported }
    // A list beyond the tombstone, and the vector beside it, come from later events.
    if let list = keys.list { return (isNewer(list) ? [] : own) + imported }
    return (held?.isKnown == true ? [] : own) + imported
  }

  private func isNewer(_ list: Tombstone) -> Bool {
    guard let tombstone = tombstones.first(where: { $0.source.partition == list.source.partition }) else { return held?.isKnown == true }
    return list.offset > tombstone.offset
  }

  var removedKeys: [String] { (keysBefore?.names ?? []).filter { !remainingKeys.contains($0) } }

  /// What is not certain yet, apart from the snapshot, in sentences with what to do.
  func missing(_ positions: Positions) -> [String] {
    if let problem { return ["no tombstone could be written: \(problem)"] }
    if let late = tombstones.first(where: { positions.next[$0.source] ?? 0 <= $0.offset }) {
      return [
        "the engine has read \(late.source) up to offset \(positions.next[late.source] ?? 0), and the tombstone is at \(late.offset): see freshet status"
      ]
    }
    guard let held else { return ["the engine did not say whether it still holds the user"] }
    switch held.removal {
    case "none":
      return ["the engine has read the tombstone, and it did not name this user there: is input.key of this command that of the engine?"]
    case "pending": return ["Redis has not confirmed that the keys are removed: see freshet status"]
    default: break
    }
    guard keys != nil else { return ["Redis could not be read to see that the keys are gone"] }
    guard !remainingKeys.isEmpty else { return [] }
    let isImported = remainingKeys == [keys?.imported]
    return [
      "Redis still has \(remainingKeys.joined(separator: " and "))"
        + (isImported ? ": freshet import lists wrote it again; take the user out of its file, and then forget the user again" : "")
    ]
  }

  func missingInSnapshot(_ positions: Positions) -> String? {
    isInSnapshot(positions) ? nil : "there is no snapshot yet that was written after the tombstone: run freshet snapshot"
  }

  func result(_ positions: Positions, waits: Bool) -> Result {
    guard problem == nil, !tombstones.isEmpty else { return .unconfirmed }
    guard waits else { return .sent }
    guard missing(positions).isEmpty, isInSnapshot(positions) else { return .unconfirmed }
    if heldBefore?.mergedInto != nil { return .merged }
    if held?.isKnown == true { return .returned }
    return heldBefore?.isKnown == false && keysBefore?.names.isEmpty != false ? .unknown : .erased
  }
}
