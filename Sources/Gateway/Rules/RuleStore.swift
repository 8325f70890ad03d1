import ItemMetadata
import RedisPublishing

/// Reads and writes rules in Redis.
///
/// Rule and version are written in one transaction; a writer that was overtaken reads again and repeats.
extension GatewayStore {
  private static let attempts = 5

  enum RuleChange: Sendable, Equatable {
    case done(before: MerchandisingRule?)
    /// The rules would not be valid together.
    case refused(DocumentFault)
    /// Others changed rules all the time.
    case overtaken
  }

  func rules() throws -> (version: Int64, rules: [MerchandisingRule]) {
    try withRedis { redis in
      (try redis.integer(at: keys.ruleDocumentsVersion) ?? 0, try RulesFeed.all(redis, keys).rules.sorted { $0.id < $1.id })
    }
  }

  /// - Parameter change: what becomes of the rule that stands there; `nil` deletes it.
  func changeRule(
    _ id: String, now: Int64, _ change: (MerchandisingRule?) throws(DocumentFault) -> MerchandisingRule?
  ) throws -> RuleChange {
    try withRedis { redis in
      for _ in 0..<Self.attempts {
        try redis.command(["WATCH", keys.ruleDocumentsVersion])
        let all = try RulesFeed.all(redis, keys).rules
        let before = all.first { $0.id == id }
        let after: MerchandisingRule?
        do throws(DocumentFault) {
          after = try change(before)
          _ = try RuleSet(all.filter { $0.id != id } + (after.map { [$0] } ?? []), now: now)
        } catch {
          try redis.command(["UNWATCH"])
          return .refused(error)
        }
        try redis.command(["MULTI"])
        if let after {
          try redis.command(["HSET", keys.ruleDocuments, id, after.json.text])
        } else {
          try redis.command(["HDEL", keys.ruleDocuments, id])
        }
        try redis.command(["INCR", keys.ruleDocumentsVersion])
        if case .array = try redis.command(["EXEC"]) { return .done(before: before) }
      }
      return .overtaken
    }
  }
}
