import ItemMetadata

/// Counts what users did with the answers that they were shown: events that name a `recommendation_id`.
///
/// The id says itself what it showed, so nothing is kept per answer. An item of an answer counts once, within `window` of the answer, as far
/// back as `clicksRemembered` clicks and `impressionsRemembered` impressions.
public struct Attribution: Sendable {
  public typealias MessageCode = @Sendable ([UInt8]) -> [UInt8]

  /// Where a shown item came from.
  public struct Origin: Hashable, Sendable {
    public var source: ItemSource
    /// `none`, `pin`, `boost` or `bury`; of several, the first of these.
    public var rule: String
    /// The arm of an experiment; 0 without one.
    public var arm: UInt8
  }

  /// Why an event with an id does not count.
  public enum Reason: String, Sendable, CaseIterable {
    case badID = "bad_id"
    case forged
    case expired
    case otherUser = "other_user"
    /// The answer did not have the item.
    case notShown = "not_shown"
    case `repeat`
  }

  /// The ranks up to which attributed events are counted.
  public static let ranks = [1, 2, 3, 5, 10, 20, 40]
  /// How long after an answer its items count, in seconds.
  static let window: Int64 = 7 * 86_400
  /// The clocks of the gateway and of a client may differ by so much.
  private static let skew: Int64 = 300
  static let clicksRemembered = 65_536
  static let impressionsRemembered = 262_144

  private let code: MessageCode
  public private(set) var clicks: [Origin: Int] = [:]
  public private(set) var impressions: [Origin: Int] = [:]
  /// Attributed events by the highest rank in `ranks` that includes theirs; the last one for all others.
  public private(set) var clicksByRank = [Int](repeating: 0, count: ranks.count)
  public private(set) var unattributed: [Reason: Int] = [:]
  private var rememberedClicks = RecentEvents(capacity: clicksRemembered)
  private var rememberedImpressions = RecentEvents(capacity: impressionsRemembered)

  /// - Parameter code: how the gateway signs ids; by default as one without a key does.
  public init(code: @escaping MessageCode = { RecommendationIdentifier.checksum($0) }) { self.code = code }

  /// Counts an event. Its item is a click, if the user did something with it; the items of `impression` were seen.
  ///
  /// - Parameter users: the user of the event, under each of the ids that the user has.
  mutating func count(_ answer: ShownAnswer, users: [[UInt8]], item: [UInt8], isClick: Bool, atMilliseconds time: Int64) {
    let id: RecommendationIdentifier
    do throws(RecommendationIdentifier.Fault) {
      id = try RecommendationIdentifier(String(decoding: answer.recommendationID, as: UTF8.self), code)
    } catch {
      unattributed[error == .forged ? .forged : .badID, default: 0] += 1
      return
    }
    let age = time / 1000 - Int64(id.secondsSince1970)
    guard -Self.skew...Self.window ~= age else { return note(.expired) }
    guard id.userHash == 0 || users.contains(where: { id.isFor(String(decoding: $0, as: UTF8.self)) }) else { return note(.otherUser) }
    for shown in answer.impressions {
      if let rank = id.rank(of: String(decoding: shown, as: UTF8.self)), let origin = origin(id, rank),
        rememberedImpressions.insert(Self.fingerprint(answer, shown))
      {
        impressions[origin, default: 0] += 1
      }
    }
    guard isClick else { return }
    guard let rank = id.rank(of: String(decoding: item, as: UTF8.self)), let origin = origin(id, rank) else {
      // What a page showed is often reported with the item that it was shown beside.
      if answer.impressions.isEmpty { note(.notShown) }
      return
    }
    guard rememberedClicks.insert(Self.fingerprint(answer, item)) else { return note(.repeat) }
    clicks[origin, default: 0] += 1
    clicksByRank[Self.ranks.firstIndex { rank <= $0 } ?? Self.ranks.count - 1] += 1
  }

  private mutating func note(_ reason: Reason) { unattributed[reason, default: 0] += 1 }

  private static func fingerprint(_ answer: ShownAnswer, _ item: [UInt8]) -> UInt64 {
    var fingerprint = Fingerprint()
    fingerprint.mix(answer.recommendationID)
    fingerprint.mix(item)
    return fingerprint.value
  }

  private func origin(_ id: RecommendationIdentifier, _ rank: Int) -> Origin? {
    let shown = id.items[rank - 1]
    guard let source = shown.source else { return nil }
    let rule = shown.ruleClass.contains(.pin) ? "pin" : shown.ruleClass.contains(.boost) ? "boost" : "none"
    return Origin(source: source, rule: shown.ruleClass.contains(.bury) && rule == "none" ? "bury" : rule, arm: id.arm)
  }
}
