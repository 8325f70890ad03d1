/// A model with the ids of its items.
package struct StorableModel: Sendable {
  let model: InstalledModel
  let names: IdentifierTable
  let promotion: Promotion?

  /// Copies the ids and vectors of the trained items.
  package var stored: StoredModel {
    var stored = StoredModel(model, names: names)
    stored.promotion = promotion
    return stored
  }
}
