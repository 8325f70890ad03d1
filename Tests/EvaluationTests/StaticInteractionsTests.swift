import Factorization
import Foundation
import StreamingRecommender
import Testing

@testable import Evaluation

@Suite struct StaticInteractionsTests {
  /// The plain version: dictionaries of ids and of pairs.
  private struct PlainPairs {
    var users: [[UInt8]]
    var items: [[UInt8]]
    var rows: [[(item: Int, strength: Float)]]

    init(_ data: EvaluationData) {
      users = Set(data.interactions.map(\.user)).sorted { $0.lexicographicallyPrecedes($1) }
      items = Set(data.interactions.map(\.item)).sorted { $0.lexicographicallyPrecedes($1) }
      var pairs: [[UInt8]: [[UInt8]: Float]] = [:]
      for event in data.interactions {
        switch event.operation {
        case .set: pairs[event.user, default: [:]][event.item] = event.strength
        case .add: pairs[event.user, default: [:]][event.item, default: 0] += event.strength
        case .once:
          let strengths = [pairs[event.user]?[event.item] ?? 0, event.strength]
          pairs[event.user, default: [:]][event.item] = strengths.max { (abs($0), $0) < (abs($1), $1) }
        case .delete: pairs[event.user, default: [:]][event.item] = nil
        }
      }
      let places = Dictionary(uniqueKeysWithValues: items.enumerated().map { ($1, $0) })
      rows = users.map { user in
        (pairs[user] ?? [:]).map { (places[$0.key]!, $0.value) }.sorted { $0.0 < $1.0 }
      }
    }
  }

  private func isEqual(_ pairs: StaticPairs, _ plain: PlainPairs) -> Bool {
    guard pairs.users.strings == plain.users.map({ String(decoding: $0, as: UTF8.self) }),
      pairs.items.strings == plain.items.map({ String(decoding: $0, as: UTF8.self) }),
      pairs.matrix.rows == plain.rows.count, pairs.matrix.columns == plain.items.count
    else { return false }
    return plain.rows.indices.allSatisfy { row in
      let entries = pairs.matrix.starts[row]..<pairs.matrix.starts[row + 1]
      return entries.map { Int(pairs.matrix.indices[$0]) } == plain.rows[row].map(\.item)
        && entries.map { pairs.matrix.strengths[$0].bitPattern } == plain.rows[row].map(\.strength.bitPattern)
    }
  }

  /// Repeats, deletions, ids that are prefixes of each other and ids that differ after the eighth byte.
  private func events(_ count: Int, seed: UInt64) -> EvaluationData {
    var generator = SplitMix64(seed: seed)
    let tails = ["", "a", "ab", "é", "-long-enough-1", "-long-enough-12", "-long-enough-2"]
    return EvaluationData(
      (0..<count).map { index in
        Interaction(
          user: Array("u\(Int.random(in: 0..<30, using: &generator))\(tails.randomElement(using: &generator)!)".utf8),
          item: Array("\(Int.random(in: 0..<40, using: &generator))\(tails.randomElement(using: &generator)!)".utf8),
          strength: Float.random(in: -1...3, using: &generator), timeMilliseconds: Int64(index),
          operation: Interaction.Operation.allCases.randomElement(using: &generator)!)
      })
  }

  @Test(arguments: [0, 1, 50, 20_000, 150_000]) func theRowsAreThoseOfThePlainVersion(count: Int) {
    let data = events(count, seed: 7)
    #expect(isEqual(StaticPairs(StaticInteractions(data)), PlainPairs(data)))
  }

  @Test(arguments: ValueRule.allCases) func aFileGivesTheSamePairsAsItsEvents(rule: ValueRule) throws {
    let path = NSTemporaryDirectory() + "freshet-\(UInt64.random(in: 0...(.max))).tsv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var generator = SplitMix64(seed: 11)
    let lines = (0..<3000).map { _ in
      "u\(Int.random(in: 0..<50, using: &generator))\ti\(Int.random(in: 0..<60, using: &generator))\t\(Int.random(in: -2...5, using: &generator))"
    }
    try Data((lines + ["bad line", "u1\ti1"]).joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
    let read = try StaticInteractions(path: path, value: rule)
    #expect(read.report?.badLines == 1)
    #expect(read.count == 3001)
    #expect(isEqual(StaticPairs(read), PlainPairs(try EvaluationData(path: path, value: rule))))
  }

  @Test func aLongLoadTellsItsProgress() throws {
    let path = NSTemporaryDirectory() + "freshet-\(UInt64.random(in: 0...(.max))).tsv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data((0..<50_000).map { "u\($0 % 900)\ti\($0 % 333)\t1\n" }.joined().utf8).write(to: URL(fileURLWithPath: path))
    var seen: [Int] = []
    _ = try StaticInteractions(path: path) { seen.append($0) }
    #expect(seen.count > 3)
    #expect(seen == seen.sorted())
    #expect((seen.last ?? 0) <= 600_000)
  }

  @Test func anIdThatWasNotReadHasNoPlace() {
    let pairs = StaticPairs(StaticInteractions(events(100, seed: 3)))
    #expect(pairs.users.place(of: Array("nobody".utf8)) == nil)
    for place in 0..<pairs.users.count { #expect(pairs.users.place(of: Array(pairs.users[place].utf8)) == Int32(place)) }
  }
}

@Suite struct StaticTrainingTests {
  private func data(_ pairs: [(String, String)]) -> EvaluationData {
    EvaluationData(
      pairs.map { Interaction(user: Array($0.0.utf8), item: Array($0.1.utf8), timeMilliseconds: 0, operation: .set) })
  }

  /// Two groups of users with two groups of items: each user is not told of one item of the own group, and could fill a list with
  /// thirty others.
  @Test func withheldItemsAreFoundAndUnknownOnesCount() throws {
    let training = data(
      (0..<60).flatMap { user in (0..<60).filter { ($0 + user) % 2 == 0 && $0 != user }.map { ("u\(user)", "i\($0)") } })
    let parameters = ALSParameters(factors: 4, iterations: 8)
    let run = StaticTraining(parameters: parameters, options: SolverOptions(workers: 2), seed: 1)
    let outcome = try run.run(train: training, test: data((0..<60).map { ("u\($0)", "i\($0)") } + [("stranger", "i1")]))
    #expect(outcome.testUsers == 60)
    #expect(outcome.recallAt20 == 1)
    #expect((outcome.ndcgAt20 ?? 0) > 0.9)
    let unknown = try run.run(train: training, test: data([("u0", "i0"), ("u0", "never seen")]))
    #expect(unknown.recallAt20 == 0.5)
  }

  @Test func onlyATrainingThatIsShownLooksAtEveryLoss() throws {
    let pairs = StaticPairs(StaticInteractions(data((0..<20).flatMap { user in (0..<5).map { ("u\(user)", "i\((user + $0) % 10)") } })))
    let training = StaticTraining(parameters: ALSParameters(factors: 3, iterations: 4), options: SolverOptions(), seed: 1)
    let (shown, judged) = (try training.run(train: pairs, test: nil).training, try training.train(pairs.matrix))
    #expect(shown.losses.count == 9)
    #expect(judged.losses == [shown.losses[8]])
    #expect(judged.rowFactors.array(3) == shown.rowFactors.array(3))
  }
}
