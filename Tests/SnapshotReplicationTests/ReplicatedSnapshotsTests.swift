import Foundation
import ObjectStorage
import ObjectStoreTestKit
import StreamingRecommender
import Telemetry
import Testing

@testable import SnapshotReplication

@Suite struct ReplicatedSnapshotsTests {
  private struct Scene {
    let path = NSTemporaryDirectory() + "replication-\(UUID().uuidString)"
    let store: UnreliableStore
    let configuration = RecommenderConfiguration()

    init() throws {
      store = UnreliableStore(path: path + "/store")
      _ = try store.create()
    }

    /// An engine's own directory, empty at first.
    func snapshots(_ name: String, keep: Int = 2) throws -> ReplicatedSnapshots {
      let directory = SnapshotDirectory(path: "\(path)/\(name)", keep: keep, synchronizes: false)
      try directory.prepare()
      return ReplicatedSnapshots(directory, store: store, log: .disabled)
    }

    func engine(events: Int) -> RecommenderEngine {
      var engine = RecommenderEngine(configuration)
      _ = engine.apply(
        (0..<events).map { number in
          Interaction(user: Array("u\(number % 3)".utf8), item: Array("i\(number)".utf8), timeMilliseconds: 1_700_000_000_000)
        })
      return engine
    }

    func names() throws -> [String] {
      var names: [String] = []
      try store.forEach("") { names.append($0.key.text) }
      return names
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
  }

  private static func written(_ sequences: ClosedRange<UInt64>, _ snapshots: ReplicatedSnapshots, _ engine: RecommenderEngine) throws {
    for sequence in sequences {
      _ = try snapshots.write(engine.snapshot(sequence: sequence))
      #expect(snapshots.waitForCopies(.seconds(30)))
    }
  }

  @Test func theNewestSnapshotsAreCopiedAndTheManifestNamesTheLast() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let snapshots = try scene.snapshots("a")
    try Self.written(1...4, snapshots, scene.engine(events: 5))
    #expect(try scene.names() == ["latest.json", "snapshot-000000000003.frs", "snapshot-000000000004.frs"])
    #expect(snapshots.progress == .init(copiedSequence: 4, copies: 4, failures: 0, problem: nil))
  }

  @Test func anEmptyDirectoryGetsTheStateOfTheStore() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let engine = scene.engine(events: 7)
    try Self.written(1...3, try scene.snapshots("a"), engine)
    let other = try scene.snapshots("b")
    let recovered = try RecoveredEngine(from: other, configuration: scene.configuration)
    #expect(recovered.snapshotSequence == 3 && recovered.nextSequence == 4)
    #expect(recovered.engine.stateHash() == engine.stateHash())
    #expect(other.directory.sequences() == [3])
  }

  @Test func aDirectoryWithAStateDoesNotNeedTheStore() throws {
    let scene = try Scene()
    defer { scene.remove() }
    try Self.written(1...2, try scene.snapshots("a"), scene.engine(events: 3))
    scene.store.fails.withLock { $0 = true }
    #expect(try scene.snapshots("a").newest(for: scene.configuration).snapshot?.sequence == 2)
  }

  @Test func anEmptyDirectoryWithoutTheStoreIsAnErrorAndNoEmptyState() throws {
    let scene = try Scene()
    defer { scene.remove() }
    scene.store.fails.withLock { $0 = true }
    let snapshots = try scene.snapshots("a")
    let error = #expect(throws: SnapshotError.self) { try snapshots.newest(for: scene.configuration) }
    #expect(error?.description.contains("snapshot.store=none") == true && error?.isRecoverable == false)
  }

  @Test func anEmptyDirectoryAndAnEmptyStoreBeginAnew() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let recovered = try RecoveredEngine(from: try scene.snapshots("a"), configuration: scene.configuration)
    #expect(recovered.snapshotSequence == nil && recovered.nextSequence == 1)
  }

  @Test func aStoreThatIsAwayDoesNotHoldSnapshotsBack() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let snapshots = try scene.snapshots("a")
    scene.store.fails.withLock { $0 = true }
    try Self.written(1...2, snapshots, scene.engine(events: 3))
    #expect(snapshots.directory.sequences() == [1, 2])
    #expect(snapshots.progress.failures == 2 && snapshots.progress.problem?.contains("away") == true)
    scene.store.fails.withLock { $0 = false }
    try Self.written(3...3, snapshots, scene.engine(events: 3))
    #expect(try scene.names() == ["latest.json", "snapshot-000000000003.frs"] && snapshots.progress.problem == nil)
  }

  @Test func aDamagedDirectoryIsHealedFromTheStore() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let snapshots = try scene.snapshots("a")
    try Self.written(1...1, snapshots, scene.engine(events: 3))
    let file = snapshots.directory.path + "/" + SnapshotDirectory.fileName(1)
    try Data([1, 2, 3]).write(to: URL(filePath: file))
    let found = try snapshots.newest(for: scene.configuration)
    #expect(found.snapshot?.sequence == 1 && found.refused.count == 1)
  }

  @Test func aCopyThatIsNotWhatTheManifestSaysIsRefused() throws {
    let scene = try Scene()
    defer { scene.remove() }
    try Self.written(1...1, try scene.snapshots("a"), scene.engine(events: 3))
    try scene.store.put(try ObjectKey(SnapshotDirectory.fileName(1)), .bytes([1, 2, 3]))
    let other = try scene.snapshots("b")
    #expect(throws: SnapshotError.self) { try other.newest(for: scene.configuration) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: other.directory.path) == [])
  }

  @Test func numbersOfTheStoreAreNotUsedAgain() throws {
    let scene = try Scene()
    defer { scene.remove() }
    try Self.written(7...8, try scene.snapshots("a"), scene.engine(events: 3))
    #expect(try scene.snapshots("b").lastSequence() == 8)
  }

  @Test(arguments: [
    "", "{}", #"{"version":2,"sequence":1,"file":"a","bytes":1}"#, #"{"version":1,"sequence":1,"file":"../a","bytes":1}"#,
    #"{"version":1,"sequence":1,"file":"a","bytes":0}"#, #"{"version":1,"sequence":99999999999999999999,"file":"a","bytes":1}"#,
  ]) func aDamagedManifestIsRefused(_ json: String) throws {
    #expect(throws: SnapshotManifest.Problem.self) { try SnapshotManifest(json: Array(json.utf8)) }
  }
}
