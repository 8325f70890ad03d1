extension ComparisonPage {
  var settingsSection: HTML {
    let settings = comparison.settings
    guard !settings.isEmpty else { return "" }
    let different = settings.filter { !$0.isSame }
    let same = settings.filter(\.isSame)
    return """
      <section><h2>Settings</h2>
      \(differing(different))\(common(same, isAlone: runs.count == 1))</section>

      """
  }

  private func differing(_ settings: [Comparison.Setting]) -> HTML {
    guard runs.count > 1 else { return "" }
    guard !settings.isEmpty else { return "<p>All settings are the same.</p>\n" }
    let rows = settings.map { setting in row(setting.name, setting.values.map { $0.map(Self.value) }) }
    return """
      <p>\(settings.count == 1 ? "One setting differs." : "\(settings.count) settings differ.")</p>
      \(table("settings that differ", first: "setting", rows))
      """
  }

  /// Those that need not be looked at, folded.
  private func common(_ settings: [Comparison.Setting], isAlone: Bool) -> HTML {
    guard !settings.isEmpty else { return "" }
    let summary = isAlone ? "All \(settings.count) settings" : "\(settings.count) settings that are the same"
    return """
      <details><summary>\(summary)</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Table: settings"><table><tbody>
      \(settings.map { "<tr><th scope=\"row\">\(Self.breakable($0.name))</th><td>\(Self.value($0.common ?? ""))</td></tr>\n" as HTML })</tbody></table></div>
      </details>

      """
  }

  private static func value(_ text: String) -> HTML { text.isEmpty ? "<span class=\"none\">empty</span>" : "<code>\(text)</code>" }
}
