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
