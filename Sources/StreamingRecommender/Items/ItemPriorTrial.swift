import Factorization

/// Judges a map from features to vectors before it is used: a tenth of the items it could learn from is hidden from it, and users' hidden
/// items are looked for among all hidden ones.
///
/// The users' vectors are folded in without the hidden items. For comparison stands a profile of content: the cosine of a user's and an item's
/// features, weighted by their rarity (tf-idf).
struct ItemPriorTrial {
  /// recall@20, capped at the number of a user's hidden items, mean over the users.
  struct Outcome: Sendable, Equatable {
    var map: Double
    var profile: Double
    /// What a random order reaches.
    var random: Double
    var users: Int

    /// The margin over a random order keeps chance from passing for knowledge. The profile is for comparison only: the engine has no such
    /// lists, and without the map a new item would be in none at all.
    var isPassed: Bool { users >= ItemPriorTrial.usersMin && map > 1.2 * random }
  }

  static let usersMin = 20
  private static let usersMax = 2_000
  private static let n = 20

  private let examples: [ItemPrior.Example]
  private let hidden: [ItemPrior.Example]
  private let isHidden: Set<Int32>
  private let rules: ItemPrior.Rules

  /// - Parameter examples: items with a trained vector and features.
  init(_ examples: [ItemPrior.Example], _ rules: ItemPrior.Rules, seed: UInt64) {
    self.examples = examples
    self.rules = rules
    // In the order of their hashes: the examples come by popularity, which must not decide between equal scores.
    hidden = examples.map { ($0, Self.hash($0.item, seed)) }.filter { $0.1 % 10 == 0 }.sorted { $0.1 < $1.1 }.map(\.0)
    isHidden = Set(hidden.map(\.item))
  }

  private static func hash(_ item: Int32, _ seed: UInt64) -> UInt64 {
    var mixer = HashMixer()
    mixer.mix(seed)
    mixer.mix(UInt64(UInt32(bitPattern: item)))
    return mixer.result.low
  }

  func run(_ users: UserPartitions, _ foldIn: FoldIn, _ model: InstalledModel, isCancelled: () -> Bool) -> Outcome? {
    let visible = examples.filter { !isHidden.contains($0.item) }
    guard hidden.count > Self.n, let map = ItemPrior.learn(visible, factors: model.factors, rules, vector: { model.itemFactors[Int($0)] })
    else { return nil }
    let content = Content(examples, hidden, map.columns)
    let vectors = hidden.map { example in map.vector(example.features.compactMap { map.columns[$0] }) }
    let workspace = FoldIn.Workspace(factors: model.factors)
    var row = [Float](repeating: 0, count: model.itemFactors.stride)
    var outcome = Outcome(map: 0, profile: 0, random: 0, users: 0)
    for user in users.references where outcome.users < Self.usersMax {
      if isCancelled() { return nil }
      let (targets, others) = split(users, user)
      guard !targets.isEmpty, !others.isEmpty else { continue }
      solve(users, user, foldIn, model, &row, workspace)
      outcome.users += 1
      let most = Double(min(Self.n, targets.count))
      outcome.map += Double(hits(targets) { place in zip(row, vectors[place]).reduce(0) { $0 + $1.0 * $1.1 } }) / most
      let profile = content.profile(others)
      outcome.profile += Double(hits(targets) { content.score(profile, $0) }) / most
      outcome.random += Double(targets.count) * Double(Self.n) / Double(hidden.count) / most
    }
    let count = Double(max(1, outcome.users))
    (outcome.map, outcome.profile, outcome.random) = (outcome.map / count, outcome.profile / count, outcome.random / count)
    return outcome
  }

  private func split(_ users: UserPartitions, _ user: UserReference) -> (targets: Set<Int32>, others: [Int32]) {
    var targets: Set<Int32> = []
    var others: [Int32] = []
    users.forEachNewestFirst(user) { item, strength, _ in
      if strength > 0 { if isHidden.contains(item) { targets.insert(item) } else { others.append(item) } }
      return true
    }
    return (targets, others)
  }

  /// The fold-in of a user without the hidden items.
  private func solve(
    _ users: UserPartitions, _ user: UserReference, _ foldIn: FoldIn, _ model: InstalledModel, _ row: inout [Float],
    _ workspace: FoldIn.Workspace
  ) {
    workspace.begin()
    users.forEachNewestFirst(user) { item, strength, order in
      if !isHidden.contains(item) {
        foldIn.add(
          item: model.hasVector(item) ? item : nil, strength: strength, timeMilliseconds: order.timeMilliseconds, to: workspace)
      }
      return foldIn.pairs(in: workspace) < foldIn.window
    }
    row.withUnsafeMutableBufferPointer { _ = foldIn.solve(side: model.itemSide, into: $0.baseAddress!, workspace: workspace) }
  }

  private func hits(_ targets: Set<Int32>, _ score: (Int) -> Float) -> Int {
    let best = hidden.indices.map { (place: $0, score: score($0)) }.sorted {
      $0.score == $1.score ? $0.place < $1.place : $0.score > $1.score
    }
    return best.prefix(Self.n).count { targets.contains(hidden[$0.place].item) }
  }

  /// Features of items, weighted by rarity.
  private struct Content {
    private var columnsOfItem: [Int32: [Int32]] = [:]
    private let hidden: [[Int32]]
    private let rarity: [Float]

    init(_ examples: [ItemPrior.Example], _ hidden: [ItemPrior.Example], _ columns: [String: Int32]) {
      var counts = [Float](repeating: 0, count: columns.count)
      for example in examples {
        let known = example.features.compactMap { columns[$0] }
        columnsOfItem[example.item] = known
        for column in known { counts[Int(column)] += 1 }
      }
      let all = Float(examples.count)
      rarity = counts.map { naturalLogarithm(all / max(1, $0)) }
      self.hidden = hidden.map { example in example.features.compactMap { columns[$0] } }
    }

    func profile(_ items: [Int32]) -> [Float] {
      var profile = [Float](repeating: 0, count: rarity.count)
      for item in items { for column in columnsOfItem[item] ?? [] { profile[Int(column)] += rarity[Int(column)] } }
      return profile
    }

    func score(_ profile: [Float], _ place: Int) -> Float {
      var product: Float = 0
      var square: Float = 0
      for column in hidden[place] {
        product += profile[Int(column)] * rarity[Int(column)]
        square += rarity[Int(column)] * rarity[Int(column)]
      }
      return square > 0 ? product / square.squareRoot() : 0
    }
  }
}
