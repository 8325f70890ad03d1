import Foundation
import StreamingRecommender
import Testing

@testable import RedisPublishing

@Suite struct RedisKeysTests {
  let keys = RedisKeys(prefix: "freshet", namespace: "default")

  @Test func keysHaveTheDocumentedLayout() {
    #expect(keys.userList("u1") == "freshet:default:{u:u1}:top")
    #expect(keys.userFactors("u1") == "freshet:default:{u:u1}:vec")
    #expect(keys.itemFactors(epoch: 8, item: "i") == "freshet:default:e8:{i:i}:vec")
    #expect(keys.similar("i") == "freshet:default:{i:i}:sim")
    #expect(keys.popular == "freshet:default:popular")
    #expect(keys.titles == "freshet:default:titles")
    #expect(keys.model == "freshet:default:model")
    #expect(keys.models == "freshet:default:models")
    #expect(keys.modelChannel == "freshet:default:ev:model")
    #expect(keys.progress(TopicPartition(topic: "events", partition: 3)) == "freshet:default:pub:events:3")
    #expect(keys.heartbeat(instance: "host-1") == "freshet:default:hb:host-1")
  }

  @Test(arguments: [
    ("aZ09-._~@:+", "aZ09-._~@:+"), ("a b", "a%20b"), ("{x}", "%7Bx%7D"), ("a\r\nDEL *", "a%0D%0ADEL%20%2A"), ("\0", "%00"),
    ("é", "%C3%A9"), ("e\u{301}", "e%CC%81"), ("👍", "%F0%9F%91%8D"), ("100%", "100%25"), ("", ""),
  ])
  func idsArePercentEncoded(id: String, encoded: String) { #expect(RedisKeys.identifier(id) == encoded) }

  @Test func idOf128BytesStaysReadable() {
    let id = String(repeating: "a", count: 128)
    #expect(RedisKeys.identifier(id) == id)
  }

  @Test func longerIdIsHashed() {
    // printf 'a%.0s' {1..129} | sha256sum
    #expect(RedisKeys.identifier(String(repeating: "a", count: 129)) == "h.c12cb024a2e5551cca0e08fce8f1c5e3")
  }

  @Test func lengthCountsAfterEncoding() { #expect(RedisKeys.identifier(String(repeating: "é", count: 22)).hasPrefix("h.")) }

  @Test func bracesInTheNamespaceCannotMoveTheHashTag() {
    #expect(RedisKeys(prefix: "p{", namespace: "n}").userList("u") == "p%7B:n%7D:{u:u}:top")
  }
}

@Suite struct RedisCommandEncoderTests {
  let encoder = RedisCommandEncoder(keys: RedisKeys(prefix: "p", namespace: "n"), instance: "i1", ttl: .seconds(60))

  private func text(_ command: PublishCommand) -> String { String(decoding: encoder.bytes(for: command), as: UTF8.self) }
  private func resp(_ commands: [String]...) -> String {
    commands.map { "*\($0.count)\r\n" + $0.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined() }.joined()
  }

  @Test func listIsTheDocumentedJSON() {
    let list = list(
      offset: 123_456, items: [RecommendedItem(item: "sku-1", score: 4.21), RecommendedItem(item: "sku-9", score: 3.98)])
    let expected =
      #"{"v":1,"epoch":7,"part":3,"off":123456,"ts":1700000000000,"src":"foldin","items":[["sku-1",4.21],["sku-9",3.98]]}"#
    #expect(String(decoding: ListFormat.encode(list), as: UTF8.self) == expected)
  }

  @Test func listExampleIsWhatTheEncoderWrites() throws {
    let bytes = try example("redis-list.json")
    #expect(ListFormat.encode(try ListFormat.decode(bytes)) == bytes)
  }

  @Test func modelExampleIsWhatTheEncoderWrites() throws {
    let object = try JSONSerialization.jsonObject(with: Data(try example("redis-model.json"))) as? [String: String]
    let fields = try #require(object)
    let text = text(.model(modelSeven))
    #expect(text.hasPrefix("*\(2 + 2 * fields.count)\r\n$4\r\nHSET\r\n$9\r\np:n:model\r\n"))
    for (name, value) in fields { #expect(text.contains("$\(name.utf8.count)\r\n\(name)\r\n$\(value.utf8.count)\r\n\(value)\r\n")) }
  }

  @Test func idsInListsAreEscaped() throws {
    let id = "a\"b\\c\r\n\u{1}\u{1f}é👍"
    let bytes = ListFormat.encode(list(offset: 1, items: [RecommendedItem(item: id, score: 1)]))
    #expect(String(decoding: bytes, as: UTF8.self).contains(#"["a\"b\\c\r\n\u0001\u001fé👍",1.0]"#))
    #expect(try ListFormat.decode(bytes).items[0].item == id)
  }

  @Test(arguments: [Float(4.21), -0.1, 1e-7, 3.4e38, .leastNonzeroMagnitude, 0, 16_777_216, 0.3333333])
  func scoresComeBackBitForBit(score: Float) throws {
    let bytes = ListFormat.encode(list(offset: 1, items: [RecommendedItem(item: "a", score: score)]))
    #expect(try ListFormat.decode(bytes).items[0].score.bitPattern == score.bitPattern)
  }

  @Test func listExpires() {
    let value = String(decoding: ListFormat.encode(list(offset: 5)), as: UTF8.self)
    #expect(text(user("u", offset: 5)) == resp(["SET", "p:n:{u:u}:top", value, "EX", "60"]))
  }

  @Test func vectorGoesBeforeTheList() {
    let command = encoder.encode(user("u", offset: 5, factors: [1, -2]))
    let blob: [UInt8] = Array("FRV1".utf8) + [7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]
    let vector = Array("*5\r\n$3\r\nSET\r\n$13\r\np:n:{u:u}:vec\r\n$20\r\n".utf8) + blob + Array("\r\n$2\r\nEX\r\n$2\r\n60\r\n".utf8)
    #expect(command.bytes == vector + encoder.bytes(for: user("u", offset: 5)))
    #expect(command.replies == 2)
    #expect(command.vectorBytes == vector.count)
  }

  @Test func itemVectorDoesNotExpire() {
    let bytes = encoder.bytes(for: .itemFactors(epoch: 258, item: "i", factors: [0.5]))
    let blob: [UInt8] = Array("FRV1".utf8) + [2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x3f]
    #expect(bytes == Array("*3\r\n$3\r\nSET\r\n$18\r\np:n:e258:{i:i}:vec\r\n$16\r\n".utf8) + blob + Array("\r\n".utf8))
  }

  @Test func popularDoesNotExpireAndSimilarDoes() {
    let value = String(decoding: ListFormat.encode(list(offset: 5)), as: UTF8.self)
    #expect(text(.popular(list(offset: 5))) == resp(["SET", "p:n:popular", value]))
    #expect(text(.similar(item: "i", list: list(offset: 5))) == resp(["SET", "p:n:{i:i}:sim", value, "EX", "60"]))
  }

  @Test func forgetRemovesListAndVector() {
    #expect(text(.forget(user: "u")) == resp(["UNLINK", "p:n:{u:u}:top", "p:n:{u:u}:vec"]))
  }

  @Test func progressIsOneHash() {
    let command = PublishCommand.progress(TopicPartition(topic: "t", partition: 2), offset: 9, epoch: 7, atMilliseconds: 11)
    #expect(text(command) == resp(["HSET", "p:n:pub:t:2", "offset", "9", "ts_ms", "11", "epoch", "7", "instance", "i1"]))
  }

  @Test func retirementGoesInSlicesOf128() {
    let command = encoder.encode(.retireItemFactors(epoch: 6, items: (0..<300).map { "i\($0)" }))
    let counts = String(decoding: command.bytes, as: UTF8.self).split(separator: "\r\n").filter { $0.hasPrefix("*") }
    #expect(counts == ["*129", "*129", "*45"])
    #expect(command.replies == 3)
  }

  @Test func modelIsOnePointerThenTheSetThenTheNotice() {
    let expected = resp(
      [
        "HSET", "p:n:model", "epoch", "7", "prev_epoch", "6", "factors", "64", "users", "4244", "items", "3648", "trained_at",
        "1700000000000", "format", "freshet-1", "list_format", "json", "metric_dim", "64",
      ], ["ZADD", "p:n:models", "6", "6", "7", "7"], ["ZREMRANGEBYSCORE", "p:n:models", "-inf", "(6"],
      ["ZREMRANGEBYSCORE", "p:n:models", "(7", "+inf"], ["PUBLISH", "p:n:ev:model", #"{"epoch":7,"prev":6}"#])
    #expect(text(.model(modelSeven)) == expected)
    #expect(encoder.encode(.model(modelSeven)).replies == 5)
  }

  @Test func epochsBetweenKeptOnesArePruned() {
    let ranges = RedisCommandEncoder.rangesOutside([2, 5, 6]).map { "\($0.low) \($0.high)" }
    #expect(ranges == ["-inf (2", "(2 (5", "(6 +inf"])
  }

  @Test func firstModelHasNoPrevious() {
    var pointer = modelSeven
    pointer.previousEpoch = nil
    #expect(text(.model(pointer)).contains(#"{"epoch":7,"prev":null}"#))
  }

  @Test func idsCannotInjectCommands() {
    let command = text(.forget(user: "x\r\n*1\r\n$8\r\nFLUSHALL\r\n"))
    #expect(!command.contains("\r\nFLUSHALL"))
  }

  @Test(arguments: [[], Array("FRV1".utf8), Array("FRV2".utf8) + [0, 0, 0, 0, 0, 0, 0, 0], Array("FRV1".utf8) + [0, 0, 0, 0, 9, 0, 0, 0]])
  func brokenVectorIsRefused(bytes: [UInt8]) { #expect(throws: RedisError.self) { try FactorBlob.decode(bytes) } }

  @Test(arguments: ["", "[]", "{}", #"{"v":2,"epoch":1,"items":[]}"#, #"{"v":1,"items":[]}"#, #"{"v":1,"epoch":1,"items":[["a"]]}"#])
  func brokenListIsRefused(text: String) { #expect(throws: RedisError.self) { try ListFormat.decode(Array(text.utf8)) } }

  @Test func unknownKeysOfAListAreTolerated() throws {
    #expect(try ListFormat.decode(Array(#"{"v":1,"epoch":1,"items":[["a",1,"more"]],"new":{}}"#.utf8)).items.count == 1)
  }
}

@Suite struct PublishQueueTests {
  private let encoder = RedisCommandEncoder(keys: RedisKeys(prefix: "p", namespace: "n"), instance: "i1", ttl: .seconds(60))
  private func queue(_ commands: [PublishCommand]) -> PublishQueue {
    var queue = PublishQueue()
    for command in commands { queue.append(.init(command: encoder.encode(command), ticket: nil, submittedAt: 0, user: nil)) }
    return queue
  }

  @Test func replayCarriesTheNewestListOfAUser() {
    let progress = PublishCommand.progress(TopicPartition(topic: "t", partition: 0), offset: 1, epoch: 7, atMilliseconds: 0)
    var queue = queue([user("a", offset: 1), user("b", offset: 1), progress, user("a", offset: 2)])
    _ = queue.nextPipeline(repliesMax: 100)
    queue.prepareReplay()
    let replay = queue.nextPipeline(repliesMax: 100).map(\.command.bytes)
    #expect(replay == [user("a", offset: 2), user("b", offset: 1), progress, user("a", offset: 2)].map { encoder.bytes(for: $0) })
  }

  @Test func whatWasNeverSentIsNotMovedForward() {
    var queue = queue([user("a", offset: 1), user("a", offset: 2)])
    _ = queue.nextPipeline(repliesMax: 1)
    queue.prepareReplay()
    #expect(queue.nextPipeline(repliesMax: 1).map(\.command.bytes) == [encoder.bytes(for: user("a", offset: 1))])
  }

  @Test func aForgottenUserDoesNotComeBackInAReplay() {
    var queue = queue([user("a", offset: 1), .forget(user: "a")])
    _ = queue.nextPipeline(repliesMax: 100)
    queue.prepareReplay()
    #expect(queue.nextPipeline(repliesMax: 100).map(\.command.kind) == [.forget, .forget])
  }

  @Test func pipelineIsBoundedByReplies() {
    var queue = queue((0..<10).map { user("u\($0)", offset: 1, factors: [1]) })
    #expect(queue.nextPipeline(repliesMax: 5).count == 2)
    #expect(queue.nextPipeline(repliesMax: 1).count == 1)
  }

  @Test func orderSurvivesManyAcknowledgements() {
    var queue = PublishQueue()
    var expected = 0
    for round in 0..<5000 {
      queue.append(.init(command: .nothing, ticket: UInt64(round), submittedAt: 0, user: nil))
      guard round % 3 == 2 else { continue }
      let batch = queue.nextPipeline(repliesMax: 1)
      let done = min(2, batch.count)
      for entry in batch.prefix(done) {
        #expect(entry.ticket == UInt64(expected))
        expected += 1
      }
      queue.acknowledge(done)
    }
    #expect(queue.count == 5000 - expected)
  }
}
