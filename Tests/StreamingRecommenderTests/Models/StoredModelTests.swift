import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct StoredModelTests {
  private static func model(_ epoch: UInt32 = 4) -> StoredModel {
    var model = StoredModel(epoch: epoch, trainedPairs: 1234, trainedAtMilliseconds: 1_700_000_000_000, factors: 3)
    model.promotion = Promotion(settings: ["model.factors": "3"], configured: ["model.factors": "64"])
    for item in 0..<20_000 { model.append("item é\(item)", [Float(item), -1.5, 0]) }
    return model
  }

  private static func directory() -> String { FileManager.default.temporaryDirectory.path + "/epochs-\(UUID().uuidString)" }

  @Test func aFileHoldsWhatWasWritten() throws {
    let directory = EpochDirectory(path: Self.directory(), keep: 2, synchronizes: false)
    defer { try? FileManager.default.removeItem(atPath: directory.path) }
    for epoch in [4, 5, 6] as [UInt32] { try directory.write(Self.model(epoch)) }
    #expect(directory.epochs() == [5, 6])
    // A file of an earlier life may have a higher number.
    try directory.write(Self.model(1))
    #expect(directory.epochs() == [1, 6])
    let read = try directory.read(6)
    let written = Self.model(6)
    #expect(read.items == written.items)
    #expect(read.promotion == written.promotion)
    #expect(read.factors.array(19_999) == written.factors.array(19_999))
    #expect((read.trainedPairs, read.trainedAtMilliseconds) == (written.trainedPairs, written.trainedAtMilliseconds))
  }

  @Test func aMarkedEpochStaysAndDoesNotCount() throws {
    let directory = EpochDirectory(path: Self.directory(), keep: 2, synchronizes: false)
    defer { try? FileManager.default.removeItem(atPath: directory.path) }
    try directory.write(Self.model(1))
    try directory.mark(1, true)
    for epoch in [2, 3, 4] as [UInt32] { try directory.write(Self.model(epoch)) }
    #expect(directory.epochs() == [1, 3, 4] && directory.markedEpochs() == [1])
    try directory.mark(1, false)
    try directory.write(Self.model(5))
    #expect(directory.epochs() == [4, 5] && directory.markedEpochs().isEmpty)
    try directory.mark(5, true)
    try directory.remove(5)
    #expect(try directory.epochs() == [4] && FileManager.default.contentsOfDirectory(atPath: directory.path).count == 1)
  }

  @Test func namesOfOtherFilesAreNotTaken() {
    for name in ["epoch-0000000007.frm", "epoch-0000000007.kept"] { #expect(EpochDirectory.isName(name)) }
    for name in ["epoch-7.frm", "epoch-0000000007.frm.writing", "epoch-00000000070.frm", "", "epoch-"] {
      #expect(!EpochDirectory.isName(name))
    }
  }

  @Test func damageIsNoticed() throws {
    let directory = EpochDirectory(path: Self.directory(), keep: 2, synchronizes: false)
    defer { try? FileManager.default.removeItem(atPath: directory.path) }
    try directory.write(Self.model())
    let file = directory.path + "/epoch-0000000004.frm"
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    for at in [3, 20, 60, 5000, whole.count - 5] {
      var damaged = whole
      damaged[at] ^= 1
      try damaged.write(to: URL(fileURLWithPath: file))
      #expect(throws: SnapshotError.self) { try directory.read(4) }
    }
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: file))
    #expect(throws: SnapshotError.self) { try directory.read(4) }
  }

  @Test func aFileUnderAnotherNumberIsRefused() throws {
    let directory = EpochDirectory(path: Self.directory(), keep: 2, synchronizes: false)
    defer { try? FileManager.default.removeItem(atPath: directory.path) }
    try directory.write(Self.model())
    try FileManager.default.moveItem(atPath: directory.path + "/epoch-0000000004.frm", toPath: directory.path + "/epoch-0000000007.frm")
    #expect(directory.epochs() == [7])
    #expect(throws: SnapshotError.self) { try directory.read(7) }
  }
}
