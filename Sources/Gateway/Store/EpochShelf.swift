/// Decides which epochs are kept in memory: the one of the pointer, the one before, the next one while it is being written, and those
/// that rows named in the last minute.
public struct EpochShelf: Sendable {
  static let namedMilliseconds: Int64 = 60_000
  /// Bounds the memory, whatever rows name.
  static let epochsMax = 4

  private var pointer: (current: UInt32, previous: UInt32?)?
  private var named: [UInt32: Int64] = [:]

  public init() {}

  /// What the hash `model` says.
  public mutating func point(to current: UInt32, previous: UInt32?) { pointer = (current, previous) }

  /// A row had this epoch.
  public mutating func name(_ epoch: UInt32, nowMilliseconds: Int64) {
    if named[epoch] != nil || named.count < Self.epochsMax { named[epoch] = nowMilliseconds }
  }

  /// The epochs to hold if Redis has them, the most important first.
  public mutating func wanted(nowMilliseconds: Int64) -> [UInt32] {
    named = named.filter { nowMilliseconds - $0.value <= Self.namedMilliseconds }
    var wanted: [UInt32] = []
    func want(_ epoch: UInt32?) { if let epoch, epoch > 0, !wanted.contains(epoch) { wanted.append(epoch) } }
    want(pointer?.current)
    want(pointer.map { $0.current &+ 1 })
    want(pointer?.previous)
    for epoch in named.keys.sorted(by: >) { want(epoch) }
    return Array(wanted.prefix(Self.epochsMax))
  }
}
