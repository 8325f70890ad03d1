import ItemMetadata
import StreamingRecommender

/// The rules at one moment, for any number of readers.
public final class RulesView: Sendable {
  let compiled: CompiledRules
  /// The version in Redis.
  public let version: Int64

  init(_ compiled: CompiledRules, version: Int64) {
    self.compiled = compiled
    self.version = version
  }

  public var count: Int { compiled.rules.rules.count }

  /// The rules in force for such a request; `nil` if there are none, which is the common case and costs nothing.
  func applying(
    user: Identifier?, placement: String?, now: Int64, where isAllowed: (MerchandisingRule) -> Bool = { _ in true }
  ) -> AppliedRules? {
    guard compiled.rules.rules.contains(where: { $0.isActive(at: now) && isAllowed($0) }) else { return nil }
    let user = user?.string
    guard compiled.rules.rules.contains(where: { isAllowed($0) && $0.applies(user: user, placement: placement, now: now) }) else {
      return nil
    }
    return compiled.applying(user: user, placement: placement, now: now, where: isAllowed)
  }
}
