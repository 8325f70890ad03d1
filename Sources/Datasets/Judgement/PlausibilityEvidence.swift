/// What the rules of plausibility judge: a sample, and what its columns were taken for.
struct PlausibilityEvidence {
  let profile: SampleProfile
  let header: [String]?
  let columns: InteractionColumns
  /// Whether the values change the result.
  let usesValues: Bool
  /// Whether the times change the result.
  let usesTimes: Bool
  /// Whether no format of times was named.
  let readsTimesAutomatically: Bool
  /// Whether events of a type count; `nil` if all do.
  let isKnownType: ((String) -> Bool)?

  var rows: Int { profile.rows }
  var isWhole: Bool { profile.extent == .whole }
  /// Ratios of few rows say little.
  var isLarge: Bool { rows >= 10_000 }

  subscript(field: InteractionField) -> ColumnProfile? {
    guard let column = columns[field], column < profile.columns.count else { return nil }
    return profile.columns[column]
  }

  func name(_ field: InteractionField) -> String {
    "the \(field.rawValue)s are taken from \(columns[field].map { InteractionColumns.label($0, header) } ?? "no column")"
  }

  /// - Parameter what: the rest of the sentence after "the users are taken from column 1, ".
  func finding(
    _ severity: Finding.Severity, _ rule: String, _ field: InteractionField, share: Double, samples: [String]? = nil, _ what: String
  ) -> Finding {
    let samples = samples ?? self[field]?.samples ?? []
    let shown = samples.isEmpty ? "" : ", such as " + samples.map { "\"\($0)\"" }.joined(separator: ", ")
    return Finding(
      severity: severity, rule: rule, sentence: "\(name(field)), \(what)\(shown)", columns: columns[field].map { [$0 + 1] } ?? [],
      share: share, samples: samples)
  }

  static func percent(_ share: Double) -> String {
    let percent = share * 100
    return percent >= 10 || percent == 0 ? "\(Int(percent.rounded())) %" : "\((percent * 10).rounded() / 10) %"
  }
}
