import RecommenderTestKit
import Telemetry
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// What an operator sees: counts of records with an example, and conditions in the same words in the status and in the log.
@Suite struct ConditionTests {
  private func append(_ rig: LoopRig, user: String, key: String? = nil, type: String, time: Int64? = nil) {
    let time = time.map { #","timestamp":\#($0)"# } ?? ""
    let value = #"{"user_id":"\#(user)","item_id":"a","event_type":"\#(type)"\#(time)}"#
    rig.log.append(
      LoopRig.topic, key: Array((key ?? user).utf8), value: Array(value.utf8), timestampMilliseconds: rig.clock.wallMilliseconds)
  }

  private func count(_ rig: LoopRig, _ kind: RecordTally.Kind, _ reason: String) -> RecordTally.Count? {
    rig.loop.status.current.records.counts.first { $0.kind == kind && $0.reason == reason }
  }

  private func conditions(_ rig: LoopRig, _ name: Condition.Name) -> [Condition] {
    rig.loop.status.current.conditions.filter { $0.name == name }
  }

  @Test func recordsAreCountedByReasonWithAnExampleAndTheLastMinutesApart() throws {
    let rig = LoopRig { $0.input.weights = ["view": 1] }
    for _ in 0..<3 { rig.produceGarbage("u") }
    for _ in 0..<40 { append(rig, user: "u", type: "ad_click") }
    for _ in 0..<7 { append(rig, user: "u", key: "other", type: "view") }
    rig.settle()
    let rejected = try #require(count(rig, .rejected, "bad_json"))
    #expect(rejected.total == 3 && rejected.recent == 3)
    #expect(rejected.example?.offset == 0 && rejected.example?.source.topic == "events")
    #expect(rejected.example?.message.contains("not JSON at byte") == true)
    let ignored = try #require(count(rig, .ignored, "unknown_type"))
    #expect(ignored.total == 40 && ignored.example?.offset == 3)
    #expect(ignored.example?.message.contains("\"ad_click\"") == true)
    let keys = try #require(count(rig, .keyMismatch, "key_mismatch"))
    #expect(keys.total == 7 && keys.example?.message.contains("5 bytes long") == true)
    #expect(rig.loop.status.current.records.total == 50)

    #expect(rig.lines.all(containing: "a record cannot be used: bad_json").count == 1)
    #expect(rig.lines.all(containing: "a record is ignored: unknown_type").count == 1)
    #expect(rig.lines.all(containing: "a record has a key that is not the user").count == 1)
    #expect(conditions(rig, .records).first?.message.hasPrefix("3 of 50 records of the last 5 minutes were rejected") == true)
    #expect(conditions(rig, .types).first?.message.contains("\"ad_click\"") == true)
    #expect(conditions(rig, .keys).first?.severity == .warning)

    rig.clock.advance(by: .seconds(330))
    rig.turn()
    #expect(count(rig, .rejected, "bad_json")?.total == 3 && count(rig, .rejected, "bad_json")?.recent == 0)
    #expect(conditions(rig, .records).isEmpty)
    rig.produceGarbage("u")
    rig.turn()
    #expect(rig.lines.all(containing: "a record cannot be used: bad_json").count == 2)
  }

  @Test func secretsInAnExampleAreMaskedAndItsLengthIsBounded() {
    var tally = RecordTally()
    var update = EngineUpdate()
    let source = TopicPartition(topic: "events", partition: 0)
    update.topics["events"] = .init(consumed: 1, applied: 0, rejected: [.badJSON: 1], ignored: [:])
    let record = Record(offset: 9, timestampMilliseconds: nil, key: nil, value: [])
    let message = "password=CANARY " + String(repeating: "x", count: 5000)
    update.deadLetters = [DeadLetter(source: source, record: record, reason: "bad_json", message: message)]
    let lines = tally.note(update, now: 1) { _ in nil }
    #expect(lines.count == 1)
    let example = tally.summary(now: 1).counts.first?.example
    #expect(example?.message.contains("CANARY") == false && example?.message.count == RecordTally.messageCharactersMax)
  }

  /// A sum over slices, beside the plain list of times.
  @Test(arguments: 1...8 as ClosedRange<UInt64>) func theRecentCountIsThatOfTheLastFiveMinutes(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var counter = RecentCounter()
    var times: [UInt64] = []
    var now: UInt64 = seed.isMultiple(of: 2) ? 0 : 1_000_000_000_000
    for _ in 0..<400 {
      now += UInt64.random(in: 0..<90, using: &generator) * 1_000_000_000
      counter.add(1, now: now)
      times.append(now / 30_000_000_000)
      let slice = now / 30_000_000_000
      #expect(counter.recent(now: now) == times.count { slice - $0 < 10 }, "seed \(seed)")
    }
    #expect(counter.recent(now: now + 600_000_000_000) == 0 && counter.total == 400)
  }

  @Test func aSnapshotThatCannotBeWrittenIsNamedInTheSameWordsInStatusAndLogAndItsEndToo() {
    let rig = LoopRig()
    rig.start()
    #expect(rig.loop.status.current.conditions.isEmpty, "\(rig.loop.status.current.conditions)")
    rig.produce("u0", "new")
    rig.storage.failNext(1000)
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.run(20)
    let condition = conditions(rig, .snapshots).first
    #expect(condition?.severity == .warning)
    #expect(condition?.message.contains("no space left on device") == true)
    #expect(condition.map { rig.clock.wallMilliseconds - $0.sinceMilliseconds > 2000 } == true)
    #expect(condition.map { rig.lines.all(containing: "warning snapshots: \($0.message)").count } == 1)
    rig.storage.failNext(0)
    rig.clock.advance(by: .seconds(6))
    rig.settle()
    #expect(conditions(rig, .snapshots).isEmpty)
    #expect(rig.lines.all(containing: "info snapshots is right again").count == 1)
  }

  @Test func aPartitionThatWaitsForItsDeadLettersIsNamed() {
    let rig = LoopRig(partitions: 2, lettersAreAcknowledged: false)
    for _ in 0..<3000 { rig.produceGarbage("u", partition: 1) }
    rig.turn(20)
    let condition = conditions(rig, .deadLetters).first
    #expect(condition?.message.hasPrefix("events[1] waits: ") == true && condition?.severity == .notReady)
    #expect(condition.map { rig.lines.all(containing: $0.message).count } == 1)
  }

  @Test func anEngineWithoutTheViewIsNotReadyFromTheStart() {
    let rig = LoopRig(viewIsUp: false)
    #expect(conditions(rig, .redis).count == 1 && conditions(rig, .kafka).count == 1)
    rig.produce("u", "a")
    rig.turn(20)
    #expect(rig.loop.status.current.conditions.map(\.name) == [.redis, .model])
  }

  @Test func withoutAModelTheStatusSaysWhatTheFirstOneWaitsForAndARefusedRetrainWhenTheNextComes() {
    let rig = LoopRig()
    rig.produce("u", "a")
    rig.run(60)
    #expect(conditions(rig, .model).first?.message.hasPrefix("there is no model yet; first model: ") == true)
    #expect(rig.lines.all(containing: "warning model: there is no model yet; first model: ").count == 1)
    rig.start()
    #expect(conditions(rig, .model).isEmpty)
    _ = rig.board.begin(.retrain, nowNanoseconds: rig.clock.monotonicNanoseconds)
    rig.turn()
    rig.loop.training.running?.monitor.cancel()
    rig.run(4)
    // Cancelled by somebody: that is no fault.
    #expect(conditions(rig, .retrain).isEmpty)
  }

  /// Numbers vary while a condition is the same; another sentence is another line.
  @Test func aConditionIsLoggedOnceWhenItLastsAndAgainWhenItsWordsChange() {
    var watch = ConditionWatch()
    let clock = ManualClock()
    func step(_ message: String?) -> Int {
      clock.advance(by: .seconds(1))
      return watch.update(message.map { [Condition(.redis, $0)] } ?? [], now: EngineInstant(clock)).changes.count
    }
    #expect(step("1 s behind") == 0 && step(nil) == 0)
    #expect(step("1 s behind") == 0 && step("2 s behind") == 0)
    #expect(step("3 s behind") == 1)
    #expect(step("4 s behind") == 0)
    #expect(step("other words") == 1)
    #expect(step(nil) == 1)
  }
}
