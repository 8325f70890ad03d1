import StreamingRecommender
import Telemetry

/// Evaluates methods on a stream by testing on each event before learning it (prequential evaluation, protocol P2 of
/// takuti/stream-recommender).
///
/// The first `warmup` share of the events is learned at once and trained on, and the next `unscored` share is learned event by event.
/// Each remaining event is first ranked among the items seen so far (without the user's history, but with the event's own item) and then
/// learned. Deletions and dislikes are learned but not scored.
public struct PrequentialEvaluator: Sendable {
  /// The shares of the events.
  public var warmup = 0.2
  public var unscored = 0.1

  public init() {}

  public struct Outcome: Sendable {
    public internal(set) var ranks = RankSummary()
    /// Hits among the first ten items of the list that was published when the event arrived; `nil` if the method publishes no lists.
    public internal(set) var published: HitSummary?
    public internal(set) var events = 0
    /// The number of events learned one by one after the warm-up.
    public internal(set) var updates = 0
    /// The total time of the method in seconds, including trainings and published lists.
    public internal(set) var seconds = 0.0
    /// The number of published lists: one for the event's user after each event.
    public internal(set) var lists = 0
    /// The time for these lists in seconds, as in `serve`: fold-in of the user and exact top-N. The scored ranks need a scan of all
    /// items, which only the evaluation uses; it is included in `seconds` only.
    public internal(set) var listSeconds = 0.0
    public internal(set) var updateSeconds = 0.0
    public internal(set) var training = PrequentialTraining()
    public var eventsPerSecond: Double { seconds > 0 ? Double(events) / seconds : 0 }
  }

  /// - Parameter progress: called from time to time with the number of events processed.
  public func run(_ data: EvaluationData, _ method: some PrequentialRanker, progress: (Int) -> Void = { _ in }) -> Outcome {
    let events = data.interactions
    let learned = Int(Double(events.count) * warmup)
    let unscored = Int(Double(events.count) * (warmup + self.unscored))
    let distinctItems = Set(events.map(\.item)).count
    var method = method
    var stream = PrequentialStream()
    var outcome = Outcome()
    outcome.events = events.count
    for interaction in events[0..<learned] {
      let event = stream.next(interaction, isScored: false)
      outcome.seconds += Self.seconds { method.learn(event) }
    }
    outcome.seconds += Self.seconds { method.finishWarmUp() }
    for index in learned..<events.count {
      let event = stream.next(events[index], isScored: index >= unscored)
      if index >= unscored, event.isLiked { test(event, &method, items: distinctItems, &outcome) }
      learn(event, &method, &outcome)
      if index % 1000 == 0 { progress(index) }
    }
    outcome.updates = events.count - learned
    outcome.training = method.training
    return outcome
  }

  private func test(_ event: PrequentialEvent, _ method: inout some PrequentialRanker, items: Int, _ outcome: inout Outcome) {
    var place = PrequentialPlace(better: 0, ties: 0)
    var shown: Bool?
    outcome.seconds += Self.seconds {
      place = method.place(of: event)
      shown = method.published(event, k: 10)
    }
    outcome.ranks.add(rank: place.rank, items: items)
    if let shown { outcome.published = Self.adding(shown, to: outcome.published) }
  }

  private func learn(_ event: PrequentialEvent, _ method: inout some PrequentialRanker, _ outcome: inout Outcome) {
    var isMade = false
    let learning = Self.seconds { method.learn(event) }
    let listing = Self.seconds { isMade = method.publish(after: event) }
    outcome.updateSeconds += learning
    if isMade {
      outcome.lists += 1
      outcome.listSeconds += listing
    }
    outcome.seconds += learning + listing + Self.seconds { method.maintain() }
  }

  private static func adding(_ hit: Bool, to summary: HitSummary?) -> HitSummary {
    var result = summary ?? HitSummary()
    result.add(hit: hit)
    return result
  }

  private static func seconds(_ body: () -> Void) -> Double {
    let start = MonotonicClock.nanoseconds()
    body()
    return Double(MonotonicClock.nanoseconds() - start) / 1e9
  }
}

/// Numbers users and items by their first event and stores the users' histories.
private struct PrequentialStream {
  private var users = IdentifierTable()
  private var items = IdentifierTable()
  /// The items of each user in the order of their first event.
  private var histories: [[Int32]] = []

  /// - Parameter isScored: whether `excluded` is needed.
  mutating func next(_ interaction: Interaction, isScored: Bool) -> PrequentialEvent {
    let itemsSeen = items.capacity
    let item = items.intern(interaction.item).index
    let user = Int(users.intern(interaction.user).index)
    if user == histories.count { histories.append([]) }
    var event = PrequentialEvent(interaction: interaction, user: user, item: Int(item), itemsSeen: itemsSeen)
    if isScored { event.excluded = histories[user].filter { $0 != item } }
    if interaction.operation == .delete {
      histories[user].removeAll { $0 == item }
    } else if !histories[user].contains(item) {
      histories[user].append(item)
    }
    return event
  }
}
