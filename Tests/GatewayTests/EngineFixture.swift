import Factorization
import RecommenderTestKit
import ServingFormats

@testable import Gateway
@testable import StreamingRecommender

/// A small engine of the real code and what it publishes for readers that compute lists.
struct EngineFixture {
  static let start: Int64 = 1_700_000_000_000
  var configuration: RecommenderConfiguration
  var engine: RecommenderEngine
  let scratch: EngineScratch

  /// - Parameters:
  ///   - events: random events of `users` with `items`, popular items more often; then a training; then `late` events.
  init(
    seed: UInt64, users: Int = 60, items: Int = 80, events: Int = 1_500, late: Int = 200, foldsInNewItems: Bool = true,
    _ change: (inout RecommenderConfiguration) -> Void = { _ in }
  ) {
    configuration = RecommenderConfiguration()
    configuration.model.factors = 12
    configuration.model.coldIterations = 4
    configuration.model.minSupport = 2
    configuration.topN.n = 10
    change(&configuration)
    engine = RecommenderEngine(configuration)
    scratch = EngineScratch(factors: configuration.model.factors)
    var random = SeededGenerator(seed: seed)
    var offset: Int64 = 0
    func some(_ count: Int, _ itemsMax: Int) -> [Record] {
      (0..<count).map { _ in
        offset += 1
        let item = min(random.below(UInt64(itemsMax)), random.below(UInt64(itemsMax)))
        return Self.record(offset, "u\(random.below(UInt64(users)))", "i\(item)")
      }
    }
    _ = engine.apply([RecordBatch(source: TopicPartition(topic: "events", partition: 0), records: some(events, items))])
    let job = engine.makeTrainingJob(id: "test", reason: .requested, nowMilliseconds: 0)
    engine.adopt(job.run(threads: 1, monitor: TrainingMonitor()).trained!)
    _ = engine.installPending()
    _ = engine.apply([RecordBatch(source: TopicPartition(topic: "events", partition: 0), records: some(late, items + 10))])
    if foldsInNewItems { _ = engine.refreshNewItems() }
  }

  private static func record(_ offset: Int64, _ user: String, _ item: String) -> Record {
    let value = InteractionEncoder.encode(user: Array(user.utf8), item: Array(item.utf8), timeMilliseconds: start + offset * 20_000)
    return Record(offset: offset, timestampMilliseconds: start + offset * 20_000, key: Array(user.utf8), value: value)
  }

  var users: [UserReference] { (0..<60).compactMap { user("u\($0)") } }
  func user(_ name: String) -> UserReference? { engine.state.users.find(Array(name.utf8)) }
  func name(_ user: UserReference) -> String { String(decoding: engine.state.users.name(user), as: UTF8.self) }
  func number(_ item: String) -> Int32? { engine.state.catalogue.items.find(Array(item.utf8)) }

  /// The engine's own list, made now.
  mutating func list(_ user: UserReference) -> FreshList { engine.refresh([user], scratch)[0] }

  /// Valid after `list`.
  func row(_ list: FreshList) -> UserRow {
    engine.row(of: list, TopicPartition(topic: "events", partition: 0), nowMilliseconds: Self.start)
  }

  var packs: [ItemPack] {
    (0..<ItemPack.count(items: engine.state.catalogue.items.capacity)).map { engine.itemPack($0, of: engine.model!) }
  }

  var trend: TrendBlob {
    engine.trendBlob(
      nowMilliseconds: Self.start, numbersSinceMilliseconds: Self.start, numbersKept: engine.state.catalogue.items.capacity)
  }

  var served: ServedModel { engine.servedModel }

  func assembly() throws -> MatrixAssembly {
    var assembly = MatrixAssembly(epoch: engine.model!.epoch, factors: engine.model!.factors)
    for (number, pack) in packs.enumerated() {
      _ = try assembly.apply(try ItemPack(decoding: pack.encoded()), number: number, version: Self.start)
    }
    return assembly
  }

  func matrix() throws -> ItemMatrix {
    var assembly = try assembly()
    return assembly.generation(TrendView(try TrendBlob(decoding: trend.encoded())))
  }
}
