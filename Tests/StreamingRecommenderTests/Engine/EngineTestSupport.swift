import Factorization
import RecommenderTestKit

@testable import StreamingRecommender

/// A small engine whose arithmetic is plain ALS: no recency, no blocks, no trend, no transitions; `change` sets what a test is about.
func plainConfiguration(_ change: (inout RecommenderConfiguration) -> Void = { _ in }) -> RecommenderConfiguration {
  var configuration = RecommenderConfiguration()
  configuration.model.factors = 8
  configuration.model.recency = nil
  configuration.model.trainingBlock = nil
  configuration.model.trend = nil
  configuration.model.transitions = nil
  configuration.model.coldIterations = 4
  configuration.topN.n = 5
  change(&configuration)
  return configuration
}

/// Even users like even items and odd ones odd; every fifth cell of that board is withheld.
func checkerboard(users: Int = 40, items: Int = 20, from time: Int64 = 1_700_000_000_000) -> [Interaction] {
  var events: [Interaction] = []
  for user in 0..<users {
    for item in 0..<items where (user + item) % 2 == 0 && (user * 7 + item * 3) % 5 != 0 {
      events.append(event("u\(user)", "i\(item)", time: time + Int64(events.count)))
    }
  }
  return events
}

func record(_ offset: Int64, _ event: Interaction) -> Record {
  let value = InteractionEncoder.encode(
    user: event.user, item: event.item, operation: event.operation, value: Double(event.strength), timeMilliseconds: event.timeMilliseconds)
  return Record(offset: offset, timestampMilliseconds: event.timeMilliseconds, key: event.user, value: value)
}

extension RecommenderEngine {
  /// Applies records of one partition of `events`.
  mutating func apply(_ records: [Record], partition: Int32 = 0) -> EngineUpdate {
    apply([batch(records, partition: partition)])
  }

  mutating func trainAndInstall(threads: Int = 1) -> RetrainRecord {
    let result = makeTrainingJob(id: "test", reason: .requested, nowMilliseconds: 0).run(threads: threads, monitor: TrainingMonitor())
    if let trained = result.trained {
      adopt(trained)
      _ = installPending()
    } else {
      abandonTraining()
    }
    return result.record
  }

  func boosts(_ user: UserReference) -> [ScoredItem] { ranking.boosts { state.users.forEachNewestFirst(user, $0) } }
  func excluded(_ user: UserReference) -> [Int32] { ranking.excluded(seen: state.users.seen(user)) }
  func isCurrent(_ user: UserReference) -> Bool { state.users.vectorState(user) == .current }

  func user(_ name: String) -> UserReference? { state.users.find(Array(name.utf8)) }
  func item(_ name: String) -> Int32? { state.catalogue.items.find(Array(name.utf8)) }

  mutating func list(_ name: String, _ scratch: EngineScratch) -> (items: [String], scores: [Float], source: RecommendationSource)? {
    guard let user = user(name), let list = refresh([user], scratch).first else { return nil }
    return (list.items.map { state.catalogue.items.string($0.item) }, list.items.map(\.score), list.source)
  }
}

func batch(_ records: [Record], partition: Int32 = 0) -> RecordBatch {
  RecordBatch(source: TopicPartition(topic: "events", partition: partition), records: records)
}

func scratch(_ configuration: RecommenderConfiguration) -> EngineScratch { EngineScratch(factors: configuration.model.factors) }

/// Trained on the checkerboard.
func trainedEngine(_ configuration: RecommenderConfiguration, _ events: [Interaction] = checkerboard()) -> RecommenderEngine {
  var engine = RecommenderEngine(configuration)
  _ = engine.apply(events)
  _ = engine.trainAndInstall()
  return engine
}

/// |a - b| relative to the longer of the two.
func distance(_ a: [Float], _ b: [Float]) -> Float {
  let size = max(a.reduce(0) { $0 + $1 * $1 }, b.reduce(0) { $0 + $1 * $1 }).squareRoot()
  return zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot() / max(size, .leastNormalMagnitude)
}

/// In tests, a bare number is a user of partition 0.
extension UserReference: ExpressibleByIntegerLiteral {
  public init(integerLiteral index: Int32) { self.init(partition: 0, index: index) }
}
