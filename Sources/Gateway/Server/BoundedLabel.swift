import Synchronization

/// A label whose values come from requests: the first ones are kept, all further ones are `other`, so that series stay few.
final class BoundedLabel: Sendable {
  static let other = "other"

  private let valuesMax: Int
  private let known = Mutex<Set<String>>([])

  init(valuesMax: Int) { self.valuesMax = valuesMax }

  func label(_ value: String) -> String {
    known.withLock { known in
      if known.contains(value) { return value }
      guard known.count < valuesMax else { return Self.other }
      known.insert(value)
      return value
    }
  }
}
