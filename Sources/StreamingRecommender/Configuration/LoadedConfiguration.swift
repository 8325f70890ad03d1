/// A configuration and where each of its values came from.
public struct LoadedConfiguration: Sendable {
  public var configuration: RecommenderConfiguration
  /// By key, and by entry for the keys that are maps; every key of the table is in here.
  public let origins: [String: ConfigurationOrigin]
  /// The file that was read.
  public let file: String?

  public init(configuration: RecommenderConfiguration, origins: [String: ConfigurationOrigin], file: String? = nil) {
    self.configuration = configuration
    self.origins = origins
    self.file = file
  }

  public func origin(of key: String) -> ConfigurationOrigin { origins[key] ?? .default }
}
