import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Testing

@testable import freshet

@Suite struct ErasureTests {
  private let source = TopicPartition(topic: "events", partition: 2)

  /// An erasure that is confirmed everywhere; `change` sets what a test is about.
  private func erasure(_ change: (inout Erasure) -> Void = { _ in }) -> Erasure {
    var erasure = Erasure("u1")
    erasure.heldBefore = .init(isKnown: true, pairs: 12, removal: "none")
    erasure.keysBefore = .init(names: ["top", "vec"], list: .init(source: source, offset: 90))
    erasure.tombstones = [.init(source: source, offset: 100)]
    erasure.held = .init(isKnown: false, pairs: 0, removal: "confirmed")
    erasure.keys = .init(names: [], list: nil)
    change(&erasure)
    return erasure
  }

  private let beyond = Erasure.Positions(
    next: [TopicPartition(topic: "events", partition: 2): 101], snapshot: [TopicPartition(topic: "events", partition: 2): 101])

  @Test func whatIsConfirmedEverywhereIsErased() {
    #expect(erasure().result(beyond, waits: true) == .erased)
    #expect(erasure().missing(beyond) == [] && erasure().removedKeys == ["top", "vec"])
  }

  @Test func whoWasNotKnownIsSaidToBeUnknown() {
    let unknown = erasure {
      $0.heldBefore?.isKnown = false
      $0.keysBefore = .init(names: [], list: nil)
    }
    #expect(unknown.result(beyond, waits: true) == .unknown)
    // A list of somebody whom the state does not know is something to erase.
    #expect(erasure { $0.heldBefore?.isKnown = false }.result(beyond, waits: true) == .erased)
  }

  /// Each link of the chain, broken alone.
  @Test func oneMissingConfirmationIsEnough() {
    var positions = beyond
    positions.next[source] = 100
    #expect(erasure().missing(positions)[0].contains("read events[2] up to offset 100, and the tombstone is at 100"))
    #expect(erasure().result(positions, waits: true) == .unconfirmed)
    positions = beyond
    positions.snapshot[source] = 100
    #expect(erasure().missing(positions) == [] && erasure().result(positions, waits: true) == .unconfirmed)
    #expect(erasure().missingInSnapshot(positions)?.contains("freshet snapshot") == true)
    for (change, words): ((inout Erasure) -> Void, String) in [
      ({ $0.problem = "no broker" }, "no broker"), ({ $0.held = nil }, "did not say"), ({ $0.held?.removal = "none" }, "input.key"),
      ({ $0.held?.removal = "pending" }, "has not confirmed"), ({ $0.keys = nil }, "could not be read"),
      ({ $0.keys = .init(names: ["top"], list: .init(source: self.source, offset: 99)) }, "still has top"),
      ({ $0.keys = .init(names: ["vec"], list: nil) }, "still has vec"),
    ] {
      let broken = erasure(change)
      #expect(broken.result(beyond, waits: true) == .unconfirmed, "\(words)")
      #expect(broken.missing(beyond).first?.contains(words) == true, "\(broken.missing(beyond))")
    }
    #expect(erasure { $0.tombstones = [] }.result(beyond, waits: true) == .unconfirmed)
  }

  @Test func eventsAfterTheTombstoneBringTheUserBackAndThatIsNoFailure() {
    let returned = erasure {
      $0.held = .init(isKnown: true, pairs: 1, removal: "confirmed")
      $0.keys = .init(names: ["top", "vec"], list: .init(source: self.source, offset: 105))
    }
    #expect(returned.result(beyond, waits: true) == .returned && returned.remainingKeys == [])
    // The old list beside a new history is not a new list.
    let stale = erasure {
      $0.held = .init(isKnown: true, pairs: 1, removal: "confirmed")
      $0.keys = .init(names: ["top", "vec"], list: .init(source: self.source, offset: 95))
    }
    #expect(stale.result(beyond, waits: true) == .unconfirmed)
  }

  /// No event brings an imported list back, so events after the tombstone do not explain it.
  @Test func anImportedListThatIsStillThereIsNotErased() {
    let before = Erasure.Keys(names: ["top", "imp"], list: .init(source: source, offset: 90), imported: "imp")
    let gone = erasure { $0.keysBefore = before }
    #expect(gone.result(beyond, waits: true) == .erased && gone.removedKeys == ["top", "imp"])
    for isKnown in [false, true] {
      let left = erasure {
        $0.keysBefore = before
        $0.held = .init(isKnown: isKnown, pairs: 0, removal: "confirmed")
        $0.keys = .init(names: ["top", "imp"], list: .init(source: self.source, offset: 105), imported: "imp")
      }
      #expect(left.remainingKeys == ["imp"] && left.result(beyond, waits: true) == .unconfirmed)
      #expect(left.missing(beyond)[0].contains("import lists"))
    }
  }

  /// The history goes on under the other id, so the person is not erased.
  @Test func anIdThatWasMergedIsNoSuccess() {
    let merged = erasure {
      $0.heldBefore = .init(isKnown: false, pairs: 0, removal: "confirmed", mergedInto: "account-7")
      $0.keysBefore = .init(names: [], list: nil)
    }
    #expect(merged.result(beyond, waits: true) == .merged)
    #expect(!receipt([merged]).isConfirmed && receipt([merged]).text.contains("u1: its events belong to the user account-7"))
  }

  @Test func withoutWaitingOnlyTheTombstonesCount() {
    let sent = erasure { ($0.held, $0.keys, $0.heldBefore, $0.keysBefore) = (nil, nil, nil, nil) }
    #expect(sent.result(.init(), waits: false) == .sent)
    #expect(erasure { $0.problem = "refused" }.result(.init(), waits: false) == .unconfirmed)
  }

  @Test func aTombstoneInEveryTopicMustBeRead() {
    let other = TopicPartition(topic: "clicks", partition: 0)
    let both = erasure { $0.tombstones.append(.init(source: other, offset: 7)) }
    #expect(!both.isApplied(beyond) && both.missing(beyond)[0].contains("clicks[0]"))
    var positions = beyond
    positions.next[other] = 8
    #expect(both.isApplied(positions) && !both.isInSnapshot(positions))
  }

  // MARK: The receipt

  private func receipt(_ erasures: [Erasure], waits: Bool = true) -> ErasureReceipt {
    var receipt = ErasureReceipt(erasures: erasures, positions: beyond, waits: waits, nowMilliseconds: 1_700_000_000_000)
    receipt.snapshots = .init(
      newest: "snapshot-000000000042.frs", epoch: 7, files: (40...43).map { "snapshot-0000000000\($0).frs" },
      store: "s3://shop/snapshots", asides: ["set-aside-20261101T000000Z"], intervalSeconds: 30)
    receipt.logs = [
      .init(
        topic: "events", ranges: [2: 5...100], retention: .milliseconds(2_592_000_000), deadLetters: "events.dlq",
        deadLetterRetention: .forever)
    ]
    receipt.modelEpoch = 7
    return receipt
  }

  @Test func theReceiptNamesWhatRemainsAndForHowLong() throws {
    let text = receipt([erasure()]).text
    for part in [
      "u1", "erased", "12", "events[2]@100", "2 of 2 removed, read again", "snapshot-000000000042.frs (epoch 7) is the first without",
      "snapshot-000000000040.frs, snapshot-000000000041.frs may still hold it: the next 2 snapshots replace them, one every 30 s",
      "set-aside-20261101T000000Z holds older snapshots",
      "(offsets [2] 5 to 100) until retention.ms (30 days) has passed, about 2023-12-14T22:13Z",
      "events.dlq may hold rejected records of these users for ever", "item vectors of epoch 7",
    ] { #expect(text.contains(part), "\(part): \(text)") }
    let json = try #require(try JSONSerialization.jsonObject(with: Data(receipt([erasure()]).json.text.utf8)) as? [String: Any])
    #expect(json["confirmed"] as? Bool == true)
    let user = try #require((json["users"] as? [[String: Any]])?.first)
    #expect(user["result"] as? String == "erased" && user["pairs_removed"] as? Int == 12 && user["in_snapshot"] as? Bool == true)
    let snapshot = try #require(json["snapshot"] as? [String: Any])
    #expect((snapshot["may_hold"] as? [String])?.count == 2 && snapshot["first_without"] as? String == "snapshot-000000000042.frs")
    let log = try #require((json["logs"] as? [[String: Any]])?.first)
    #expect(log["retention_ms"] as? Int == 2_592_000_000 && log["dead_letters_retention_ms"] as? Int == -1)
  }

  @Test func anUnconfirmedUserMakesTheWholeReceiptUnconfirmed() {
    let receipt = receipt([erasure(), erasure { $0.held?.removal = "pending" }])
    #expect(!receipt.isConfirmed && receipt.text.contains("u1: Redis has not confirmed"))
    #expect(receipt.json["confirmed"] == .bool(false))
  }

  @Test func anUnknownUserIsSaid() {
    let unknown = erasure {
      $0.heldBefore?.isKnown = false
      $0.keysBefore = .init(names: [], list: nil)
    }
    #expect(receipt([unknown]).isConfirmed && receipt([unknown]).text.contains("neither the engine nor Redis knew this id"))
  }

  @Test(arguments: [
    (["retention.ms": "86400000"], "(1 day)"), (["retention.ms": "-1"], "for ever"), (["cleanup.policy": "compact"], "compacted"),
    (["cleanup.policy": "compact,delete", "retention.ms": "5"], "compacted"),
  ])
  func retentionIsReadFromTheTopic(settings: [String: String], words: String) {
    #expect(ErasureReceipt.Retention(settings)?.sentence(nowMilliseconds: 0).contains(words) == true)
  }

  @Test func retentionThatMayNotBeReadIsUnknown() { #expect(ErasureReceipt.Retention([:]) == nil) }
}

@Suite struct TombstoneKeyTests {
  private func key(_ user: String, _ rule: String, preset: RecommenderConfiguration.Input.Preset = .freshet) throws -> String {
    var input = RecommenderConfiguration.Input()
    (input.key, input.preset) = (rule, preset)
    return String(decoding: try TombstoneKey(user: user, input).bytes, as: UTF8.self)
  }

  @Test(arguments: [
    ("u1", "auto", "u1"), ("u1", "text", "u1"), ("{x}", "text", "{x}"), (#"{"user_id":"u2"}"#, "auto", #""{\"user_id\":\"u2\"}""#),
    (#""quoted""#, "auto", #""\"quoted\"""#), ("u1", "json:user_id", #"{"user_id":"u1"}"#),
    ("a/b", "json:payload.id", #"{"payload":{"id":"a/b"}}"#),
  ])
  func theKeyIsOneThatNamesTheUser(user: String, rule: String, expected: String) throws { #expect(try key(user, rule) == expected) }

  @Test func engineThatIgnoresTombstonesIsNotSentAny() {
    let failure = #expect(throws: CommandFailure.self) { try key("u1", "auto", preset: .debezium) }
    #expect(failure?.status == .configuration && failure?.description.contains("input.preset = debezium") == true)
  }

  /// Where the events of the user are, so that what stands before the tombstone is read before it.
  @Test func theTombstoneGoesWhereTheEventsOfTheUserAre() throws {
    var input = RecommenderConfiguration.Input()
    let quoted = try TombstoneKey(user: #""quoted""#, input)
    #expect(quoted.partition(of: 64) == KafkaPartitioner.partition(ofKey: Array(#""quoted""#.utf8), partitions: 64))
    input.key = "json:user_id"
    let json = try TombstoneKey(user: "u1", input)
    #expect(json.partition(of: 64) == KafkaPartitioner.partition(ofKey: json.bytes, partitions: 64))
  }
}

@Suite struct ForgottenIdsTests {
  private func write(_ text: String) throws -> String { try Bench.write("ids.txt", text) }

  @Test func operandsAndLinesOfAFileAreTakenOnceEach() throws {
    let file = try write("\u{feff}u2\r\n  u3 \n\nu1\ncaf\u{e9}\ncafe\u{301}\n")
    let ids = try ForgottenIds.read(["u1", "with space"], file: file, usage: "")
    #expect(ids.map { Array($0.utf8) } == ["u1", "with space", "u2", "u3", "caf\u{e9}", "cafe\u{301}"].map { Array($0.utf8) })
  }

  @Test func whatIsNoIdIsRefused() throws {
    #expect(throws: UsageError.self) { try ForgottenIds.read([], file: nil, usage: "") }
    #expect(throws: UsageError.self) { try ForgottenIds.read([""], file: nil, usage: "") }
    #expect(throws: UsageError.self) { try ForgottenIds.read([String(repeating: "a", count: 257)], file: nil, usage: "") }
    #expect(throws: CommandFailure.self) { try ForgottenIds.read([], file: "/nonexistent", usage: "") }
    let many = (0...ForgottenIds.countMax).map { "u\($0)" }
    #expect(throws: CommandFailure.self) { try ForgottenIds.read(many, file: nil, usage: "") }
  }
}

extension EndToEnd {
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ForgetTests {
    @Test func forgottenUsersAreGoneEverywhereAndTheReceiptSaysWhere() throws {
      let scene = try Scene("forget", partitions: 4)
      try scene.engine.start()
      try scene.produceShipped(2000)
      let before = try scene.engine.settle(applied: 2000)
      let user = "17850"
      let position = KafkaPartitioner.partition(ofKey: Array(user.utf8), partitions: 4)
      let end = try offset(scene, position)
      let file = try Bench.write("leavers.txt", "13047\nnobody\n")
      let lists = try Bench.write("lists.csv", "user,item,score\n\(user),22423,1\n")
      #expect(try freshet(["import", "lists", lists] + scene.address).status == 0)
      let command = ["forget", user, "--file", file, "--json", "--data-dir", scene.engine.directory] + scene.address
      let outcome = try freshet(command)
      #expect(outcome.status == 0, "\(outcome.messages)")
      let receipt = outcome.json
      #expect(receipt["confirmed"] as? Bool == true)
      let users = try #require(receipt["users"] as? [[String: Any]])
      #expect(users.map { $0["result"] as? String } == ["erased", "erased", "unknown"], "\(users)")
      let tombstone = try #require((users[0]["tombstones"] as? [[String: Any]])?.first)
      #expect(tombstone["partition"] as? Int == Int(position) && tombstone["offset"] as? Int == end)
      let keys = ["top", "vec", "imported"].map { "freshet:\(scene.name):{u:\(user)}:\($0)" }
      #expect((users[0]["redis"] as? [String: Any])?["removed"] as? [String] == keys)
      #expect(try scene.redis.connection().command(["KEYS", "*{u:\(user)}*"]) == .array([]))
      let after = try scene.engine.settle(applied: 2003)
      let removed = users.compactMap { $0["pairs_removed"] as? Int }
      #expect(removed[0] > 0 && removed[2] == 0 && after.interactions == before.interactions - removed.reduce(0, +))
      #expect(after.users == before.users - 2)

      // The snapshot that the receipt names holds neither of them.
      let snapshot = try #require((receipt["snapshot"] as? [String: Any])?["first_without"] as? String)
      let copy = try Bench.directory("copy")
      try FileManager.default.copyItem(atPath: "\(scene.engine.directory)/snapshots/\(snapshot)", toPath: "\(copy)/\(snapshot)")
      let restored = try RecoveredEngine(from: SnapshotDirectory(path: copy), configuration: configuration(scene)).engine
      #expect(restored.state.users.find(Array(user.utf8)) == nil && restored.state.users.count == after.users)
      let log = try #require((receipt["logs"] as? [[String: Any]])?.first)
      #expect(log["retention_ms"] as? Int == 30 * 86_400_000 && log["dead_letters"] as? String == scene.name + ".dlq")

      // A second time there is nothing to erase, and somebody who comes back is not taken for a failure.
      let again = try freshet(command)
      #expect((again.json["users"] as? [[String: Any]])?.compactMap { $0["result"] as? String } == ["unknown", "unknown", "unknown"])
      #expect(try scene.engine.stop() == 0)
    }

    private func offset(_ scene: Scene, _ partition: Int32) throws -> Int {
      let answer = try shell(
        "'\(Place.kafkaHome)/bin/kafka-get-offsets.sh' --bootstrap-server \(try Bench.kafka()) --topic \(scene.name) --partitions \(partition)"
      )
      return Int(answer.split(separator: ":").last ?? "") ?? -1
    }

    private func configuration(_ scene: Scene) -> RecommenderConfiguration {
      var configuration = RecommenderConfiguration()
      configuration.input.topics = [scene.name]
      configuration.model.factors = 16
      return configuration
    }

    @Test func whatCannotBeConfirmedIsSaidAndFails() throws {
      let scene = try Scene("forget-unconfirmed", settings: ["redis.timeout=300ms"])
      let before = ["--timeout", "2", "--data-dir", scene.engine.directory] + scene.address
      let without = try freshet(["forget", "u1"] + before)
      #expect(without.status == 1 && without.messages.contains("Nothing was sent"), "\(without.messages)")
      #expect(try Bench.recordCount(scene.name) == 0)

      let sent = try freshet(["forget", "u1", "u2", "--no-wait", "--json"] + scene.address)
      #expect(sent.status == 0, "\(sent.messages)")
      #expect((sent.json["users"] as? [[String: Any]])?.compactMap { $0["result"] as? String } == ["sent", "sent"])
      #expect(sent.json["confirmed"] as? Bool == false)
      #expect(try Bench.recordCount(scene.name) == 2)

      try scene.engine.start()
      try scene.produce([("u3", EventTests.event("u3", "i1"))])
      try eventually("the event") { try scene.engine.status().applied == 3 }
      let wrong = try freshet(["forget", "u3"] + before + ["--namespace", "other"])
      #expect(wrong.status == 1 && wrong.messages.contains("publishes to the namespace"), "\(wrong.messages)")
      scene.redis.server.suspend()
      defer { scene.redis.server.resume() }
      try eventually("Redis away") { try scene.engine.status().redis["up"] as? Bool == false }
      let stuck = try freshet(["forget", "u3"] + before)
      #expect(stuck.status == 1, "\(stuck.output)")
      scene.redis.server.resume()
      #expect(try scene.engine.stop() == 0)
    }
  }
}
