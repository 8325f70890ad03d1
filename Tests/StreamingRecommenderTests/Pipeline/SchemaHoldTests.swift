import RecommenderTestKit
import Synchronization
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// Payloads are JSON whose braces are missing; the schemas of some ids are not there.
final class FakePayloads: PayloadDecoder {
  private let state = Mutex((missing: Set<UInt32>(), problem: String?.none))

  func set(missing: Set<UInt32>, problem: String? = nil) { state.withLock { $0 = (missing, problem) } }

  func decode(_ payload: SchemaPayload) -> DecodedPayload {
    guard case .id(let id) = payload.schema else { return .failure(DecodingFailure(.unknownSchema, "no id")) }
    if state.withLock({ $0.missing.contains(id) }) { return .waiting }
    return .json([0x7B] + Array(payload.bytes) + [0x7D])
  }

  func problem(with schema: SchemaName) -> String? { state.withLock { $0.problem } }
  var requests: [String: Int] { ["failed": 3] }
}

@Suite struct SchemaHoldTests {
  private let payloads = FakePayloads()

  private func makeRig(partitions: Int = 2, _ change: (inout RecommenderConfiguration) -> Void = { _ in }) -> LoopRig {
    let rig = LoopRig(partitions: partitions, change)
    rig.loop.engine.open(payloads)
    return rig
  }

  private func produce(_ rig: LoopRig, _ user: String, _ item: String, schema: UInt8, partition: Int32) {
    let value = [0, 0, 0, 0, schema] + Array(#""user_id":"\#(user)","item_id":"\#(item)""#.utf8)
    rig.log.append(
      LoopRig.topic, key: Array(user.utf8), value: value, timestampMilliseconds: rig.clock.wallMilliseconds, partition: partition)
  }

  private func next(_ rig: LoopRig, _ partition: Int32) -> Int64? {
    rig.engine.state.offsets[TopicPartition(topic: LoopRig.topic, partition: partition)]
  }

  @Test func aPartitionWaitsForItsSchemaWhileOthersGoOnAndNothingIsLost() {
    let rig = makeRig()
    payloads.set(missing: [7], problem: "the registry is away")
    produce(rig, "a", "i1", schema: 1, partition: 0)
    produce(rig, "a", "i2", schema: 7, partition: 0)
    produce(rig, "a", "i3", schema: 1, partition: 0)
    produce(rig, "b", "i1", schema: 1, partition: 1)
    rig.turn(20)
    #expect(next(rig, 0) == 1 && next(rig, 1) == 1)
    #expect(rig.loop.pausedPartitions == [TopicPartition(topic: LoopRig.topic, partition: 0)])
    // What is read later waits behind it, in the log.
    for number in 4..<3000 { produce(rig, "a", "i\(number)", schema: 1, partition: 0) }
    produce(rig, "b", "i2", schema: 1, partition: 1)
    rig.turn(20)
    #expect(next(rig, 0) == 1 && next(rig, 1) == 2)
    #expect(rig.loop.schemas.waiting.values.reduce(0) { $0 + $1.batch.records.count } == 2)
    #expect(rig.letters.letters.isEmpty)

    payloads.set(missing: [])
    rig.settle()
    #expect(next(rig, 0) == 2999 && rig.loop.pausedPartitions.isEmpty && rig.loop.schemas.isEmpty)
    #expect(rig.engine.state.eventsApplied == 3001)
  }

  @Test func theConditionNamesPartitionSchemaAndProblemUntilItIsOver() throws {
    let rig = makeRig()
    payloads.set(missing: [7])
    produce(rig, "a", "i1", schema: 7, partition: 0)
    rig.turn(8)
    func condition() -> Condition? { rig.loop.status.current.conditions.first { $0.name == .schemas } }
    // A schema that is being fetched is no condition.
    #expect(condition() == nil)
    payloads.set(missing: [7], problem: "http://r:8081: Connection refused")
    rig.turn(12)
    let found = try #require(condition())
    #expect(found.severity == .notReady)
    #expect(found.message.hasPrefix("events[0] waits at offset 0 for schema 7") && found.message.hasSuffix("Connection refused"))
    #expect(rig.lines.all(containing: "waits at offset 0 for schema 7").count == 1)
    #expect(rig.loop.status.current.lagRecords == 1)
    let page = rig.loop.metrics.registry.render()
    #expect(page.contains(#"freshet_schema_registry_requests_total{result="failed"} 3"#))
    #expect(!page.contains(#"freshet_backpressure_seconds_total{cause="schemas"} 0"# + "\n"))
    payloads.set(missing: [])
    rig.settle()
    #expect(condition() == nil)
    #expect(rig.lines.all(containing: "schemas (events[0]) is right again").count == 1)
  }

  @Test func aRestartReadsAgainWhatWaited() throws {
    let rig = makeRig(partitions: 1)
    payloads.set(missing: [7], problem: "away")
    produce(rig, "a", "i1", schema: 1, partition: 0)
    produce(rig, "a", "i2", schema: 7, partition: 0)
    rig.turn(4)
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.run(10)
    #expect(rig.log.committed[TopicPartition(topic: LoopRig.topic, partition: 0)] == 1)
    try rig.restart()
    rig.loop.engine.open(payloads)
    payloads.set(missing: [])
    rig.settle()
    #expect(next(rig, 0) == 2 && rig.engine.state.users.pairCount == 2)
  }

  @Test func whatWaitsIsBounded() {
    var hold = SchemaHold()
    func records(_ partition: Int32, bytes: Int) -> EngineUpdate.WaitingRecords {
      let record = Record(offset: 0, timestampMilliseconds: nil, key: nil, value: [UInt8](repeating: 0, count: bytes))
      return .init(schema: .id(1), batch: RecordBatch(source: TopicPartition(topic: "t", partition: partition), records: [record]))
    }
    hold.hold([records(0, bytes: 40 << 20)])
    #expect(!hold.isFull)
    hold.hold([records(1, bytes: 40 << 20)])
    #expect(hold.isFull && hold.partitions.count == 2)
    #expect(hold.takeAll(before: [records(0, bytes: 5).batch]).map(\.records.count) == [2, 1] && hold.isEmpty)
  }
}
