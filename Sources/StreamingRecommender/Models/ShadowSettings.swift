/// Settings of a second model over the same state, which is compared with the one in use and serves nobody.
public struct ShadowSettings: Sendable, Equatable {
  public var name: String
  /// The values that differ from those of the model in use, by key.
  public var overrides: [String: String]
  var engine: EngineSettings

  /// Returns `nil` if the configuration has no shadow, or one that does not differ from the model in use.
  init?(_ configuration: RecommenderConfiguration, live: EngineSettings) {
    let shadow = configuration.shadow
    guard !shadow.settings.isEmpty, let other = try? configuration.applying(shadow.settings) else { return nil }
    engine = EngineSettings(other)
    guard engine != live else { return nil }
    name = shadow.name
    overrides = shadow.settings
  }

  /// Keys of the model that change what is kept of users and items, and so cannot differ between two models over one state.
  private static let ofState: Set<String> = [
    "model.history_per_user", "model.seen_per_user", "model.seen_for", "model.exclude_seen", "model.trend.half_life",
    "model.transitions", "model.transitions.successors", "model.transitions.gap_floor", "model.transitions.gap_scale",
    "model.transitions.backward",
  ]

  /// Whether two models over one state cannot differ in a key.
  public static func isShared(_ key: String) -> Bool { ofState.contains(key) }

  /// Returns what is wrong with settings for a shadow, or `nil`.
  public static func fault(of settings: [String: String]) -> String? {
    settings.sorted { $0.key < $1.key }.lazy.compactMap { key, text in fault(ofEntry: key, text).map { "\(key) = \(text): \($0)" } }.first
  }

  /// Also whether they go together, and make another model than that of the configuration.
  public static func fault(of settings: [String: String], over configuration: RecommenderConfiguration) -> String? {
    if let fault = fault(of: settings) { return fault }
    do {
      let isSame = EngineSettings(try configuration.applying(settings)) == EngineSettings(configuration)
      return isSame ? "it would be the model in use: name a setting in which it differs" : nil
    } catch { return "\(error)" }
  }

  /// Returns what is wrong with an entry of `shadow.settings`, or `nil`.
  static func fault(ofEntry name: String, _ text: String) -> String? {
    guard name.hasPrefix("model."), let key = ConfigurationTable.key(named: name) else {
      return "not a key of the group model" + (ConfigurationTable.suggestion(for: name).map { "; did you mean \($0)?" } ?? "")
    }
    if ofState.contains(name) { return "a shadow shares histories, trend and transitions with the model in use: leave it out" }
    do {
      _ = try key.parse(.text(text))
      return nil
    } catch { return error.reason }
  }
}
