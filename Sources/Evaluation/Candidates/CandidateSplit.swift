import StreamingRecommender

/// Events in the order of their times, cut in three: what a first model may know, what a ranker learns from, and what it is tested with.
///
/// The first part has the events before the first cut and labels from those between the cuts; the second has the events before the second
/// cut and labels from the rest. Events at the time of a cut are after it, so that nothing in a part knows what it is asked for.
public struct CandidateSplit: Sendable {
  public struct Part: Sendable {
    public enum Name: String, Sendable { case train, test }
    public let name: Name
    /// What is known: all events before the cut, the oldest first.
    public let history: ArraySlice<Interaction>
    /// The time from which on nothing is known.
    public let cutMilliseconds: Int64
    /// By user the items that came first between this cut and the next one, or the end; whether or not the history knows them.
    public let heldOut: [Identifier: Set<Identifier>]
  }

  public let parts: [Part]

  /// - Parameters:
  ///   - interactions: in any order; those of the same time stay in theirs.
  ///   - shares: of the events before the first and the second cut.
  /// - Throws: `CandidateSplitError` if a cut leaves nothing on one of its sides.
  public init(_ interactions: [Interaction], shares: (Double, Double)) throws(CandidateSplitError) {
    precondition(0 < shares.0 && shares.0 < shares.1 && shares.1 < 1, "the shares must ascend between 0 and 1, got \(shares)")
    let places = interactions.indices.sorted { a, b in
      let (first, second) = (interactions[a].timeMilliseconds, interactions[b].timeMilliseconds)
      return first == second ? a < b : first < second
    }
    let events = places.map { interactions[$0] }
    guard !events.isEmpty else { throw CandidateSplitError() }
    let cuts = [shares.0, shares.1].map { events[Int(Double(events.count) * $0)].timeMilliseconds }
    let starts = cuts.map { cut in events.partitioningIndex { $0.timeMilliseconds >= cut } }
    guard 0 < starts[0], starts[0] < starts[1] else { throw CandidateSplitError() }
    var pairs = KnownPairs()
    for event in events[..<starts[0]] { pairs.add(event) }
    let between = pairs.heldOut(events[starts[0]..<starts[1]])
    let after = pairs.heldOut(events[starts[1]...])
    parts = [
      Part(name: .train, history: events[..<starts[0]], cutMilliseconds: cuts[0], heldOut: between),
      Part(name: .test, history: events[..<starts[1]], cutMilliseconds: cuts[1], heldOut: after),
    ]
  }
}

/// Why events cannot be cut.
public struct CandidateSplitError: Error, Sendable, Equatable, CustomStringConvertible {
  public var description: String { "the times leave nothing before or between the cuts: choose other shares with --split" }
}

/// Pairs of user and item that occurred.
private struct KnownPairs {
  private var users = IdentifierTable()
  private var items = IdentifierTable()
  private var pairs: Set<UInt64> = []

  /// Returns whether the pair is new.
  @discardableResult mutating func add(_ event: Interaction) -> Bool {
    let (user, item) = (users.intern(event.user).index, items.intern(event.item).index)
    return pairs.insert(UInt64(user) << 32 | UInt64(item)).inserted
  }

  /// Adds events and returns the pairs that are new and begin with a liked event. A deletion and a dislike make a pair known, too.
  mutating func heldOut(_ events: ArraySlice<Interaction>) -> [Identifier: Set<Identifier>] {
    var found: [Identifier: Set<Identifier>] = [:]
    for event in events where add(event) && event.operation != .delete && event.strength > 0 {
      found[Identifier(event.user), default: []].insert(Identifier(event.item))
    }
    return found
  }
}

extension [Interaction] {
  /// The first index for which the condition holds, if it holds for all after it; `endIndex` if for none.
  fileprivate func partitioningIndex(where condition: (Interaction) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
