import Foundation
import ObjectStorage
import StreamingRecommender
import Telemetry

/// Opens the store that an address names, with the configuration, the environment and the credentials of this process.
struct ObjectStores {
  private let settings: RecommenderConfiguration.Store
  private let environment: [String: String]

  init(_ settings: RecommenderConfiguration.Store, environment: [String: String] = ProcessInfo.processInfo.environment) {
    self.settings = settings
    self.environment = environment
  }

  func address(_ text: String) throws(ObjectStoreError) -> StoreAddress { try StoreAddress(text, s3) }

  func open(_ address: StoreAddress) -> any ObjectStore {
    switch address {
    case .directory(let path): return DirectoryStore(path: path)
    case .s3(let address):
      let (file, environment) = (settings.credentialsFile, environment)
      return S3Store(address, credentials: { () throws(ObjectStoreError) in try Self.credentials(file, environment) })
    }
  }

  /// Opens the store that a key of the configuration names.
  static func open(
    _ key: String, _ address: String, _ configuration: RecommenderConfiguration
  ) throws(CommandFailure) -> any ObjectStore {
    let stores = ObjectStores(configuration.store)
    do throws(ObjectStoreError) { return stores.open(try stores.address(address)) } catch {
      throw CommandFailure("\(key) = \(Redaction.text(address)): \(error)", status: .configuration)
    }
  }

  /// The configuration comes before the environment.
  private var s3: S3Settings {
    func first(_ values: String?...) -> String? { values.lazy.compactMap { $0 }.first { !$0.isEmpty } }
    var found = S3Settings()
    found.endpoint = first(settings.endpoint, environment["AWS_ENDPOINT_URL_S3"], environment["AWS_ENDPOINT_URL"])
    found.region = first(settings.region, environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]) ?? found.region
    found.style = S3Settings.Style(rawValue: settings.style.rawValue) ?? .auto
    found.caFile = settings.caFile
    found.timeout = settings.timeout
    return found
  }

  private static func credentials(_ file: String, _ environment: [String: String]) throws(ObjectStoreError) -> S3Credentials {
    guard !file.isEmpty else {
      guard let found = CredentialsFile.environment(environment) else {
        throw ObjectStoreError(
          .denied,
          "there are no credentials: set store.credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
      }
      return found
    }
    let text: String
    do throws(SecretFile.Refusal) { text = try SecretFile.read(file) } catch {
      throw ObjectStoreError(.denied, "store.credentials_file = \(file): \(error)")
    }
    let profile = environment["AWS_PROFILE"] ?? ""
    do throws(ObjectStoreError) { return try CredentialsFile.parse(text, profile: profile.isEmpty ? "default" : profile) } catch {
      throw ObjectStoreError(error.code, "store.credentials_file = \(file): \(error)")
    }
  }
}
