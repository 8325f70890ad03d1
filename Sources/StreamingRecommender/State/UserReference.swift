/// Identifies one user inside the engine: partition and index in the partition.
///
/// Valid until the user is removed; the index may then be reused for another user.
public struct UserReference: Hashable, Comparable, Sendable {
  public var partition: Int32
  public var index: Int32

  public init(partition: Int32, index: Int32) {
    self.partition = partition
    self.index = index
  }

  public static func < (a: UserReference, b: UserReference) -> Bool { (a.partition, a.index) < (b.partition, b.index) }
}

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
