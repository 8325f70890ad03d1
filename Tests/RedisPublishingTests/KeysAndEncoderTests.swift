import Foundation
import Pipeline
import StreamingRecommender
import Testing

@testable import RedisPublishing

@Suite struct RedisKeysTests {
  let keys = RedisKeys(prefix: "freshet", namespace: "default")

  @Test func keysHaveTheDocumentedLayout() {
    #expect(keys.userList("u1") == "freshet:default:{u:u1}:top")
    #expect(keys.userFactors("u1") == "freshet:default:{u:u1}:vec")
    #expect(keys.userImported("u1") == "freshet:default:{u:u1}:imported")
    #expect(keys.imported == "freshet:default:imported")
    #expect(keys.itemFactors(epoch: 8, item: "i") == "freshet:default:e8:{i:i}:vec")
    #expect(keys.similar("i") == "freshet:default:{i:i}:sim")
    #expect(keys.popular == "freshet:default:popular")
    #expect(keys.titles == "freshet:default:titles")
    #expect(keys.model == "freshet:default:model")
    #expect(keys.models == "freshet:default:models")
    #expect(keys.modelChannel == "freshet:default:ev:model")
    #expect(keys.progress(TopicPartition(topic: "events", partition: 3)) == "freshet:default:pub:events:3")
    #expect(keys.heartbeat(instance: "host-1") == "freshet:default:hb:host-1")
    #expect(keys.marker(instance: "host-1") == "freshet:default:mark:host-1")
    #expect(keys.items(epoch: 8) == "freshet:default:e8:items")
  }

  @Test(arguments: [
    ("aZ09-._~@:+", "aZ09-._~@:+"), ("a b", "a%20b"), ("{x}", "%7Bx%7D"), ("a\r\nDEL *", "a%0D%0ADEL%20%2A"), ("\0", "%00"),
    ("é", "%C3%A9"), ("e\u{301}", "e%CC%81"), ("👍", "%F0%9F%91%8D"), ("100%", "100%25"), ("", ""),
  ])
  func idsArePercentEncoded(id: String, encoded: String) { #expect(RedisKeys.identifier(Identifier(id)) == encoded) }

  @Test func idOf128BytesStaysReadable() {
    let id = String(repeating: "a", count: 128)
    #expect(RedisKeys.identifier(Identifier(id)) == id)
  }

  @Test func longerIdIsHashed() {
    // printf 'a%.0s' {1..129} | sha256sum
    #expect(RedisKeys.identifier(Identifier(String(repeating: "a", count: 129))) == "h.c12cb024a2e5551cca0e08fce8f1c5e3")
  }

  /// An id of that form could otherwise be chosen to be the key of another, long one.
  @Test func idThatLooksHashedIsHashed() {
    let long = Identifier(String(repeating: "a", count: 129))
    #expect(RedisKeys.identifier("h.c12cb024a2e5551cca0e08fce8f1c5e3") != RedisKeys.identifier(long))
    // printf h.c12cb024a2e5551cca0e08fce8f1c5e3 | sha256sum
    #expect(RedisKeys.identifier("h.c12cb024a2e5551cca0e08fce8f1c5e3") == "h.e82627d8f5fcfafb88790357613cdf59")
  }

  @Test(arguments: [
    "h.", "h.c12cb024a2e5551cca0e08fce8f1c5e", "h.c12cb024a2e5551cca0e08fce8f1c5e34", "h.C12CB024A2E5551CCA0E08FCE8F1C5E3",
    "H.c12cb024a2e5551cca0e08fce8f1c5e3", "h.c12cb024a2e5551cca0e08fce8f1c5eg",
  ])
  func idThatOnlyResemblesAHashStaysReadable(id: String) { #expect(RedisKeys.identifier(Identifier(id)) == id) }

  @Test func lengthCountsAfterEncoding() { #expect(RedisKeys.identifier(Identifier(String(repeating: "é", count: 22))).hasPrefix("h.")) }

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
    let id: Identifier = "a\"b\\c\r\n\u{1}\u{1f}é👍"
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

  @Test func forgetRemovesListVectorAndRow() {
    #expect(text(.forget(user: "u")) == resp(["UNLINK", "p:n:{u:u}:top", "p:n:{u:u}:vec", "p:n:{u:u}:row", "p:n:{u:u}:imported"]))
  }

  @Test func progressIsOneHash() {
    let command = PublishCommand.progress(TopicPartition(topic: "t", partition: 2), offset: 9, epoch: 7, atMilliseconds: 11)
    #expect(text(command) == resp(["HSET", "p:n:pub:t:2", "offset", "9", "ts_ms", "11", "epoch", "7", "instance", "i1"]))
  }

  @Test func retirementRemovesTheProofFirst() {
    #expect(text(.retireItemFactors(epoch: 6, items: ["a"])) == resp(["UNLINK", "p:n:e6:items", "p:n:e6:{i:a}:vec"]))
  }

  @Test func itemVectorsAreCompleteOnlyWhereTheyWereBegun() {
    #expect(text(.itemsBegin(epoch: 8)) == resp(["SET", "p:n:e8:items", "incomplete"]))
    #expect(text(.itemsComplete(epoch: 8, count: 12)) == resp(["SET", "p:n:e8:items", "12", "XX"]))
  }

  @Test func pointerThatNeedsVectorsIsATransaction() {
    var pointer = modelSeven
    pointer.requiresItems = true
    let command = encoder.encode(.model(pointer))
    #expect(command.bytes == Array(resp(["MULTI"]).utf8) + encoder.bytes(for: .model(modelSeven)) + Array(resp(["EXEC"]).utf8))
    #expect(command.requiredKey == "p:n:e7:items" && command.isExclusive)
    #expect(!encoder.encode(.model(modelSeven)).isExclusive)
  }

  @Test func markerExpiresWithTheLists() {
    let marker = WriteMarker(token: "a1", generation: 2, ticket: 3)
    #expect(String(decoding: encoder.encode(marker), as: UTF8.self) == resp(["SET", "p:n:mark:i1", "a1 2 3", "EX", "60"]))
  }

  @Test func retirementGoesInSlicesOf128() {
    let command = encoder.encode(.retireItemFactors(epoch: 6, items: (0..<300).map { Identifier("i\($0)") }))
    let counts = String(decoding: command.bytes, as: UTF8.self).split(separator: "\r\n").filter { $0.hasPrefix("*") }
    #expect(counts == ["*129", "*129", "*46"])
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
