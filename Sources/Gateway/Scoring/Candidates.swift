import ItemMetadata

/// The items among which a list is made.
public enum Candidates: Sendable {
  case all
  case some(ItemSet)

  var items: ItemSet? { if case .some(let items) = self { items } else { nil } }
}
