/// A trained model that is not live yet.
public struct PendingModel: Sendable {
  public internal(set) var model: InstalledModel
  /// Vectors of all users, by partition.
  var served: [ServedFactors]
  var index: ItemIndex
  var similar: SimilarItems
  /// Items that get a vector from their documents, in this order.
  var documentedItems: UniqueQueue<Identifier>
  /// Users whose vectors in `served` are older than their history.
  var changed: Set<UserReference>
  /// The settings that come with the model; `nil`: those in use.
  var settings: ModelSettings?

  mutating func forget(_ user: UserReference) {
    served[Int(user.partition)].remove(user.index)
    changed.insert(user)
  }
}

/// What the installation of a model has replaced; only kept to be freed.
public struct ReplacedModel: Sendable {
  let model: InstalledModel?
  let index: ItemIndex
  let served: [ServedFactors]
}

/// Users that changed since the freeze of the training in progress; their vectors must be folded in again with the new model.
struct CatchUp: Sendable {
  private(set) var changed: Set<UserReference> = []
  /// Users removed since the freeze; their vectors must be removed from the trained model.
  private(set) var forgotten: Set<UserReference> = []
  /// Items whose documents changed since the freeze.
  private(set) var documents: [Identifier] = []

  mutating func note(_ user: UserReference) { changed.insert(user) }
  mutating func note(documentOf item: Identifier) { documents.append(item) }

  mutating func forget(_ user: UserReference) {
    changed.insert(user)
    forgotten.insert(user)
  }
}
