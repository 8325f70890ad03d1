import Foundation
import ObjectStorage
import ObjectStoreTestKit
import SnapshotReplication
import StreamingRecommender
import Telemetry
import Testing

@Suite struct ReplicatedEpochsTests {
  private struct Scene {
    let path = NSTemporaryDirectory() + "epochs-\(UUID().uuidString)"
    let store: UnreliableStore

    init() throws {
      store = UnreliableStore(path: path + "/store")
      _ = try store.create()
    }

    /// A machine with a directory of its own, empty at first.
    func machine(_ name: String, keep: Int = 2) -> ReplicatedEpochs {
      let epochs = ReplicatedEpochs(
        EpochDirectory(path: "\(path)/\(name)", keep: keep, synchronizes: false), store: store, log: .disabled)
      epochs.restore()
      return epochs
    }

    func names() throws -> [String] {
      var names: [String] = []
      try store.store.forEach("") { names.append($0.key.text) }
      return names.sorted()
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
  }

  private static func model(_ epoch: UInt32) -> StoredModel {
    var model = StoredModel(epoch: epoch, trainedPairs: 3, trainedAtMilliseconds: 5, factors: 2)
    model.append(Identifier("a"), [Float(epoch), 2])
    return model
  }

  private static func file(_ epoch: Int, _ ending: String = "frm") -> String { "epoch-000000000\(epoch).\(ending)" }

  @Test func theStoreFollowsTheDirectory() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let epochs = scene.machine("a")
    for epoch in [1, 2, 3] as [UInt32] { try epochs.write(Self.model(epoch)) }
    #expect(epochs.wait(.seconds(30)))
    #expect(try scene.names() == [Self.file(2), Self.file(3)])
    try epochs.directory.mark(2, true)
    epochs.follow()
    #expect(epochs.wait(.seconds(30)))
    #expect(try scene.names() == [Self.file(2), Self.file(2, "kept"), Self.file(3)].sorted())
    try epochs.directory.remove(2)
    epochs.follow()
    #expect(epochs.wait(.seconds(30)))
    #expect(try scene.names() == [Self.file(3)])
  }

  @Test func anotherMachineReadsWhatTheStoreHas() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let first = scene.machine("a", keep: 3)
    for epoch in [7, 1, 2] as [UInt32] { try first.write(Self.model(epoch)) }
    try first.directory.mark(7, true)
    first.follow()
    #expect(first.wait(.seconds(30)))
    let second = scene.machine("b", keep: 3)
    #expect(second.epochs() == [1, 2, 7] && second.directory.markedEpochs() == [7])
    #expect(try second.read(7).items == [Identifier("a")])
    try second.write(Self.model(3))
    #expect(second.wait(.seconds(30)))
    #expect(second.epochs() == [1, 2, 3, 7])
    #expect(try scene.names().contains(Self.file(3)))
  }

  @Test func nothingInAStoreThatWasNotReadIsRemoved() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let first = scene.machine("a", keep: 5)
    for epoch in [1, 2] as [UInt32] { try first.write(Self.model(epoch)) }
    #expect(first.wait(.seconds(30)))
    scene.store.fails.withLock { $0 = true }
    let second = scene.machine("b", keep: 5)
    try second.write(Self.model(3))
    #expect(second.wait(.seconds(30)))
    #expect(second.epochs() == [3])
    scene.store.fails.withLock { $0 = false }
    #expect(try scene.names() == [Self.file(1), Self.file(2)])
    second.follow()
    #expect(second.wait(.seconds(30)))
    #expect(second.epochs() == [1, 2, 3])
    #expect(try scene.names() == [1, 2, 3].map { Self.file($0) })
  }

  @Test func whatWasRemovedHereDoesNotComeBack() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let first = scene.machine("a", keep: 2)
    for epoch in [5, 6] as [UInt32] { try first.write(Self.model(epoch)) }
    #expect(first.wait(.seconds(30)))
    // The process ends before the store has followed.
    scene.store.fails.withLock { $0 = true }
    usleep(20_000)
    try first.write(Self.model(7))
    #expect(first.wait(.seconds(30)))
    scene.store.fails.withLock { $0 = false }
    let again = scene.machine("a", keep: 2)
    #expect(again.epochs() == [6, 7])
    try again.write(Self.model(8))
    #expect(again.wait(.seconds(30)))
    #expect(again.epochs() == [7, 8])
    #expect(try scene.names() == [Self.file(7), Self.file(8)])
  }

  @Test func aDirectoryThatCannotBeReadEmptiesNoStore() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let epochs = scene.machine("a")
    try epochs.write(Self.model(1))
    #expect(epochs.wait(.seconds(30)))
    try FileManager.default.moveItem(atPath: epochs.directory.path, toPath: epochs.directory.path + "-away")
    epochs.follow()
    #expect(epochs.wait(.seconds(30)))
    #expect(try scene.names() == [Self.file(1)])
  }

  @Test func aModelOfTheSameSizeIsCopiedAgain() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let first = scene.machine("a")
    try first.write(Self.model(1))
    #expect(first.wait(.seconds(30)))
    usleep(20_000)
    var other = StoredModel(epoch: 1, trainedPairs: 3, trainedAtMilliseconds: 5, factors: 2)
    other.append(Identifier("b"), [9, 9])
    try first.write(other)
    #expect(first.wait(.seconds(30)))
    #expect(try scene.machine("b").read(1).items == [Identifier("b")])
  }

  @Test func otherObjectsOfTheStoreStay() throws {
    let scene = try Scene()
    defer { scene.remove() }
    try scene.store.put(try ObjectKey("notes.txt"), .bytes([1]))
    try scene.store.put(try ObjectKey("epoch-1.frm"), .bytes([1]))
    let epochs = scene.machine("a")
    try epochs.write(Self.model(4))
    #expect(epochs.wait(.seconds(30)))
    #expect(try scene.names() == ["epoch-0000000004.frm", "epoch-1.frm", "notes.txt"])
  }
}
