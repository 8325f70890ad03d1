/// A trained model on its way to the readers.
public struct PendingModel: Sendable {
  public internal(set) var model: InstalledModel
  /// By partition.
  var served: [ServedFactors]
  var index: ItemIndex
  /// Users whose rows in `served` are older than their history.
  var changed: Set<UserReference>

  mutating func forget(_ user: UserReference) {
    served[Int(user.partition)].remove(user.index)
    changed.insert(user)
  }
}

/// Users that changed since the freeze of the training in progress: their rows must be solved again with the new model.
struct CatchUp: Sendable {
  private(set) var changed: Set<UserReference> = []
  /// Their rows must not come back with the trained model.
  private(set) var forgotten: Set<UserReference> = []

  mutating func note(_ user: UserReference) { changed.insert(user) }

  mutating func forget(_ user: UserReference) {
    changed.insert(user)
    forgotten.insert(user)
  }
}
