import Foundation
import RecommenderTestKit
import Testing

/// One random number is one run; a failure prints it, and `FRESHET_SIMULATION_SEED=number` replays it.
@Suite struct SimulationTests {
  private static let steps = 400

  @Test func threeHundredFixedSeedsKeepEveryPromise() throws {
    var counts: [String: Int] = [:]
    for seed in 1...300 as ClosedRange<UInt64> { counts.merge(try run(seed), uniquingKeysWith: +) }
    // A simulation in which nothing happens keeps every promise, too.
    let expected = [
      "turn": 30_000, "acknowledge": 9_000, "unacknowledged": 2_500, "job": 6_000, "letters": 2_500, "view down": 800, "view up": 3_000,
      "view loses its newest writes": 800, "view wiped": 800, "retrain": 1_600, "snapshot": 800, "disk full": 800, "broker away": 800,
      "rebalance": 800, "crash": 1_600, "ended with a model": 200, "merge": 1_000, "sent again": 1_000,
      "archive away": 300, "ended with an archive": 100,
    ]
    for (what, least) in expected { #expect(counts[what, default: 0] >= least, "\(what) happened \(counts[what, default: 0]) times") }
  }

  @Test func aFreshSeedKeepsEveryPromise() throws {
    let seed = ProcessInfo.processInfo.environment["FRESHET_SIMULATION_SEED"].flatMap { UInt64($0) } ?? .random(in: 1_000...(.max))
    print("simulation seed \(seed)")
    _ = try run(seed)
  }

  /// Returns how often each kind of step was made.
  private func run(_ seed: UInt64) throws -> [String: Int] {
    let simulator = try Simulator(seed: seed)
    let violations = simulator.run(steps: Self.steps)
    #expect(violations.isEmpty, "seed \(seed): \(violations.prefix(3)); replay with FRESHET_SIMULATION_SEED=\(seed)")
    return simulator.counts
  }
}
