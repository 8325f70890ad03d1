import StreamingRecommender

/// Stores one value per user, with a default for users without a stored value.
struct PerUser<Value: Sendable & Equatable>: Sendable {
  private var parts: [[Value]] = []
  private let initial: Value

  init(_ initial: Value) { self.initial = initial }

  subscript(user: UserReference) -> Value {
    get {
      let partition = Int(user.partition)
      guard partition < parts.count, Int(user.index) < parts[partition].count else { return initial }
      return parts[partition][Int(user.index)]
    }
    set {
      let (partition, index) = (Int(user.partition), Int(user.index))
      if partition >= parts.count { parts.append(contentsOf: repeatElement([], count: partition + 1 - parts.count)) }
      let count = parts[partition].count
      if index >= count { parts[partition].append(contentsOf: repeatElement(initial, count: max(index + 1, count * 3 / 2) - count)) }
      parts[partition][index] = newValue
    }
  }
}
