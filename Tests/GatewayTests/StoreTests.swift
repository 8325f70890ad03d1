import Foundation
import Pipeline
import ServingFormats
import StreamingRecommender
import Synchronization
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

func eventually(within patience: Duration = .seconds(20), _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = ContinuousClock.now + patience
  while try !condition() {
    if ContinuousClock.now > deadline { return false }
    usleep(2000)
  }
  return true
}

/// What the gateway reads from a real Redis.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct StoreTests {
  private func sameLists(_ store: GatewayStore, _ fixture: inout EngineFixture) throws -> Int {
    var compared = 0
    for user in fixture.users {
      let list = fixture.list(user)
      let stored = try store.users([Identifier(fixture.name(user))], withRows: true)[0]
      let row = try #require(stored.row)
      guard let matrix = store.view.matrices[row.epoch], matrix.accepts(row) else { continue }
      let taste = Taste(row)
      let own = Scorer(matrix, ScoringScratch()).list(10, for: taste, excluded: [], seen: taste.seen, showsSeenWhenEmpty: true)
      #expect(own.map { matrix.directory.id($0.item)?.string } == list.items.map { fixture.engine.state.catalogue.items.string($0.item) })
      #expect(stored.list?.items.map(\.item) == own.compactMap { matrix.directory.id($0.item) })
      compared += 1
    }
    return compared
  }

  @Test func listsFromRedisAreTheEnginesLists() throws {
    let redis = try RedisFixture()
    var fixture = EngineFixture(seed: 21)
    try redis.publish(&fixture)
    let store = GatewayStore(redis.redis, connections: 2, log: .disabled)
    defer { store.stop() }
    #expect(eventually { store.view.newest != nil })
    #expect(try sameLists(store, &fixture) == fixture.users.count)
    #expect(store.view.popular?.items.count == 20)
    let unknown = try store.users(["nobody"], withRows: true)[0]
    #expect(unknown.list == nil && unknown.row == nil)
  }

  /// Readers never see a matrix of another epoch than the row's, nor a half-read one.
  @Test func anEpochIsReplacedUnderLoad() throws {
    let redis = try RedisFixture()
    var fixture = EngineFixture(seed: 22)
    let first = fixture.engine.model!.epoch
    try redis.publish(&fixture)
    let store = GatewayStore(redis.redis, connections: 4, log: .disabled)
    defer { store.stop() }
    #expect(eventually { store.view.newest != nil })
    let users = fixture.users.map { Identifier(fixture.name($0)) }
    let stops = Atomic<Bool>(false)
    let faults = Mutex<[String]>([])
    let served = Atomic<Int>(0)
    let done = DispatchSemaphore(value: 0)
    for thread in 0..<3 {
      Thread.detachNewThread {
        let scratch = ScoringScratch()
        var at = thread
        while !stops.load(ordering: .acquiring) {
          at += 1
          do {
            let user = try store.users([users[at % users.count]], withRows: true)[0]
            guard let row = user.row, let matrix = store.view.matrices[row.epoch], matrix.accepts(row) else { continue }
            let own = Scorer(matrix, scratch).list(10, for: Taste(row), excluded: [], seen: row.seen, showsSeenWhenEmpty: true)
            let ids = own.compactMap { matrix.directory.id($0.item) }
            if user.list?.epoch == row.epoch, user.list?.items.map(\.item) != ids { faults.withLock { $0.append("\(user) \(ids)") } }
            served.wrappingAdd(1, ordering: .relaxed)
          } catch { faults.withLock { $0.append("\(error)") } }
        }
        done.signal()
      }
    }
    for step in 1...3 { try redis.publish(&fixture, epoch: first + UInt32(step), version: EngineFixture.start + Int64(step)) }
    #expect(eventually { store.view.matrices[first + 3] != nil && store.view.model?.epoch == first + 3 })
    stops.store(true, ordering: .releasing)
    for _ in 0..<3 { done.wait() }
    #expect(faults.withLock { $0 } == [])
    #expect(served.load(ordering: .relaxed) > 100)
    #expect(try sameLists(store, &fixture) == fixture.users.count)
  }

  @Test func whatIsInMemoryStaysWhileRedisIsAway() throws {
    let redis = try RedisFixture()
    var fixture = EngineFixture(seed: 23)
    try redis.publish(&fixture)
    let store = GatewayStore(redis.redis, connections: 2, log: .disabled)
    defer { store.stop() }
    #expect(eventually { store.view.newest != nil })
    redis.server.kill()
    #expect(eventually { store.problem != nil })
    let start = ContinuousClock.now
    for _ in 0..<100 { #expect(throws: RedisError.self) { try store.users(["u1"], withRows: true) } }
    #expect(ContinuousClock.now - start < .milliseconds(500))
    #expect(store.view.newest != nil && store.view.popular != nil)
    try redis.server.start()
    try redis.publish(&fixture, version: EngineFixture.start + 1)
    #expect(eventually { store.problem == nil })
    #expect(try sameLists(store, &fixture) == fixture.users.count)
  }

  /// A server that hangs costs each waiting request one time-out and all later ones nothing.
  @Test func aServerThatHangsIsNotWaitedForAgainAndAgain() throws {
    let redis = try RedisFixture()
    var fixture = EngineFixture(seed: 24, users: 10, events: 200)
    try redis.publish(&fixture)
    let store = GatewayStore(redis.redis, connections: 2, log: .disabled)
    defer { store.stop() }
    #expect(eventually { store.view.newest != nil })
    redis.server.suspend()
    defer { redis.server.resume() }
    let start = ContinuousClock.now
    for _ in 0..<50 { #expect(throws: RedisError.self) { try store.users(["u1"], withRows: true) } }
    #expect(ContinuousClock.now - start < .seconds(3))
    redis.server.resume()
    #expect(eventually { store.problem == nil })
    #expect(try store.users(["u1"], withRows: true)[0].list != nil)
  }

  /// The engine restarted from a snapshot and gives the higher numbers to other items. Rows from before are not scored with them.
  @Test func rowsWithNumbersOfAnEarlierEngineAreNotScored() throws {
    let redis = try RedisFixture()
    var fixture = EngineFixture(seed: 25)
    try redis.publish(&fixture)
    let store = GatewayStore(redis.redis, connections: 2, log: .disabled)
    defer { store.stop() }
    #expect(eventually { store.view.newest != nil })
    var trend = fixture.trend
    trend.numbersKept = 40
    trend.numbersSinceMilliseconds = EngineFixture.start + 1
    trend.madeAtMilliseconds = EngineFixture.start + 1
    try redis.publish([.trend(trend)])
    #expect(eventually { store.view.trend?.blob.numbersKept == 40 && store.view.newest?.directory.id(50) == nil })
    let matrix = try #require(store.view.newest)
    #expect(matrix.directory.id(39) != nil && matrix.hasVector(39) && !matrix.hasVector(50))
    let rows = try store.users(fixture.users.map { Identifier(fixture.name($0)) }, withRows: true).compactMap(\.row)
    #expect(rows.contains { !matrix.accepts($0) })
    #expect(rows.allSatisfy { matrix.accepts($0) == ($0.itemMax < 40) })
    // The engine writes the packs again.
    try redis.publish(fixture.packs.map { .itemPack($0, version: EngineFixture.start + 2) })
    #expect(eventually { store.view.newest?.hasVector(50) == true })
  }
}

@Suite struct StoreDecisionTests {
  @Test func theNewestTwoEpochsAndThoseThatRowsNamedAreKept() {
    var shelf = EpochShelf()
    #expect(shelf.wanted(nowMilliseconds: 0) == [])
    shelf.point(to: 7, previous: 6)
    #expect(shelf.wanted(nowMilliseconds: 0) == [7, 8, 6])
    shelf.name(3, nowMilliseconds: 1_000)
    shelf.name(2, nowMilliseconds: 1_000)
    #expect(shelf.wanted(nowMilliseconds: 61_000) == [7, 8, 6, 3])
    #expect(shelf.wanted(nowMilliseconds: 61_001) == [7, 8, 6])
    shelf.point(to: 1, previous: nil)
    #expect(shelf.wanted(nowMilliseconds: 0) == [1, 2])
  }

  @Test func copiesOfLargeMatricesAreRare() {
    var pacing = RefreshPacing()
    #expect(pacing.isDue(nowNanoseconds: 0))
    pacing.done(from: 100, to: 110)
    #expect(!pacing.isDue(nowNanoseconds: 309) && pacing.isDue(nowNanoseconds: 310))
  }

  @Test func theCircuitTellsEachChangeOnce() {
    var circuit = Circuit()
    #expect(circuit.failed("away") && !circuit.failed("away") && circuit.problem == "away")
    #expect(circuit.answered() && !circuit.answered() && circuit.isClosed)
  }
}
