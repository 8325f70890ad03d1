extension Comparison {
  /// The metrics that a reader asks for first.
  public var highlights: [Metric] { Highlights(metrics).metrics }
}

extension Comparison.Metric {
  /// The value of each run as text, all with the same decimals; `-` where there is none.
  public var texts: [String] {
    let format = NumberFormat(values.compactMap(\.self))
    return values.map { $0.map(format.text) ?? "-" }
  }
}
