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

  /// The configuration with promoted values that still hold, and these.
  func promoted(by promotion: Promotion?) -> (configuration: RecommenderConfiguration, promotion: Promotion?) {
    guard let holding = promotion?.holding(over: self), let configuration = try? applying(holding.settings) else { return (self, nil) }
    return (configuration, holding)
  }
}
