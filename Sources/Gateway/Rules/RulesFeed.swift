import ItemMetadata
import RedisPublishing
import StreamingRecommender

/// Keeps the rules in step with Redis, and the items that they are about in step with the catalogue.
struct RulesFeed {
  private let keys: RedisKeys
  private var rules = RuleSet.none
  private var compiled: CompiledRules?
  private(set) var version: Int64 = 0
  /// What of the stored rules cannot be used; told once per version.
  private(set) var faults: [String] = []

  init(_ keys: RedisKeys) { self.keys = keys }

  var view: RulesView? { compiled.map { RulesView($0, version: version) } }

  /// Reads the rules if their version changed. Returns whether it did.
  mutating func read(_ redis: RedisConnection, now: Int64) throws -> Bool {
    let newest = try redis.integer(at: keys.ruleDocumentsVersion) ?? 0
    faults = []
    guard newest != version else { return false }
    let (found, unusable) = try MerchandisingRule.all(redis, keys)
    faults = unusable
    version = newest
    compiled = nil
    do throws(DocumentFault) { rules = try RuleSet(found, now: now) } catch {
      faults.append("the rules in \(keys.ruleDocuments) cannot be used together, those before stay in force: \(error)")
    }
    return true
  }

  /// Brings the items of the rules up to date. Returns whether they changed.
  mutating func compile(_ index: CatalogueIndex, _ directory: ItemDirectory, now: Int64, isForced: Bool) -> Bool {
    guard !rules.rules.isEmpty || compiled != nil else { return false }
    let number: (String) -> Int32? = { directory.number(Identifier($0)) }
    guard let known = compiled else {
      compiled = CompiledRules(rules, index, now: now, number: number)
      return true
    }
    guard isForced || !known.isCurrent(index, now: now) else { return false }
    compiled = known.brought(to: index, now: now, number: number)
    return true
  }
}
