import ItemMetadata
import RedisPublishing

/// Keeps the experiments in step with Redis.
struct ExperimentsFeed {
  private let keys: RedisKeys
  private(set) var set = ExperimentSet.none
  private var version: Int64 = 0

  init(_ keys: RedisKeys) { self.keys = keys }

  /// Reads the experiments if their version changed. Returns whether it did, and what of them cannot be used.
  mutating func read(_ redis: RedisConnection, now: Int64) throws -> (isChanged: Bool, faults: [String]) {
    let newest = try redis.integer(at: keys.experimentsVersion) ?? 0
    guard newest != version else { return (false, []) }
    var (found, faults) = try Experiment.all(redis, keys)
    version = newest
    do throws(DocumentFault) { set = try ExperimentSet(found.sorted { $0.name < $1.name }, now: now) } catch {
      faults.append("the experiments in \(keys.experiments) cannot be used together, those before stay: \(error)")
    }
    return (true, faults)
  }
}
