/// Hits of two lists for the same users on the same events.
public struct PairedHits: Sendable, Equatable {
  public private(set) var events = 0
  public private(set) var liveHits = 0
  public private(set) var shadowHits = 0
  /// Events that only the live list, and that only the shadow's list held: all that a difference rests on.
  public private(set) var onlyLive = 0
  public private(set) var onlyShadow = 0

  public init() {}

  public mutating func add(live: Bool, shadow: Bool) {
    events += 1
    if live { liveHits += 1 }
    if shadow { shadowHits += 1 }
    if live, !shadow { onlyLive += 1 }
    if shadow, !live { onlyShadow += 1 }
  }

  public var liveRate: Double { events == 0 ? 0 : Double(liveHits) / Double(events) }
  public var shadowRate: Double { events == 0 ? 0 : Double(shadowHits) / Double(events) }
  /// The shadow's hit rate minus that of the live model.
  public var difference: Double { shadowRate - liveRate }

  /// Half the width of the 95 % confidence interval of `difference` (normal approximation of McNemar's test); `nil` below 30 discordant
  /// events, where it would say little.
  public var margin: Double? {
    let (count, discordant) = (Double(events), Double(onlyLive + onlyShadow))
    guard discordant >= 30 else { return nil }
    let gap = Double(onlyShadow - onlyLive)
    return 1.96 * (discordant - gap * gap / count).squareRoot() / count
  }

  /// The number of events after which a true difference of this size shows in four of five comparisons (5 % two-sided, power 80 %).
  public func eventsNeeded(toSee difference: Double) -> Int? {
    guard events >= 100, difference > 0 else { return nil }
    let discordant = max(1, Double(onlyLive + onlyShadow)) / Double(events)
    return Int(((1.96 + 0.84) * (1.96 + 0.84) * discordant / (difference * difference)).rounded(.up))
  }

  /// What the numbers say and how many more events a sure answer takes.
  public var sentence: String {
    guard events > 0 else { return "nothing is compared yet" }
    let counts = "hits among 10: live \(Self.text(liveRate)), shadow \(Self.text(shadowRate)), on \(events) events of sampled users"
    guard let margin else { return "\(counts); too few differ to compare (\(onlyLive + onlyShadow) of 30)" }
    let interval =
      "difference \(Self.signed(difference)) (95 %: \(Self.signed(difference - margin)) to \(Self.signed(difference + margin)))"
    if abs(difference) > margin { return "\(counts); \(interval): the \(difference > 0 ? "shadow" : "live model") is better" }
    // A twentieth of the live rate is about the least that matters.
    let wanted = max(liveRate / 20, 1e-4)
    let more = eventsNeeded(toSee: wanted).map { max(0, $0 - events) } ?? 0
    let rest = more == 0 ? "enough events to see one of 5 %" : "about \(more) more events to see one of 5 %"
    return "\(counts); \(interval): no difference shown, \(rest)"
  }

  private static func text(_ value: Double) -> String {
    let parts = Int((value * 10_000).rounded())
    let digits = String(parts % 10_000)
    return "\(parts / 10_000).\(String(repeating: "0", count: 4 - digits.count))\(digits)"
  }

  private static func signed(_ value: Double) -> String { (value < 0 ? "-" : "+") + text(abs(value)) }
}
