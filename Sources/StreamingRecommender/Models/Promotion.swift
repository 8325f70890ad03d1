/// Settings of the model that were promoted at run time and hold until the configuration says otherwise.
public struct Promotion: Sendable, Equatable {
  /// The promoted values by key, as they are written in a file.
  public var settings: [String: String]
  /// What the configuration said of these keys at the time.
  public var configured: [String: String]

  public init(_ settings: [String: String], over configuration: RecommenderConfiguration) {
    self.settings = settings
    configured = Self.texts(of: settings.keys, in: configuration)
  }

  init(settings: [String: String], configured: [String: String]) {
    (self.settings, self.configured) = (settings, configured)
  }

  /// The configuration with the promoted values, unless it has changed since: then somebody has decided anew.
  func applied(to configuration: RecommenderConfiguration) -> RecommenderConfiguration? {
    guard Self.texts(of: settings.keys, in: configuration) == configured else { return nil }
    return try? configuration.applying(settings)
  }

  private static func texts(of keys: some Sequence<String>, in configuration: RecommenderConfiguration) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: keys.compactMap { name in
        ConfigurationTable.key(named: name).map { (name, $0.text($0.value(in: configuration))) }
      })
  }
}

extension RecommenderConfiguration {
  /// Returns the configuration with other values of some keys, as they are written in a file. Throws what is wrong with one.
  func applying(_ settings: [String: String]) throws -> RecommenderConfiguration {
    var configuration = self
    // `none` of a part comes before keys of the part.
    for (name, text) in settings.sorted(by: { $0.key < $1.key }) {
      guard let key = ConfigurationTable.key(named: name) else {
        throw ConfigurationError(problems: [.init(key: name, message: "\(name): no such key")])
      }
      do {
        key.write(&configuration, try key.parse(.text(text)))
      } catch {
        throw ConfigurationError(problems: [.init(key: name, message: "\(name) = \(text): \(error.reason)")])
      }
    }
    return configuration
  }
}
