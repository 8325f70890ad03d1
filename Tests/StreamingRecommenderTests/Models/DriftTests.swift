import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

@Suite struct DriftTests {
  @Test func aMeasuredDriftStartsARetrain() throws {
    let rig = LoopRig {
      $0.retrain.maxDrift = 0.01
      $0.retrain.driftInterval = .seconds(30)
    }
    rig.start()
    #expect(rig.loop.status.current.drift == nil)
    // Half of the users change sides.
    for user in 0..<10 {
      for item in 0..<10 { rig.produce("u\(user)", "i\(item * 2 + (user + 1) % 2)") }
    }
    rig.settle()
    #expect(rig.engine.model?.epoch == 1)
    rig.clock.advance(by: .seconds(40))
    rig.run(4)
    rig.settle()
    #expect(rig.engine.model?.epoch == 2)
    #expect(rig.lines.all(containing: "the drift is measured").count == 1)
    #expect(rig.lines.all(containing: "a retrain would change").count == 1)
  }

  @Test func aRejectedRetrainIsNotRepeatedAtOnce() throws {
    var policy = RetrainPolicy()
    policy.maxDrift = 0.1
    var situation = RetrainPolicy.Situation()
    (situation.trainedPairs, situation.pairs, situation.users, situation.items) = (10_000, 10_000, 100, 100)
    situation.drift = 0.2
    #expect(policy.decide(situation) == .retrain(.drift(0.2)))
    situation.lastTraining = (took: .seconds(10), ago: .seconds(5))
    #expect(policy.decide(situation) == .wait(.rest(.seconds(25))))
    // The training answers what the measurement asked.
    var desk = ModelDesk()
    let report = ChurnReport(
      users: 1, overlap: 0.5, firstChanged: 0, coverageBefore: 0, coverageAfter: 0, popularShareBefore: 0, popularShareAfter: 0)
    desk.drift = (report, 3)
    #expect(desk.drift(of: 3) == 0.5)
    #expect(desk.drift(of: 4) == nil)
    desk.makeWay()
    #expect(desk.drift(of: 3) == nil)
  }

  @Test func withoutALimitNothingIsMeasured() {
    let rig = LoopRig()
    rig.start()
    rig.produce("u1", "i2")
    rig.settle()
    rig.clock.advance(by: .seconds(4000))
    rig.run(4)
    #expect(rig.lines.all(containing: "the drift is measured").isEmpty)
  }

  @Test func theSameModelHasNoChurn() throws {
    let engine = trainedEngine(plainConfiguration())
    let model = try #require(engine.model)
    let state = engine.state.frozen(withVectors: false)
    let report = try #require(ListChurn(state).report(from: (model, engine.settings), to: (model, engine.settings), .init(workers: 1)))
    #expect(report.overlap == 1)
    #expect(report.firstChanged == 0)
    #expect(report.coverageBefore == report.coverageAfter)
    #expect(report.users == engine.state.users.count)
  }

  @Test func anotherModelChangesLists() throws {
    let engine = trainedEngine(plainConfiguration())
    let model = try #require(engine.model)
    var other = model
    var stored = StoredModel(epoch: 2, trainedPairs: 1, trainedAtMilliseconds: 0, factors: model.factors)
    let items = engine.state.catalogue.items
    // Items exchange their vectors.
    for item in 0..<Int32(items.capacity) {
      stored.append(Identifier(items.name(item)), model.itemFactors.array(Int((item + 1) % Int32(items.capacity))))
    }
    let (factors, trained) = stored.itemIndexed(items)
    other = InstalledModel(
      epoch: 2, itemFactors: factors, trained: trained, gramian: model.gramian, trainedPairs: 1, trainedAtMilliseconds: 0)
    let state = engine.state.frozen(withVectors: false)
    let report = try #require(ListChurn(state).report(from: (model, engine.settings), to: (other, engine.settings), .init(workers: 1)))
    #expect(report.overlap < 1)
    #expect(report.drift == 1 - report.overlap)
  }
}
