import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct SnapshotFormatTests {
  private static let configuration = plainConfiguration {
    $0.model.factors = 4
    $0.model.historyPerUser = 6
    $0.model.trend = .init()
    $0.model.transitions = .init()
    $0.model.recency = .init()
  }

  private static var fixture: [UInt8] {
    get throws {
      let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      return Array(try Data(contentsOf: folder.appendingPathComponent("Fixtures/snapshot-format-2.frs")))
    }
  }

  private static func decode(_ bytes: [UInt8]) throws -> Snapshot {
    try bytes.withUnsafeBytes { try SnapshotCodec.read($0, path: "test", configuration: configuration) }
  }

  /// Written by the program before format 3 from a topic of eight partitions; the hash is what that program said.
  @Test func aFileOfFormat2IsMigrated() throws {
    var engine = RecommenderEngine(restoring: try Self.decode(Self.fixture), configuration: Self.configuration)
    engine.distributeUsers(into: 8)
    #expect("\(engine.stateHash())" == "d5577afc1980ad94699a413c80145a0b")
    #expect(engine.state.violatedInvariant() == nil)
    #expect(engine.state.eventsApplied == 486)
    #expect(engine.state.users.count == 61)
    #expect(engine.state.users.pairCount == 360)
    #expect(engine.model?.epoch == 1)
    #expect(engine.lifecycle.rolledOut == 1)
    #expect(engine.state.offsets.next.values.reduce(0, +) == 486)
    let fresh = try #require(engine.item("fresh"))
    #expect(engine.model?.hasVector(fresh) == true)
    #expect(engine.state.catalogue.newItems.users[fresh].map { Set($0.map(engine.state.users.string)) } == ["u3", "u4"])
    let list = engine.list("u3", scratch(Self.configuration))
    #expect(list?.items.count == 5 && list?.items.contains("fresh") == false)
    // What it writes now is format 3, and holds the same.
    let again = try Self.decode(try InMemorySnapshotStorage.encode(engine.snapshot(sequence: 9)))
    #expect(RecommenderEngine(restoring: again, configuration: Self.configuration).stateHash() == engine.stateHash())
  }

  @Test func aDamagedFileOfFormat2IsRefused() throws {
    let bytes = try Self.fixture
    for index in stride(from: 12, to: bytes.count, by: 97) {
      var damaged = bytes
      damaged[index] ^= 4
      #expect(throws: SnapshotError.self, "byte \(index)") { try Self.decode(damaged) }
    }
  }

  // MARK: Sections of later versions

  private static func withSection(_ kind: UInt32, version: UInt16, isOptional: Bool) throws -> [UInt8] {
    let bytes = try InMemorySnapshotStorage.encode(SnapshotTests.richEngine(configuration).snapshot(sequence: 1))
    var section = ByteWriter()
    section.write(kind)
    section.write(version)
    section.write(UInt16(isOptional ? 1 : 0))
    section.write(UInt64(3))
    let payload: [UInt8] = [1, 2, 3]
    section.write(payload.withUnsafeBytes { SnapshotFraming.checksum(section.bytes, $0) })
    let header = SnapshotFraming.header(version: 3).count
    return Array(bytes[0..<header]) + section.bytes + payload + Array(bytes[header...])
  }

  @Test func anUnknownOptionalSectionIsSkipped() throws {
    let plain = RecommenderEngine(
      restoring: try Self.decode(
        try InMemorySnapshotStorage.encode(SnapshotTests.richEngine(Self.configuration).snapshot(sequence: 1))),
      configuration: Self.configuration)
    let snapshot = try Self.decode(try Self.withSection(4711, version: 1, isOptional: true))
    #expect(RecommenderEngine(restoring: snapshot, configuration: Self.configuration).stateHash() == plain.stateHash())
  }

  @Test(arguments: [(4711, 1), (4, 9)] as [(UInt32, UInt16)]) func anUnknownSectionThatIsNotOptionalIsRefusedForGood(
    kind: UInt32, version: UInt16
  ) throws {
    let bytes = try Self.withSection(kind, version: version, isOptional: false)
    let error = #expect(throws: SnapshotError.self) { try Self.decode(bytes) }
    #expect(error?.code == .unknownSection(name: SnapshotFraming.name(kind), version: version))
    #expect(error?.isRecoverable == false)
  }

  // MARK: One partition on its own

  /// A state split by partitions over two engines and joined again is the same state.
  @Test func partitionsMoveBetweenEnginesWithoutAChangeOfTheState() throws {
    var whole = SnapshotTests.richEngine(Self.configuration, users: 60)
    whole.distributeUsers(into: 4)
    let partitions = whole.state.users.partitions.map(\.number)
    #expect(whole.state.users.partitions.allSatisfy { $0.count > 3 }, "the data say nothing")

    // Each engine keeps two of the four and knows the whole catalogue, but in another order of ids.
    let snapshot = whole.snapshot(sequence: 1)
    func engine(with kept: [Int32]) throws -> RecommenderEngine {
      var engine = RecommenderEngine(Self.configuration)
      _ = engine.apply([event("nobody", "i7", time: 1), event("nobody", "never seen", time: 2)])
      engine.distributeUsers(into: 4)
      for number in partitions { engine.drop(partition: number) }
      for number in kept { engine.adopt(try Self.partition(number, of: snapshot)) }
      return engine
    }
    let one = try engine(with: [0, 2])
    let other = try engine(with: [1, 3])
    #expect(one.state.users.count + other.state.users.count == whole.state.users.count)
    #expect(one.state.users.count > 0 && other.state.users.count > 0)
    for user in one.state.users.references { #expect(user.partition % 2 == 0) }

    var joined = one
    for number in [1, 3] as [Int32] { joined.adopt(try Self.partition(number, of: other.snapshot(sequence: 2))) }
    joined.state.eventsApplied = whole.state.eventsApplied
    #expect(joined.stateHash() == whole.stateHash())
    #expect(joined.state.violatedInvariant() == nil)
    #expect(joined.state.users.partitions.map(\.evictedFromHistory) == whole.state.users.partitions.map(\.evictedFromHistory))
    // It goes on as one.
    let more = [event("u3", "i4", time: 1_800_000_000_000), event("u8", "i5", time: 1_800_000_000_001)]
    _ = (joined.apply(more), whole.apply(more))
    #expect(joined.stateHash() == whole.stateHash())
  }

  private static func partition(_ number: Int32, of snapshot: Snapshot) throws -> PartitionSnapshot {
    var bytes: [UInt8] = []
    try SnapshotCodec.writePartition(number, of: snapshot) { bytes.append(contentsOf: $0) }
    return try bytes.withUnsafeBytes { try SnapshotCodec.readPartition($0, path: "test", configuration: configuration) }
  }

  @Test func aFrozenPartitionStandsStill() {
    var engine = SnapshotTests.richEngine(Self.configuration)
    let frozen = engine.state.users.partitions[0].frozen(withVectors: true)
    let hashes = (0..<Int32(engine.state.catalogue.items.capacity)).map { _ in StateHash() }
    let hash = frozen.hash(hashes)
    _ = engine.apply((0..<200).map { event("u\($0 % 12)", "i\($0 % 17)", time: 1_800_000_000_000 + Int64($0)) })
    #expect(frozen.hash(hashes) == hash)
    #expect(engine.state.users.partitions[0].hash(hashes + [StateHash()]) != hash)
  }
}
