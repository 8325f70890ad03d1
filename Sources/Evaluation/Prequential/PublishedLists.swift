import StreamingRecommender

/// The lists that a reader of the view sees. As in the engine, a user's list is published at each of the user's events, and all lists are
/// published when a model is rolled out; unknown users get the popular items.
struct PublishedLists {
  private struct Entry {
    var items: [Int32]
    var rollout: Int
  }

  private var lists: [UserReference: Entry] = [:]
  /// The engine when it last rolled out a model; the lists of that time are computed on demand.
  private var rolledOut: RecommenderEngine?
  private var rollouts = 0

  mutating func rollOut(_ engine: RecommenderEngine) {
    rolledOut = engine
    rollouts += 1
  }

  /// Folds the user in and publishes the list; returns false if there is no model yet.
  mutating func publish(_ user: [UInt8], _ engine: inout RecommenderEngine, _ scratch: EngineScratch) -> Bool {
    guard let index = engine.state.users.find(user), let list = engine.refresh([index], scratch).first else { return false }
    lists[index] = Entry(items: list.items.map(\.item), rollout: rollouts)
    return true
  }

  /// Returns whether the item is among the first `k` of the user's list.
  mutating func shows(_ item: [UInt8], to user: [UInt8], _ engine: RecommenderEngine, _ scratch: EngineScratch, k: Int) -> Bool {
    guard let item = engine.state.catalogue.items.find(item) else { return false }
    guard let index = engine.state.users.find(user), let list = list(index, scratch) else {
      return engine.popular(k).contains { $0.item == item }
    }
    return list.prefix(k).contains(item)
  }

  private mutating func list(_ user: UserReference, _ scratch: EngineScratch) -> [Int32]? {
    if let entry = lists[user], entry.rollout == rollouts { return entry.items }
    guard rolledOut != nil, rolledOut!.state.users.contains(user), let list = rolledOut!.refresh([user], scratch).first else {
      return nil
    }
    lists[user] = Entry(items: list.items.map(\.item), rollout: rollouts)
    return list.items.map(\.item)
  }
}
