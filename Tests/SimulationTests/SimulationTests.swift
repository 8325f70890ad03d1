import Foundation
import RecommenderTestKit
import Testing

/// One random number is one run; a failure prints it, and `FRESHET_SIMULATION_SEED=number` replays it.
@Suite struct SimulationTests {
  private static let steps = 400

  @Test func threeHundredFixedSeedsKeepEveryPromise() throws {
    for seed in 1...300 as ClosedRange<UInt64> { try run(seed) }
  }

  @Test func aFreshSeedKeepsEveryPromise() throws {
    let seed = ProcessInfo.processInfo.environment["FRESHET_SIMULATION_SEED"].flatMap { UInt64($0) } ?? .random(in: 1_000...(.max))
    print("simulation seed \(seed)")
    try run(seed)
  }

  private func run(_ seed: UInt64) throws {
    let violations = try Simulator(seed: seed).run(steps: Self.steps)
    #expect(violations.isEmpty, "seed \(seed): \(violations.prefix(3)); replay with FRESHET_SIMULATION_SEED=\(seed)")
  }
}
