/// Hits of two lists for the same users on the same events.
public struct PairedHits: Sendable, Equatable {
  public private(set) var events = 0
  public private(set) var liveHits = 0
  public private(set) var shadowHits = 0
  /// Events that only the live list, and that only the shadow's list held: all that a difference rests on.
  public private(set) var onlyLive = 0
  public private(set) var onlyShadow = 0

  /// Sums over users of their events n and differences d (hits of the shadow minus hits of the live list): d^2, d n and n^2.
  private var squares = (dd: 0.0, dn: 0.0, nn: 0.0)

  /// The events and the difference of one user.
  public struct Share: Sendable, Equatable {
    fileprivate var events = 0.0
    fileprivate var difference = 0.0
    public init() {}
  }

  public init() {}

  /// - Parameter share: that of the user, which is updated.
  public mutating func add(live: Bool, shadow: Bool, _ share: inout Share) {
    events += 1
    if live { liveHits += 1 }
    if shadow { shadowHits += 1 }
    if live, !shadow { onlyLive += 1 }
    if shadow, !live { onlyShadow += 1 }
    squares = (
      squares.dd - share.difference * share.difference, squares.dn - share.difference * share.events,
      squares.nn - share.events * share.events
    )
    share.events += 1
    share.difference += (shadow ? 1 : 0) - (live ? 1 : 0)
    squares = (
      squares.dd + share.difference * share.difference, squares.dn + share.difference * share.events,
      squares.nn + share.events * share.events
    )
  }

  public static func == (a: PairedHits, b: PairedHits) -> Bool {
    a.events == b.events && a.liveHits == b.liveHits && a.shadowHits == b.shadowHits && a.onlyLive == b.onlyLive
      && a.onlyShadow == b.onlyShadow && a.squares == b.squares
  }

  public var liveRate: Double { events == 0 ? 0 : Double(liveHits) / Double(events) }
  public var shadowRate: Double { events == 0 ? 0 : Double(shadowHits) / Double(events) }
  /// The shadow's hit rate minus that of the live model.
  public var difference: Double { shadowRate - liveRate }

  /// The variance of `difference`. Events of one user are not independent, so users are the units (a ratio estimator); with one event per
  /// user it is that of McNemar's test.
  private var variance: Double {
    let count = Double(events)
    return (squares.dd - 2 * difference * squares.dn + difference * difference * squares.nn) / (count * count)
  }

  /// Half the width of the 95 % confidence interval of `difference` (normal approximation); `nil` below 30 discordant events, where it would
  /// say little.
  public var margin: Double? { onlyLive + onlyShadow < 30 ? nil : 1.96 * max(0, variance).squareRoot() }

  /// The number of events after which a true difference of this size shows in four of five comparisons (5 % two-sided, power 80 %).
  public func eventsNeeded(toSee difference: Double) -> Int? {
    guard margin != nil, difference > 0 else { return nil }
    return Int(((1.96 + 0.84) * (1.96 + 0.84) * variance * Double(events) / (difference * difference)).rounded(.up))
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
