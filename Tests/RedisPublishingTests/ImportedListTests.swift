import Foundation
import Pipeline
import StreamingRecommender
import Testing

@testable import RedisPublishing

@Suite struct ImportedListFormatTests {
  private let items = [RecommendedItem(item: "sku-1", score: 0.93), RecommendedItem(item: "a\"b", score: 1e-07)]

  @Test func listIsTheDocumentedJSON() throws {
    let bytes = ImportedListFormat.encode(items, madeAtMilliseconds: 1_700_000_000_000, expiresAtMilliseconds: 1_700_172_800_000)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == #"{"v":1,"epoch":0,"part":-1,"off":-1,"ts":1700000000000,"src":"imported","until":1700172800000,"items":[["sku-1",0.93],["a\"b",1e-07]]}"#
    )
    let read = try ImportedListFormat.decode(bytes)
    #expect(read.items == items && read.madeAtMilliseconds == 1_700_000_000_000 && read.expiresAtMilliseconds == 1_700_172_800_000)
    #expect(throws: RedisError.self) { try ImportedListFormat.decode(Array(#"{"v":1,"epoch":0,"items":[]}"#.utf8)) }
  }

  @Test func whatIsKnownOfAnImportIsReadAsItIsWritten() {
    let lists = ImportedLists(generation: 1_700_000_000_001, expiresAtMilliseconds: 5, madeAtMilliseconds: 4, lists: 3, items: 2)
    #expect(ImportedLists(lists.text) == lists && ImportedLists("{}") == nil && ImportedLists("x") == nil)
    #expect(lists.field(of: "ranker") == "ranker@1700000000001")
    #expect(ImportedLists.parts(ofField: "a@b@12").map { $0.name + "/\($0.generation)" } == "a@b/12")
    #expect(ImportedLists.parts(ofField: "a") == nil)
  }
}

@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct ImportedListWriterTests {
  private let now: Int64 = 4_000_000_000_000
  private let day: Int64 = 86_400_000

  private func write(
    _ fixture: Fixture, _ name: String, _ users: [Identifier], _ mode: ImportedListWriter.Mode, at time: Int64, ttl: Int64? = nil,
    item: Identifier = "a", commits: Bool = true
  ) throws {
    let writer = try ImportedListWriter(fixture.redis, name: name)
    try writer.begin(mode, nowMilliseconds: time, expiresAtMilliseconds: time + (ttl ?? day))
    try writer.write(users.map { ImportedList(user: $0, items: [RecommendedItem(item: item, score: 1)]) })
    if commits { _ = try writer.commit() }
  }

  /// What readers see: the first item of the user's list of the current generation.
  private func shown(_ redis: RedisConnection, _ keys: RedisKeys, _ name: String, _ user: Identifier) throws -> Identifier? {
    let all = ImportedLists.all(try redis.command(["HGETALL", keys.imported]).fields ?? [:])
    guard let lists = all[name] else { return nil }
    let bytes = try redis.command(["HGET", keys.userImported(user), lists.field(of: name)]).bytes
    return try bytes.map { try ImportedListFormat.decode($0).items[0].item }
  }

  private func fields(_ redis: RedisConnection, _ key: String) throws -> Int { Int(try redis.command(["HLEN", key]).integer ?? -1) }

  @Test func updatesAddAndReplacementsTakeTheOthersAway() throws {
    let fixture = try Fixture()
    let redis = try fixture.control()
    let keys = try ImportedListWriter(fixture.redis, name: "r").keys
    try write(fixture, "r", ["u", "v"], .update, at: now)
    try write(fixture, "r", ["v"], .update, at: now + 1, item: "b")
    #expect(try shown(redis, keys, "r", "u") == "a" && shown(redis, keys, "r", "v") == "b")
    try write(fixture, "r", ["v"], .replace, at: now + 2, item: "c")
    #expect(try shown(redis, keys, "r", "u") == nil && shown(redis, keys, "r", "v") == "c")
    // What the replacement has left is removed when the user's lists are written again.
    #expect(try fields(redis, keys.userImported("v")) == 2)
    try write(fixture, "r", ["v"], .replace, at: now + 3, item: "d")
    #expect(try fields(redis, keys.userImported("v")) == 2 && shown(redis, keys, "r", "v") == "d")
  }

  @Test func readersSeeTheOldListsUntilAReplacementIsComplete() throws {
    let fixture = try Fixture()
    let redis = try fixture.control()
    let keys = try ImportedListWriter(fixture.redis, name: "r").keys
    try write(fixture, "r", ["u", "v"], .replace, at: now)
    try write(fixture, "r", ["u"], .replace, at: now + 1, item: "b", commits: false)
    #expect(try shown(redis, keys, "r", "u") == "a" && shown(redis, keys, "r", "v") == "a")
  }

  /// The clock of the machine may go back.
  @Test func generationsOnlyGrow() throws {
    let fixture = try Fixture()
    let redis = try fixture.control()
    let keys = try ImportedListWriter(fixture.redis, name: "r").keys
    try write(fixture, "r", ["u"], .replace, at: now)
    try write(fixture, "r", ["v"], .replace, at: now - 5000, item: "b")
    #expect(try shown(redis, keys, "r", "u") == nil && shown(redis, keys, "r", "v") == "b")
  }

  @Test func anImportThatWasOvertakenIsRefused() throws {
    let fixture = try Fixture()
    let slow = try ImportedListWriter(fixture.redis, name: "r")
    try slow.begin(.replace, nowMilliseconds: now, expiresAtMilliseconds: now + day)
    try write(fixture, "r", ["u"], .replace, at: now + 1)
    try write(fixture, "other", ["u"], .replace, at: now + 1)
    let refusal = #expect(throws: ImportedListWriter.Refusal.self) { try slow.commit() }
    #expect(refusal?.description.contains("run this one again") == true)
    let other = try ImportedListWriter(fixture.redis, name: "third")
    try other.begin(.replace, nowMilliseconds: now, expiresAtMilliseconds: now + day)
    try write(fixture, "r", ["u"], .replace, at: now + 2)
    _ = try other.commit()
  }

  /// A shorter list must not take a longer one of another name away.
  @Test func aHashLivesAsLongAsItsLastList() throws {
    let fixture = try Fixture()
    let redis = try fixture.control()
    let time = Int64(Date().timeIntervalSince1970 * 1000)
    let keys = try ImportedListWriter(fixture.redis, name: "r").keys
    try write(fixture, "long", ["u"], .update, at: time, ttl: 5 * day)
    try write(fixture, "short", ["u", "v"], .update, at: time, ttl: day)
    for user in ["u", "v"] as [Identifier] {
      let left = try #require(try redis.command(["PTTL", keys.userImported(user)]).integer)
      #expect(4 * day < left && left <= 5 * day, "\(left)")
    }
  }

  @Test func removedListsAreGoneAndOthersStay() throws {
    let fixture = try Fixture()
    let redis = try fixture.control()
    let keys = try ImportedListWriter(fixture.redis, name: "r").keys
    let users = (0..<600).map { Identifier("u\($0)") }
    for start in [0, 256, 512] {
      try write(fixture, "r", Array(users[start..<min(600, start + 256)]), .update, at: now)
    }
    try write(fixture, "other", ["u1"], .update, at: now, item: "b")
    let writer = try ImportedListWriter(fixture.redis, name: "r")
    #expect(try writer.hide() && shown(redis, keys, "r", "u1") == nil)
    #expect(try writer.sweep() == 600)
    #expect(try redis.command(["EXISTS", keys.userImported("u2")]).integer == 0 && shown(redis, keys, "other", "u1") == "b")
    #expect(try !writer.hide() && writer.sweep() == 0)
  }

  @Test func aForgottenUserLosesImportedLists() throws {
    let fixture = try Fixture()
    let redis = try fixture.control()
    let keys = try ImportedListWriter(fixture.redis, name: "r").keys
    try write(fixture, "r", ["u", "v"], .update, at: now)
    #expect(try fixture.reader().presence(of: "u").keys == [keys.userImported("u")])
    let encoder = RedisCommandEncoder(keys: keys, instance: "test", ttl: .seconds(60))
    try redis.send(encoder.bytes(for: .forget(user: "u")))
    #expect(try redis.nextReply() == .integer(1))
    #expect(try fixture.reader().presence(of: "u").keys == [] && shown(redis, keys, "r", "v") == "a")
  }

  @Test func aForeignNamespaceIsNotWrittenTo() throws {
    let fixture = try Fixture()
    let keys = RedisKeys(prefix: fixture.redis.keyPrefix, namespace: fixture.redis.namespace)
    try fixture.control().command(["HSET", keys.model, "format", "other-9"])
    let error = #expect(throws: RedisError.self) { try ImportedListWriter(fixture.redis, name: "r") }
    #expect(error?.kind == .foreign)
  }

  @Test func whatTheServerRefusesIsThrownWithTheFix() throws {
    let fixture = try Fixture()
    let writer = try ImportedListWriter(fixture.redis, name: "r")
    try fixture.control().command(["CONFIG", "SET", "maxmemory", "1"])
    try writer.begin(.update, nowMilliseconds: now, expiresAtMilliseconds: now + day)
    let error = #expect(throws: RedisError.self) {
      try writer.write([ImportedList(user: "u", items: [RecommendedItem(item: "a", score: 1)])])
    }
    #expect(error?.kind == .oom && error?.description.contains("maxmemory") == true)
  }
}
