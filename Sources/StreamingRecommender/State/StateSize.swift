/// Memory use of the state by part, in bytes, estimated from container capacities.
public struct StateSize: Sendable, Equatable {
  public var interactions = 0
  public var users = 0
  public var items = 0
  public var factors = 0

  public init(interactions: Int = 0, users: Int = 0, items: Int = 0, factors: Int = 0) {
    self.interactions = interactions
    self.users = users
    self.items = items
    self.factors = factors
  }

  public var total: Int { interactions + users + items + factors }

  static func + (a: StateSize, b: StateSize) -> StateSize {
    StateSize(
      interactions: a.interactions + b.interactions, users: a.users + b.users, items: a.items + b.items, factors: a.factors + b.factors)
  }
}
