/// The items among which a list is made.
public enum Candidates: Sendable {
  case all
  /// These items, ascending.
  case some([Int32])

  func contains(_ item: Int32) -> Bool {
    guard case .some(let items) = self else { return true }
    var (low, high) = (0, items.count)
    while low < high {
      let middle = (low + high) / 2
      if items[middle] < item { low = middle + 1 } else { high = middle }
    }
    return low < items.count && items[low] == item
  }
}
