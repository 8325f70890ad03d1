/// A configuration together with the origin of each of its values.
public struct LoadedConfiguration: Sendable {
  public var configuration: RecommenderConfiguration
  /// The origin by key, and by entry for maps; it contains every key of the table.
  public let origins: [String: ConfigurationOrigin]
  /// The path of the file that was read, if any.
  public let file: String?

  public init(configuration: RecommenderConfiguration, origins: [String: ConfigurationOrigin], file: String? = nil) {
    self.configuration = configuration
    self.origins = origins
    self.file = file
  }

  public func origin(of key: String) -> ConfigurationOrigin { origins[key] ?? .default }
}
