import Foundation
import RecommenderTestKit
import Testing

/// A range of seeds beyond the fixed ones: `FRESHET_SIMULATION_SEEDS=1001-1400`.
@Suite struct ManySeedsTests {
  private static let seeds: ClosedRange<UInt64>? = {
    let parts = (ProcessInfo.processInfo.environment["FRESHET_SIMULATION_SEEDS"] ?? "").split(separator: "-").compactMap { UInt64($0) }
    return parts.count == 2 && parts[0] <= parts[1] ? parts[0]...parts[1] : nil
  }()

  @Test(.enabled(if: seeds != nil)) func aRangeOfSeedsKeepsEveryPromise() throws {
    for seed in Self.seeds! {
      let violations = try Simulator(seed: seed).run(steps: 400)
      #expect(violations.isEmpty, "seed \(seed): \(violations.prefix(3))")
    }
  }
}
