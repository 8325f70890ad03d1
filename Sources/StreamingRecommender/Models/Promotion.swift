/// Settings of the model that were promoted at run time. Each holds until the configuration says something else about its key.
public struct Promotion: Sendable, Equatable {
  /// The promoted values by key, as they are written in a file.
  public var settings: [String: String]
  /// What the configuration said of these keys at the time.
  public var configured: [String: String]

  public init(_ settings: [String: String], over configuration: RecommenderConfiguration) {
    self.settings = settings
    configured = Dictionary(
      uniqueKeysWithValues: settings.keys.compactMap { name in Self.text(of: name, in: configuration).map { (name, $0) } })
  }

  init(settings: [String: String], configured: [String: String]) {
    (self.settings, self.configured) = (settings, configured)
  }

  /// What still holds: of a key that has another value in the configuration now, somebody has decided anew. `nil` if nothing does.
  func holding(over configuration: RecommenderConfiguration) -> Promotion? {
    let kept = settings.filter { name, _ in Self.text(of: name, in: configuration) == configured[name] }
    return kept.isEmpty ? nil : Promotion(settings: kept, configured: configured.filter { kept[$0.key] != nil })
  }

  private static func text(of name: String, in configuration: RecommenderConfiguration) -> String? {
    ConfigurationTable.key(named: name).map { $0.text($0.value(in: configuration)) }
  }
}
