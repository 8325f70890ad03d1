import Foundation
import RecommenderTestKit
import StreamingRecommender
import Synchronization
import Telemetry
import Testing

@testable import WireFormats

@Suite struct SchemaCacheTests {
  private let message = fixture.message("avro: event-v1.avsc")
  private var record: Record { message.record(timestampMilliseconds: testNow) }

  private func fastTiming(refusals: Duration = .seconds(30)) -> SchemaCache.Timing {
    var timing = SchemaCache.Timing()
    timing.firstRetry = .milliseconds(5)
    timing.longestRetry = .milliseconds(20)
    timing.refusalLifetime = refusals
    return timing
  }

  @Test func aSchemaIsAskedForOnceAndItsComingIsTold() throws {
    let registry = FixtureRegistry()
    let told = Atomic(0)
    let cache = try SchemaCache(source: registry) { told.add(1, ordering: .relaxed) }
    let decoder = InteractionDecoder(.init(), payloads: cache)
    #expect(lines(decoder.decode(record, fallbackMilliseconds: 0)) == ["waiting for schema 1"])
    for _ in 0..<100 { #expect(lines(try settled(decoder, record)) == message.expect) }
    #expect(registry.asked == 1)
    while told.load(ordering: .relaxed) == 0 { usleep(1000) }
    #expect(told.load(ordering: .relaxed) == 1)
  }

  @Test func aRegistryThatIsAwayIsAskedAgainAndNothingIsRejected() throws {
    let registry = FixtureRegistry()
    registry.set(.unavailable("it is away"))
    let cache = try SchemaCache(source: registry, timing: fastTiming())
    let decoder = InteractionDecoder(.init(), payloads: cache)
    #expect(lines(decoder.decode(record, fallbackMilliseconds: 0)) == ["waiting for schema 1"])
    while registry.asked < 5 {
      #expect(lines(decoder.decode(record, fallbackMilliseconds: 0)) == ["waiting for schema 1"])
      usleep(1000)
    }
    #expect(cache.problem(with: .id(1)) == "it is away")
    registry.set(nil)
    #expect(lines(try settled(decoder, record)) == message.expect)
    #expect(cache.problem(with: .id(1)) == nil)
  }

  @Test func aSchemaMayBeRegisteredLate() throws {
    let registry = FixtureRegistry()
    registry.hide([.id(1)])
    let cache = try SchemaCache(source: registry, timing: fastTiming(refusals: .milliseconds(50)))
    let decoder = InteractionDecoder(.init(), payloads: cache)
    #expect(lines(try settled(decoder, record)) == ["rejected unknown_schema"])
    #expect(lines(try settled(decoder, record)) == ["rejected unknown_schema"])
    #expect(registry.asked == 1)
    registry.hide([])
    usleep(60_000)
    #expect(lines(try settled(decoder, record)) == message.expect)
  }

  @Test func aSchemaThatCannotBeReadRejectsItsRecordsAndSaysWhy() throws {
    struct Broken: SchemaFetching {
      func fetch(_ schema: SchemaName) throws(SchemaFault) -> SchemaText { SchemaText(kind: .avro, text: "{") }
      var requests: [String: Int] { [:] }
    }
    let decoder = InteractionDecoder(.init(), payloads: try SchemaCache(source: Broken()))
    guard case .failure(let failure) = try settled(decoder, record) else {
      Issue.record("not rejected")
      return
    }
    #expect(failure.reason == .unknownSchema && failure.message == "schema 1 cannot be used: the Avro schema is not JSON")
  }

  @Test func theCacheIsBoundedAndKeepsWhatIsUsed() throws {
    let registry = FixtureRegistry()
    let cache = try SchemaCache(source: registry, entriesMax: 20)
    let decoder = InteractionDecoder(.init(), payloads: cache)
    _ = try settled(decoder, record)
    var other = record
    for id in 1000..<1200 {
      other.value?.replaceSubrange(1..<5, with: [0, 0, UInt8(id >> 8), UInt8(id & 255)])
      #expect(lines(try settled(decoder, other)) == ["rejected unknown_schema"])
      #expect(lines(decoder.decode(record, fallbackMilliseconds: testNow)) == message.expect)
    }
    #expect(registry.asked == 201)
  }

  /// Binary keys may look like frames, each with another id.
  @Test func idsThatAreAskedForAtOnceAreBounded() throws {
    let registry = FixtureRegistry()
    registry.set(.unavailable("it is away"))
    var timing = fastTiming()
    timing.longestRetry = .seconds(30)
    timing.firstRetry = .seconds(30)
    let cache = try SchemaCache(source: registry, timing: timing)
    let decoder = InteractionDecoder(.init(), payloads: cache)
    var other = record
    for id in 1000..<3000 {
      other.value?.replaceSubrange(1..<5, with: [0, 0, UInt8(id >> 8), UInt8(id & 255)])
      guard case .waiting = decoder.decode(other, fallbackMilliseconds: 0) else {
        Issue.record("not waited for")
        return
      }
    }
    while registry.asked < 256 { usleep(1000) }
    usleep(20_000)
    #expect(registry.asked == 256)
  }

  @Test func anIDThatNoRegistryGivesIsNotAskedFor() throws {
    let registry = FixtureRegistry()
    let decoder = InteractionDecoder(.init(), payloads: try SchemaCache(source: registry))
    var hostile = record
    hostile.value?.replaceSubrange(1..<5, with: [0xFF, 0xFF, 0xFF, 0xFF])
    #expect(lines(decoder.decode(hostile, fallbackMilliseconds: testNow)) == ["rejected bad_frame"])
    #expect(registry.asked == 0)
  }

  @Test(arguments: [[1], [1, 2, 3], [2, 0, 0, 0, 1], [0, 0, 0], []] as [[UInt8]])
  func aHeaderThatNamesNoSchemaIsABadFrame(header: [UInt8]) throws {
    let decoder = InteractionDecoder(.init(), payloads: try SchemaCache(source: FixtureRegistry()))
    var odd = record
    odd.headers = [RecordHeader(name: "__value_schema_id", value: header)]
    #expect(lines(decoder.decode(odd, fallbackMilliseconds: testNow)) == ["rejected bad_frame"])
  }
}
