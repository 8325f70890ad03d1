/// How much happened, and when: of a user or of an item.
///
/// Counts pairs of user and item as the histories have them, each at the time of its newest event.
package struct Activity: Sendable, Equatable {
  package private(set) var interactions = 0
  /// Those since the moment that was given.
  package private(set) var recent = 0
  /// Of the first and of the last interaction; `nil` without any.
  package private(set) var firstMilliseconds: Int64?
  package private(set) var lastMilliseconds: Int64?

  mutating func add(_ time: Int64, recentSince moment: Int64) {
    interactions += 1
    if time >= moment { recent += 1 }
    firstMilliseconds = min(firstMilliseconds ?? time, time)
    lastMilliseconds = max(lastMilliseconds ?? time, time)
  }
}

extension EngineState {
  package func activity(of user: UserReference, recentSince moment: Int64) -> Activity {
    users.history(user).pairs.reduce(into: Activity()) { if $1.isLive { $0.add($1.order.timeMilliseconds, recentSince: moment) } }
  }

  /// By item index: one pass over all histories.
  package func itemActivities(recentSince moment: Int64) -> [Activity] {
    var activities = [Activity](repeating: Activity(), count: catalogue.items.capacity)
    for user in users.references {
      for pair in users.history(user).pairs where pair.isLive {
        activities[Int(pair.item)].add(pair.order.timeMilliseconds, recentSince: moment)
      }
    }
    return activities
  }
}
