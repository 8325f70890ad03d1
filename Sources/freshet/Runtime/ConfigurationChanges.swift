import StreamingRecommender

/// What another reading of the configuration means for a process that runs.
struct ConfigurationChanges: Equatable {
  /// Keys that are in force at once.
  private(set) var applied: [String] = []
  /// Keys whose new values wait for the next start.
  private(set) var needRestart: [String] = []

  /// The keys that a running process follows.
  static let followed: Set<String> = ["log.level"]

  /// - Parameter isUsed: whether the process reads the key of this name at all.
  init(from old: RecommenderConfiguration, to new: RecommenderConfiguration, where isUsed: (String) -> Bool = { _ in true }) {
    for key in ConfigurationTable.keys where isUsed(key.name) && key.value(in: old) != key.value(in: new) {
      if Self.followed.contains(key.name) { applied.append(key.name) } else { needRestart.append(key.name) }
    }
  }
}
