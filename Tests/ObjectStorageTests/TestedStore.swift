import Foundation
import ObjectStorage

/// The stores that must all pass the contract.
enum TestedStore: String, CaseIterable, Sendable {
  case directory
  case moto
  case seaweedfs

  /// For everything that is written on this machine; goes with the process.
  static let folder: String = {
    let path = NSTemporaryDirectory() + "freshet-stores-\(ProcessInfo.processInfo.processIdentifier)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: TestedStore.folder) }
    return path
  }()

  static let available = allCases.filter { $0 == .directory || !StoreServers.areMissing }
  static let servers = available.filter { $0 != .directory }

  /// An empty store of its own, created unless a test wants to do that.
  func new(create: Bool = true) throws -> any ObjectStore {
    let unique = UUID().uuidString.lowercased()
    let store: any ObjectStore
    switch self {
    case .directory: store = DirectoryStore(path: Self.folder + "/\(unique)")
    case .moto, .seaweedfs:
      let server = try StoreServers.server(rawValue)
      store = try Self.s3("s3://b-\(unique)/in a/prefix", server, secret: server.secretKey)
    }
    if create { _ = try store.create() }
    return store
  }

  static func s3(_ address: String, _ server: StoreServers.Server, secret: String) throws -> S3Store {
    var settings = S3Settings()
    settings.endpoint = server.endpoint
    settings.retries.firstDelay = .milliseconds(20)
    guard case .s3(let address) = try StoreAddress(address, settings) else { throw CocoaError(.fileNoSuchFile) }
    let credentials = S3Credentials(accessKey: server.accessKey, secretKey: secret)
    return S3Store(address, credentials: { credentials })
  }
}
