import Dispatch
import ItemMetadata
import StreamingRecommender
import Synchronization

/// The mirror of the catalogue, one document at a time: what it has now, and waiting until it has more.
final class ItemMirror: Sendable {
  /// Changes on their way are remembered for this long, so that a second one based on the same document is refused.
  private static let pendingMilliseconds: Int64 = 10_000
  private static let pendingMax = 10_000
  private static let interval = DispatchTimeInterval.milliseconds(20)

  private let store: GatewayStore
  private let pending = Mutex<[Identifier: (before: UInt64?, until: Int64)]>([:])
  private let queue = DispatchQueue(label: "gateway.mirror")

  init(_ store: GatewayStore) { self.store = store }

  func item(_ id: Identifier) throws -> ItemDocument? { try store.item(id) }

  /// Notes a change of the document `before`; false if this gateway sent another change of it that is not mirrored yet.
  func begin(_ id: Identifier, before: ItemDocument?, now: Int64) -> Bool {
    let hash = before?.contentHash
    return pending.withLock { pending in
      if let other = pending[id], other.until > now, other.before == hash { return false }
      if pending.count >= Self.pendingMax { pending = pending.filter { $0.value.until > now } }
      if pending.count < Self.pendingMax { pending[id] = (hash, now + Self.pendingMilliseconds) }
      return true
    }
  }

  /// The change was not sent after all.
  func abandon(_ id: Identifier) { _ = pending.withLock { $0.removeValue(forKey: id) } }

  /// Calls `body` with true once the mirror has `document`, or no document if that is `nil`; with false when the time is up.
  func wait(
    _ id: Identifier, for document: ItemDocument?, deadline: DispatchTime, _ body: @escaping @Sendable (_ isMirrored: Bool) -> Void
  ) {
    if let mirrored = try? store.item(id) {
      if mirrored == document { return body(true) }
    } else if document == nil, store.problem == nil {
      return body(true)
    }
    guard DispatchTime.now() < deadline else { return body(false) }
    queue.asyncAfter(deadline: .now() + Self.interval) { [self] in wait(id, for: document, deadline: deadline, body) }
  }
}
