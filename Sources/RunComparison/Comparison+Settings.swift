import RunRecords
import Telemetry

extension Comparison {
  /// A setting, and what it was in each run.
  public struct Setting: Sendable, Equatable {
    public let name: String
    /// `nil` where a run has no such setting.
    public let values: [String?]
    /// Whether all runs have the same value. Among runs of different kinds, those without the setting do not count.
    public let isSame: Bool
    /// The value, if it is the same.
    var common: String? { isSame ? values.lazy.compactMap(\.self).first : nil }

    init(name: String, values: [String?], kindsDiffer: Bool) {
      (self.name, self.values) = (name, values)
      let counted = kindsDiffer ? values.filter { $0 != nil } : values
      isSame = counted.dropFirst().allSatisfy { $0 == counted[0] }
    }
  }

  /// Settings in the order of their names.
  static func settings(of runs: [RunRecord]) -> [Setting] {
    let found = runs.map { Self.settings(of: $0) }
    let kindsDiffer = Set(runs.map(\.kind)).count > 1
    let all = zip(found, chosenSettings(of: runs)).map { $0.merging($1) { first, _ in first } }
    return Set(all.flatMap(\.keys)).sorted().map { name in
      Setting(name: name, values: all.map { $0[name] }, kindsDiffer: kindsDiffer)
    }
  }

  /// A search chooses settings that are not those it was started with: they are shown beside these if any of them differs.
  private static func chosenSettings(of runs: [RunRecord]) -> [[String: String]] {
    let chosen = runs.map { run -> [String: String] in
      guard run.result["trials"] != nil, case .object(let members)? = run.result["settings"] else { return [:] }
      return Dictionary(members.filter { run.settings[$0.key] != nil }.map { ($0.key, text($0.value)) }) { first, _ in first }
    }
    let names = Set(zip(runs, chosen).flatMap { run, chosen in chosen.keys.filter { !isSame(run.settings[$0] ?? "", chosen[$0] ?? "") } })
    return chosen.map { settings in
      Dictionary(uniqueKeysWithValues: settings.filter { names.contains($0.key) }.map { ("\($0.key) (chosen)", $0.value) })
    }
  }

  /// The configuration, and what the result says of how it came about, such as the share of a split.
  private static func settings(of run: RunRecord) -> [String: String] {
    var found = run.settings
    for part in ["fixed_settings", "settings"] {
      guard case .object(let members)? = run.result[part] else { continue }
      for member in members {
        if run.settings[member.key] == nil { found[member.key] = Redaction.value(text(member.value), name: member.key) }
      }
    }
    // Searches have these beside their settings.
    for name in ["split", "test_share", "split_seed", "metric"] where found[name] == nil {
      if let value = run.result[name] { found[name] = text(value) }
    }
    if let seed = run.seed, found["model.seed"] == nil { found["seed"] = String(seed) }
    return found
  }

  /// `1e-2` and `0.01` are one number.
  private static func isSame(_ first: String, _ second: String) -> Bool {
    if first == second { return true }
    guard let first = Double(first), let second = Double(second) else { return false }
    return first == second
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .null: "none"
    default: value.text
    }
  }
}
