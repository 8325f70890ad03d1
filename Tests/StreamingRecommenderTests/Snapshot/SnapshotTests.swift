import Factorization
import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct SnapshotTests {
  private static let now: Int64 = 1_700_000_000_000
  private static let events0 = TopicPartition(topic: "events", partition: 0)

  static let configuration = plainConfiguration {
    $0.model.historyPerUser = 6
    $0.model.trend = .init()
    $0.model.transitions = .init()
    $0.model.recency = .init()
  }

  /// Everything a snapshot can hold: markers and barriers, evicted items, forgotten users and their holes, new items with and
  /// without vectors, users of several partitions.
  static func richEngine(_ configuration: RecommenderConfiguration = configuration, users: Int = 12) -> RecommenderEngine {
    var engine = RecommenderEngine(configuration)
    let events = checkerboard(users: users, items: 20).enumerated().map { record(Int64($0.offset), $0.element) }
    _ = engine.apply(events)
    _ = engine.trainAndInstall()
    let extra = [
      event("u1", "i3", .set, strength: 2, time: now + 5000), event("u1", "i3", time: now + 6000),
      event("u2", "i4", .delete, time: now + 6000), event("u3", "fresh", time: now + 7000), event("u4", "fresh", time: now + 7001),
    ]
    let other = extra.enumerated().map { record(Int64($0.offset), $0.element) }
    _ = engine.apply(other, partition: 3)
    let scratch = scratch(configuration)
    _ = engine.refreshNewItems()
    let tombstone = Record(offset: 9000, timestampMilliseconds: now, key: Array("u5".utf8), value: nil)
    _ = engine.apply([tombstone, record(9001, event("u6", "unsolved", time: now + 8000))])
    _ = engine.refresh([0, 1, 2], scratch)
    return engine
  }

  static func encode(_ snapshot: Snapshot) throws -> [UInt8] { try InMemorySnapshotStorage.encode(snapshot) }

  static func decode(_ bytes: [UInt8], _ configuration: RecommenderConfiguration = configuration) throws -> Snapshot {
    try bytes.withUnsafeBytes { try SnapshotCodec.read($0, path: "test", configuration: configuration) }
  }

  static func restored(_ engine: RecommenderEngine, _ configuration: RecommenderConfiguration = configuration) throws -> RecommenderEngine {
    RecommenderEngine(restoring: try decode(try encode(engine.snapshot(sequence: 1)), configuration), configuration: configuration)
  }

  private static func newItemUsers(_ engine: RecommenderEngine) -> [String: [String]] {
    let state = engine.state
    return Dictionary(
      uniqueKeysWithValues: state.catalogue.newItems.users.map { (state.catalogue.items.string($0), $1.map(state.users.string)) })
  }

  private func expectSame(_ restored: RecommenderEngine, _ engine: RecommenderEngine) throws {
    var (restored, engine) = (restored, engine)
    #expect(restored.stateHash() == engine.stateHash())
    #expect(restored.state.violatedInvariant() == nil)
    let (a, b) = (restored.state, engine.state)
    #expect(a.users.partitions.map(\.evictedFromHistory) == b.users.partitions.map(\.evictedFromHistory))
    #expect(a.users.newestTimeMilliseconds == b.users.newestTimeMilliseconds)
    #expect(a.offsets == b.offsets)
    #expect(a.catalogue.trend == b.catalogue.trend)
    #expect(a.catalogue.transitions == b.catalogue.transitions)
    #expect(b.catalogue.transitions.entries > 0)
    #expect(a.eventsApplied == b.eventsApplied)
    #expect(a.forgotten == b.forgotten)
    #expect(restored.demand.eventsSinceFreeze == engine.demand.eventsSinceFreeze)
    #expect(restored.lifecycle.rolledOut == engine.lifecycle.rolledOut)
    #expect(restored.model?.epoch == engine.model?.epoch)
    #expect(restored.model?.itemFactors == engine.model?.itemFactors)
    #expect(restored.model?.gramian.packed == engine.model?.gramian.packed)
    #expect(restored.model?.userGramian.packed == engine.model?.userGramian.packed)
    #expect(restored.model?.absentItems == engine.model?.absentItems)
    #expect(Self.newItemUsers(restored) == Self.newItemUsers(engine))
    let scratch = scratch(Self.configuration)
    #expect(restored.refreshNewItems() == engine.refreshNewItems())
    for user in engine.state.users.references where engine.state.users.isPresent(user) {
      // Forgotten users leave no hole in a snapshot: indices may differ.
      let same = try #require(restored.state.users.find(engine.state.users.name(user)))
      #expect(restored.isCurrent(same) == engine.isCurrent(user))
      #expect(restored.state.users.vector(same) == engine.state.users.vector(user))
      guard engine.model != nil else { continue }
      let (one, other) = (restored.refresh([same], scratch)[0], engine.refresh([user], scratch)[0])
      #expect(one.items == other.items)
      #expect(one.source == other.source)
    }
    // Both go on alike.
    let more = [
      event("u1", "i3", time: Self.now + 5500), event("u9", "i2", time: Self.now + 9000), event("brand-new", "i2", time: Self.now),
    ]
    _ = restored.apply(more)
    _ = engine.apply(more)
    #expect(restored.stateHash() == engine.stateHash())
  }

  @Test func aRestoredEngineIsTheSame() throws {
    let engine = Self.richEngine()
    try expectSame(try Self.restored(engine), engine)
  }

  @Test func anEngineWithoutAModelComesBack() throws {
    var engine = RecommenderEngine(Self.configuration)
    _ = engine.apply(checkerboard())
    try expectSame(try Self.restored(engine), engine)
    let empty = RecommenderEngine(Self.configuration)
    #expect(try Self.restored(empty).stateHash() == empty.stateHash())
  }

  @Test func aPendingModelComesBackAsTheModel() throws {
    var engine = Self.richEngine()
    let result = engine.makeTrainingJob(id: "t", reason: .requested, nowMilliseconds: 0).run(threads: 1, monitor: TrainingMonitor())
    _ = engine.apply([event("u0", "i2", time: Self.now + 9000)])
    engine.adopt(try #require(result.trained))
    _ = engine.apply([event("u1", "i1", time: Self.now + 9000)])
    let restored = try Self.restored(engine)
    #expect(engine.model?.epoch == 1)
    #expect(restored.model?.epoch == 2)
    _ = engine.installPending()
    try expectSame(restored, engine)
  }

  @Test func aSnapshotThatWasNeverWrittenCanBeRestoredToo() {
    let engine = Self.richEngine()
    var restored = RecommenderEngine(restoring: engine.snapshot(sequence: 1), configuration: Self.configuration)
    #expect(restored.user("u1") == engine.user("u1"))
    _ = restored.apply([event("u1", "i3", time: Self.now + 9000)])
    #expect(restored.state.users.count == engine.state.users.count)
  }

  @Test func aSnapshotStandsStillWhileTheEngineGoesOn() throws {
    var engine = Self.richEngine()
    let before = engine
    let snapshot = engine.snapshot(sequence: 1)
    let bytes = try Self.encode(snapshot)
    _ = engine.apply(checkerboard(users: 30, from: Self.now + 50_000))
    _ = engine.trainAndInstall()
    #expect(try Self.encode(snapshot) == bytes)
    try expectSame(RecommenderEngine(restoring: try Self.decode(bytes), configuration: Self.configuration), before)
  }

  @Test func anotherNumberOfFactorsDropsTheModelAndKeepsTheState() throws {
    let engine = Self.richEngine()
    var other = Self.configuration
    other.model.factors = 12
    let restored = try Self.restored(engine, other)
    #expect(restored.model == nil)
    #expect(restored.stateHash() == engine.stateHash())
  }

  @Test func theEpochOfADroppedModelIsNotGivenAgain() throws {
    var other = Self.configuration
    other.model.factors = 12
    let restored = try Self.restored(Self.richEngine(), other)
    // Neither by this process nor by one that starts from the next snapshot.
    #expect(restored.snapshot(sequence: 2).epoch == 1)
  }

  // MARK: Damage

  private static let small: [UInt8] = {
    var configuration = SnapshotTests.configuration
    configuration.model.factors = 2
    return try! encode(richEngine(configuration, users: 7).snapshot(sequence: 3))
  }()
  private static let smallConfiguration: RecommenderConfiguration = {
    var configuration = SnapshotTests.configuration
    configuration.model.factors = 2
    return configuration
  }()

  @Test func theSmallSnapshotIsWhole() throws {
    #expect(try Self.decode(Self.small, Self.smallConfiguration).sequence == 3)
  }

  @Test func everyTruncatedPrefixIsRefused() {
    for length in 0..<Self.small.count {
      #expect(throws: SnapshotError.self, "\(length) bytes") { try Self.decode(Array(Self.small.prefix(length)), Self.smallConfiguration) }
    }
  }

  @Test func bytesAfterTheEndAreRefused() {
    #expect(throws: SnapshotError.self) { try Self.decode(Self.small + [0], Self.smallConfiguration) }
  }

  /// Every byte, so every section and every header.
  @Test func aFlippedBitIsRefusedWhereverItIs() {
    for index in Self.small.indices {
      var bytes = Self.small
      bytes[index] ^= 1 << UInt8(index % 8)
      let error = #expect(throws: SnapshotError.self, "byte \(index)") { try Self.decode(bytes, Self.smallConfiguration) }
      #expect(error?.isRecoverable == true, "byte \(index): the file before could stand in")
    }
  }

  @Test func anotherVersionIsRefusedWithBothNumbers() {
    let header = SnapshotFraming.header(version: 9)
    let bytes = header + Self.small.dropFirst(header.count)
    #expect {
      try Self.decode(bytes, Self.smallConfiguration)
    } throws: {
      let text = "\($0)"
      return ($0 as? SnapshotError)?.isRecoverable == false && text.contains("version 9") && text.contains("reads versions 2 to 3")
    }
  }

  /// A topic may come and another go: the state stays, and so do the numbers that orders of pairs contain.
  @Test func topicsAreAddedAndRemovedWithoutANewState() throws {
    let engine = Self.richEngine()
    var configuration = Self.configuration
    configuration.input.topics = ["orders", "events"]
    var restored = try Self.restored(engine, configuration)
    #expect(restored.stateHash() == engine.stateHash())
    #expect(restored.state.topics.names == ["events", "orders"])
    #expect(restored.supports(TopicPartition(topic: "orders", partition: 3)))
    configuration.input.topics = ["orders"]
    restored = try Self.restored(restored, configuration)
    #expect(restored.stateHash() == engine.stateHash())
    #expect(restored.state.offsets[Self.events0] == engine.state.offsets[Self.events0], "should the topic come back")
  }

  @Test func moreTopicsThanAStateCanEverReadAreRefused() throws {
    var configuration = Self.smallConfiguration
    configuration.input.topics = (0..<16).map { "topic\($0)" }
    #expect {
      try Self.decode(Self.small, configuration)
    } throws: {
      ($0 as? SnapshotError)?.isRecoverable == false && "\($0)".contains("16 topics")
    }
  }

  @Test func somethingElseIsNotASnapshot() {
    #expect(throws: SnapshotError(.notASnapshot, path: "test")) { try Self.decode(Array("GIF89a, a picture".utf8)) }
  }

  /// Checksums do not tell who wrote a file: what it says is checked as well.
  @Test func contentThatPointsOutsideIsRefused() throws {
    let whole = Self.richEngine().snapshot(sequence: 1)
    var vectorsWithoutModel = whole
    vectorsWithoutModel.model?.epoch = .max
    var unknownItem = whole
    unknownItem.state.catalogue.newItems.restore(1_000_000, [0])
    var evicted = whole
    var partition = evicted.state.users.partitions[0]
    partition.thaw()
    partition.restore(Array("forged".utf8), UserHistory(pairs: [], evicted: [1_000_000], barriers: []))
    evicted.state.users.replace(partition)
    var notFinite = whole
    partition = notFinite.state.users.partitions[0]
    partition.served.set(0, to: [Float](repeating: .nan, count: 8))
    notFinite.state.users.replace(partition)
    var farEpoch = whole
    farEpoch.epoch = .max - 1
    for (what, snapshot) in [
      ("the number of the model", vectorsWithoutModel), ("item", unknownItem), ("evicted", evicted), ("not finite", notFinite),
      ("an epoch near the end of the numbers", farEpoch),
    ] {
      let bytes = try Self.encode(snapshot)
      #expect(throws: SnapshotError.self, "\(what)") { try Self.decode(bytes) }
    }
  }
}

@Suite struct SnapshotDirectoryTests {
  private func withDirectory(keep: Int = 3, _ body: (SnapshotDirectory) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "freshet-snapshots-\(UInt64.random(in: 0...(.max)))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = SnapshotDirectory(path: path, keep: keep)
    try directory.prepare()
    try body(directory)
  }

  private func write(_ sequences: ClosedRange<UInt64>, _ directory: SnapshotDirectory) throws {
    let engine = SnapshotTests.richEngine()
    for sequence in sequences { _ = try directory.write(engine.snapshot(sequence: sequence)) }
  }

  private func newest(_ directory: SnapshotDirectory) throws -> (snapshot: Snapshot?, refused: [SnapshotError]) {
    try directory.newest(for: SnapshotTests.configuration)
  }

  @Test func theNewestThreeStay() throws {
    try withDirectory { directory in
      try write(1...5, directory)
      #expect(directory.sequences() == [3, 4, 5])
      #expect(directory.lastSequence() == 5)
      #expect(try newest(directory).snapshot?.sequence == 5)
    }
  }

  @Test func anEmptyDirectoryHoldsNothing() throws {
    try withDirectory { directory in
      let found = try newest(directory)
      #expect(found.snapshot == nil)
      #expect(found.refused.isEmpty)
      #expect(directory.lastSequence() == 0)
    }
  }

  @Test func aDamagedNewestFallsBackToTheOneBefore() throws {
    try withDirectory { directory in
      try write(1...3, directory)
      let file = directory.file(3)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: file))
      try Data().write(to: URL(fileURLWithPath: directory.file(2)))
      let found = try newest(directory)
      #expect(found.snapshot?.sequence == 1)
      #expect(found.refused.count == 2)
      #expect(try RecoveredEngine(from: directory, configuration: SnapshotTests.configuration).nextSequence == 4)
    }
  }

  @Test func aWriteThatFailsLeavesTheOldOne() throws {
    try withDirectory { directory in
      try write(1...1, directory)
      // Where the temporary file should go stands a directory: that fails for every user, root as well.
      try FileManager.default.createDirectory(atPath: directory.file(2) + ".writing", withIntermediateDirectories: false)
      #expect(throws: SnapshotError.self) { try write(2...2, directory) }
      #expect(directory.sequences() == [1])
      #expect(try newest(directory).snapshot?.sequence == 1)
    }
  }

  @Test func aHalfWrittenFileIsNotTaken() throws {
    try withDirectory { directory in
      try write(1...1, directory)
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: directory.file(2) + ".writing"))
      #expect(try newest(directory).snapshot?.sequence == 1)
      try write(2...2, directory)
      #expect(try newest(directory).snapshot?.sequence == 2)
    }
  }

  @Test func anUnknownVersionStopsTheSearch() throws {
    try withDirectory { directory in
      try write(1...2, directory)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.file(2)))
      let header = SnapshotFraming.header(version: 99)
      bytes.replaceSubrange(0..<header.count, with: header)
      try bytes.write(to: URL(fileURLWithPath: directory.file(2)))
      #expect(throws: SnapshotError.self) { try newest(directory) }
    }
  }
}
