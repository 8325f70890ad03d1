import Dispatch
import Synchronization

/// The stores of the namespaces that arms of experiments read. Each follows its namespace with a thread and matrices of its own, so
/// they exist only while an experiment names them.
final class ArmStores: Sendable {
  private let stores = Mutex<[String: GatewayStore]>([:])
  private let make: @Sendable (_ namespace: String) -> GatewayStore

  init(_ make: @escaping @Sendable (_ namespace: String) -> GatewayStore) { self.make = make }

  subscript(namespace: String) -> GatewayStore? { stores.withLock { $0[namespace] } }

  /// Starts and ends stores, so that there is one for each of these namespaces. One thread calls this.
  func follow(_ namespaces: Set<String>) {
    let (ended, missing) = stores.withLock { stores in
      let ended = stores.filter { !namespaces.contains($0.key) }
      for name in ended.keys { stores[name] = nil }
      return (Array(ended.values), namespaces.subtracting(stores.keys))
    }
    for name in missing {
      let store = make(name)
      stores.withLock { $0[name] = store }
    }
    // Ending waits for a thread; requests that still have the store read what it has.
    for store in ended { DispatchQueue.global().async { store.stop() } }
  }
}
