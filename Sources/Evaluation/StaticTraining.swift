import Factorization
import StreamingRecommender
import Telemetry

/// `freshet train`: one training from a file, one row per user, no recency and no blocks; with a test file, ranking metrics.
public struct StaticTraining {
  public struct Outcome: Sendable {
    public var training: TrainingOutcome
    public var interactions: Int
    public var users: [String]
    public var items: [String]
    public var recallAt20: Double?
    public var ndcgAt20: Double?
    public var testUsers: Int?
  }

  public let parameters: ALSParameters
  public let options: SolverOptions
  public let seed: UInt64

  public init(parameters: ALSParameters, options: SolverOptions, seed: UInt64) {
    self.parameters = parameters
    self.options = options
    self.seed = seed
  }

  public func run(train: EvaluationData, test: EvaluationData?, progress: (TrainingProgress) -> Bool = { _ in true }) throws -> Outcome {
    let pairs = Pairs(train)
    var generator = SplitMix64(seed: seed)
    let base = generator.next()
    let start = FactorMatrix(
      rows: pairs.items.count, factors: parameters.factors, deviation: parameters.startDeviation,
      seedOfRow: { base ^ (UInt64($0) &* 0xD6E8_FEB8_6659_FD93) })
    let training = try ALSTrainer(parameters, options: options).train(pairs.matrix, start: start, keepGoing: progress)
    var outcome = Outcome(
      training: training, interactions: pairs.matrix.entries, users: pairs.users, items: pairs.items)
    if let test {
      let quality = judge(training, pairs, test)
      (outcome.recallAt20, outcome.ndcgAt20, outcome.testUsers) = (quality.recall, quality.ndcg, quality.users)
    }
    return outcome
  }

  /// The file as a matrix, users and items in the order of their ids.
  struct Pairs {
    var users: [String]
    var items: [String]
    var matrix: InteractionMatrix
    var userIndex: [[UInt8]: Int] = [:]
    var itemIndex: [[UInt8]: Int32] = [:]

    init(_ data: EvaluationData) {
      let userNames = Set(data.interactions.map(\.user)).sorted { $0.lexicographicallyPrecedes($1) }
      let itemNames = Set(data.interactions.map(\.item)).sorted { $0.lexicographicallyPrecedes($1) }
      for (index, name) in userNames.enumerated() { userIndex[name] = index }
      for (index, name) in itemNames.enumerated() { itemIndex[name] = Int32(index) }
      users = userNames.map { String(decoding: $0, as: UTF8.self) }
      items = itemNames.map { String(decoding: $0, as: UTF8.self) }
      var rows = [[Int32: Float]](repeating: [:], count: users.count)
      for event in data.interactions {
        let (user, item) = (userIndex[event.user]!, itemIndex[event.item]!)
        switch event.operation {
        case .set: rows[user][item] = event.strength
        case .add: rows[user][item, default: 0] += event.strength
        case .delete: rows[user][item] = nil
        }
      }
      matrix = InteractionMatrix(columns: items.count)
      matrix.reserve(rows: users.count, entries: data.interactions.count)
      for row in rows {
        for entry in row.sorted(by: { $0.key < $1.key }) { matrix.append(column: entry.key, strength: entry.value) }
        matrix.endRow()
      }
    }
  }

  /// All items ranked, training items left out, means over users with test items that the training knows.
  private func judge(_ training: TrainingOutcome, _ pairs: Pairs, _ test: EvaluationData) -> (recall: Double, ndcg: Double, users: Int) {
    var testItems: [Int: Set<Int32>] = [:]
    for event in test.interactions {
      guard let user = pairs.userIndex[event.user] else { continue }
      // An item that the training has not seen cannot be hit, and counts.
      testItems[user, default: []].insert(pairs.itemIndex[event.item] ?? -1 - Int32(testItems[user]?.count ?? 0))
    }
    let panels = ItemPanels(training.columnFactors)
    let selector = TopNSelector(kernels: options.kernels)
    var recall = 0.0
    var ndcg = 0.0
    for (user, wanted) in testItems.sorted(by: { $0.key < $1.key }) {
      let row = pairs.matrix.starts[user]..<pairs.matrix.starts[user + 1]
      let query = TopNSelector.Query(factors: training.rowFactors[user], excluded: Array(pairs.matrix.indices[row]))
      let list = selector.top(20, of: panels, for: [query])[0]
      let hits = list.enumerated().filter { wanted.contains($0.element.item) }.map(\.offset)
      recall += RankingMetrics.recall(hits: hits.count, testItems: wanted.count)
      ndcg += RankingMetrics.ndcg(hitRanks: hits, testItems: wanted.count, k: 20)
    }
    let users = max(1, testItems.count)
    return (recall / Double(users), ndcg / Double(users), testItems.count)
  }
}
