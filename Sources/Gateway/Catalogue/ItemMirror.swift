import Dispatch
import RedisPublishing
import StreamingRecommender
import Synchronization

/// The mirror of the catalogue, one document at a time: what it has now, and waiting until it has more.
final class ItemMirror: Sendable {
  /// Changes on their way are remembered for this long, so that a second one based on the same version is refused.
  private static let pendingMilliseconds: Int64 = 10_000
  private static let pendingMax = 10_000
  private static let interval = DispatchTimeInterval.milliseconds(20)

  private let store: GatewayStore
  private let pending = Mutex<[Identifier: (version: Int64, until: Int64)]>([:])
  private let queue = DispatchQueue(label: "gateway.mirror")

  init(_ store: GatewayStore) { self.store = store }

  func item(_ id: Identifier) throws -> StoredItem? { try store.item(id) }

  /// Notes a change of `version`; false if this gateway sent another change of it that is not mirrored yet.
  func begin(_ id: Identifier, version: Int64, now: Int64) -> Bool {
    pending.withLock { pending in
      if let other = pending[id], other.until > now, other.version == version { return false }
      if pending.count >= Self.pendingMax { pending = pending.filter { $0.value.until > now } }
      if pending.count < Self.pendingMax { pending[id] = (version, now + Self.pendingMilliseconds) }
      return true
    }
  }

  /// The change was not sent after all.
  func abandon(_ id: Identifier) { _ = pending.withLock { $0.removeValue(forKey: id) } }

  /// Calls `body` with the document once its version is above `version`, or it is gone; with nothing when the time is up.
  func wait(
    _ id: Identifier, after version: Int64, deadline: DispatchTime,
    _ body: @escaping @Sendable (_ isMirrored: Bool, _ item: StoredItem?) -> Void
  ) {
    if let item = try? item(id) {
      if item.version > version { return body(true, item) }
    } else if version > 0, store.problem == nil {
      return body(true, nil)
    }
    guard DispatchTime.now() < deadline else { return body(false, nil) }
    queue.asyncAfter(deadline: .now() + Self.interval) { [self] in wait(id, after: version, deadline: deadline, body) }
  }
}
