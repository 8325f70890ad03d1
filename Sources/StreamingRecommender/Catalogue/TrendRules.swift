/// Parameters of the trend: the decayed count of recent events per item, added to every score.
public struct TrendRules: Sendable, Equatable {
  /// Weight of the trend in the score.
  public var weight: Double
  /// Half-life in events; `nil` derives it from the number of active items.
  public var halfLife: Double?

  public init(weight: Double = 20, halfLife: Double? = nil) {
    self.weight = weight
    self.halfLife = halfLife
  }

  /// A user counts once per item and day (UTC).
  static let span: Int64 = 86_400_000
  /// The age, compared with the newest event, above which an event says nothing about the present.
  static let ageMax: Int64 = 7 * 86_400_000

  /// Whether an event counts in trend, popularity and transitions, which count people and not events: a player that sends a heartbeat, a
  /// faulty export or a replay of old events must not change other users' lists.
  ///
  /// - Parameters:
  ///   - previous: the order of the user's pair with the item before the event.
  ///   - newestMilliseconds: the time of the newest event of all.
  static func isNews(_ order: InteractionOrder, previous: InteractionOrder?, newestMilliseconds: Int64) -> Bool {
    if newestMilliseconds - order.timeMilliseconds > ageMax { return false }
    return previous.map { order.timeMilliseconds / span != $0.timeMilliseconds / span } ?? true
  }
}
