import StreamingRecommender

/// What users did with answers, since the start of the process.
public struct AttributionReport: Sendable, Equatable {
  /// Clicks and impressions of one group of items.
  public struct Counts: Sendable, Equatable {
    public var clicks = 0
    public var impressions = 0
    public init(clicks: Int = 0, impressions: Int = 0) {
      self.clicks = clicks
      self.impressions = impressions
    }

    /// `nil` if nobody reports impressions.
    public var rate: Double? { impressions == 0 ? nil : Double(clicks) / Double(impressions) }
  }

  public private(set) var total = Counts()
  public private(set) var bySource: [String: Counts] = [:]
  public private(set) var byRule: [String: Counts] = [:]
  public private(set) var byArm: [UInt8: Counts] = [:]

  init() {}

  init(_ attribution: Attribution) {
    self.init(
      attribution.clicks.map { ($0.key, $0.value, 0) } + attribution.impressions.map { ($0.key, 0, $0.value) })
  }

  init(_ counts: [(origin: Attribution.Origin, clicks: Int, impressions: Int)]) {
    for (origin, clicks, impressions) in counts { add(Counts(clicks: clicks, impressions: impressions), origin) }
  }

  private mutating func add(_ counts: Counts, _ origin: Attribution.Origin) {
    func sum(_ into: inout Counts) {
      into.clicks += counts.clicks
      into.impressions += counts.impressions
    }
    sum(&total)
    sum(&bySource[origin.source.rawValue, default: Counts()])
    sum(&byRule[origin.rule, default: Counts()])
    sum(&byArm[origin.arm, default: Counts()])
  }

  /// Compares each arm with the first one; `nil` unless two arms have impressions.
  ///
  /// Unpaired: the difference of two proportions with its 95 % interval, and the impressions of each arm that show a difference of 5 % of the
  /// rate (n = 16 p (1 - p) / d^2: 5 % two-sided, power 80 %). Looking again and again finds differences that are none.
  public var armSentence: String? {
    let arms = byArm.filter { $0.value.impressions > 0 }.sorted { $0.key < $1.key }
    guard let first = arms.first, arms.count > 1, let p = first.value.rate else { return nil }
    return arms.dropFirst().map { arm, counts in
      let q = counts.rate ?? 0
      let (n, m) = (Double(first.value.impressions), Double(counts.impressions))
      let margin = 1.96 * (p * (1 - p) / n + q * (1 - q) / m).squareRoot()
      let text =
        "arm \(arm) \(Self.percent(q)) against \(Self.percent(p)) of arm \(first.key)"
        + ", difference \(Self.percent(q - p)) (95 %: \(Self.percent(q - p - margin)) to \(Self.percent(q - p + margin)))"
      if abs(q - p) > margin { return text }
      let needed = p > 0 ? (16 * p * (1 - p) / (p * p / 400)).rounded(.up) : 0
      let more = max(0, needed - min(n, m))
      return text + (more > 0 ? ": none shown, about \(Int(more)) more impressions an arm to see one of 5 %" : ": none shown")
    }.joined(separator: "; ")
  }

  private static func percent(_ share: Double) -> String {
    let hundredths = Int((share * 10_000).rounded())
    let digits = String(abs(hundredths) % 100)
    return "\(hundredths < 0 ? "-" : "")\(abs(hundredths) / 100).\(digits.count < 2 ? "0" : "")\(digits) %"
  }
}
