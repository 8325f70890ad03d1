import Foundation
import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

/// Random faults against a loop with small batches, many users and a slow view: what readers are told must be there at every moment,
/// and at the end everything must be. `FRESHET_FUZZ_SEEDS=1-100`.
@Suite struct PublishingFuzzTests {
  private static let seeds: ClosedRange<UInt64>? = {
    let parts = (ProcessInfo.processInfo.environment["FRESHET_FUZZ_SEEDS"] ?? "").split(separator: "-").compactMap { UInt64($0) }
    return parts.count == 2 && parts[0] <= parts[1] ? parts[0]...parts[1] : nil
  }()

  @Test(.enabled(if: seeds != nil)) func whatReadersAreToldIsThere() throws {
    for seed in Self.seeds! { try run(seed) }
  }

  private func run(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let partitions = 1 + Int(random.below(3))
    let rig = LoopRig(partitions: partitions, viewIsSlow: true, roomMax: 8 + Int(random.below(100))) {
      $0.foldIn.batchMax = 1 + Int(random.below(6))
      $0.foldIn.items = random.chance(0.5) ? .new : .none
      $0.retrain.everyEvents = 1_000_000
    }
    rig.start()
    if let missing = rig.missing() {
      Issue.record("seed \(seed): at the start: \(missing)")
      return
    }
    var last: [Identifier: (partition: TopicPartition, offset: Int64)] = [:]
    var trace: [String] = []
    // What was on its way when the view lost something still arrives; only later is everything written again.
    var isDisturbed = false
    var calm = 0
    for step in 0..<250 {
      switch random.below(100) {
      case 0..<35:
        for _ in 0...random.below(6) {
          let name = "u\(random.below(60))"
          let key = Array(name.utf8)
          let value = InteractionEncoder.encode(
            user: key, item: Array("i\(random.below(24))".utf8), operation: .add, value: 1,
            timeMilliseconds: rig.clock.wallMilliseconds + Int64(step))
          let place = rig.log.append(LoopRig.topic, key: key, value: value, timestampMilliseconds: rig.clock.wallMilliseconds)
          last[Identifier(name)] = place
        }
        trace.append("produce")
      case 35..<70:
        rig.clock.advance(by: .milliseconds(Int(random.below(300))))
        rig.loop.turn(maxWait: .zero)
        trace.append("turn")
      case 70..<82:
        rig.publisher.acknowledge(Int(random.below(20)) + 1)
        rig.loop.turn(maxWait: .zero)
        trace.append("ack")
      case 82..<88:
        rig.jobs.runOne()
        trace.append("job")
      case 88..<90:
        _ = rig.board.begin(.retrain, nowNanoseconds: 0)
        trace.append("retrain")
      case 90:
        rig.loop.turn(maxWait: .zero)
        rig.publisher.loseNewest(Int(random.below(40)))
        (isDisturbed, calm) = (true, 0)
        trace.append("lose")
      case 91:
        rig.publisher.goDown()
        rig.loop.turn(maxWait: .zero)
        trace.append("down")
      case 92..<94:
        rig.publisher.comeUp()
        trace.append("up")
      case 94:
        rig.publisher.applyWithoutAcknowledging(Int(random.below(20)))
        trace.append("apply")
      case 95:
        let name = "u\(random.below(60))"
        rig.forget(name)
        last[Identifier(name)] = nil
        trace.append("forget")
      case 96:
        rig.loop.mailbox.post(.snapshot(job: nil))
        trace.append("snapshot")
      case 97:
        rig.publisher.wipe()
        (isDisturbed, calm) = (true, 0)
        trace.append("wipe")
      case 98 where random.chance(0.5):
        try rig.restart()
        (isDisturbed, calm) = (true, 0)
        trace.append("restart")
      default: break
      }
      if rig.loop.isQuiet, rig.publisher.status.queuedCommands == 0 { calm += 1 }
      if calm > 20 { isDisturbed = false }
      for (user, place) in last where !isDisturbed {
        guard let told = rig.view.progress[place.partition]?.offset, told >= place.offset else { continue }
        guard (rig.view.lists[user]?.offset ?? -1) < place.offset else { continue }
        Issue.record("seed \(seed), step \(step): \(user) at \(place), readers are told \(told); \(trace.suffix(12))")
        return
      }
      if let user = rig.publisher.backwardSteps.first {
        Issue.record("seed \(seed), step \(step): \(user) stepped back")
        return
      }
    }
    rig.publisher.comeUp()
    rig.settle()
    rig.settle()
    if let missing = rig.missing() {
      Issue.record(
        "seed \(seed), at the end: \(missing); \(why(rig, missing)); \(trace.filter { !["turn", "ack", "produce"].contains($0) })")
    }
  }

  private func why(_ rig: LoopRig, _ missing: String) -> String {
    guard let model = rig.engine.model else { return "no model" }
    var facts = "epoch \(model.epoch)"
    for item in 0..<Int32(rig.engine.state.catalogue.items.capacity) where model.hasVector(item) {
      let name = Identifier(rig.engine.state.catalogue.items.name(item))
      let shown = rig.view.itemFactors[.init(epoch: model.epoch, item: name)]
      if shown != model.itemFactors.array(Int(item)) {
        let writes = rig.publisher.applied.indices.filter {
          if case .itemFactors(let epoch, let other, _) = rig.publisher.applied[$0] { epoch == model.epoch && other == name } else { false }
        }
        facts +=
          ", \(name) trained \(model.isTrained(item)), shown \(shown != nil), written at \(writes.suffix(3)) of \(rig.publisher.applied.count)"
      }
    }
    return facts + " \(rig.view.items)"
  }
}
