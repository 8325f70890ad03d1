import Foundation
import ObjectStorage
import ObjectStoreTestKit
import Pipeline
import StreamingRecommender
import Telemetry
import Testing

@testable import InteractionArchives

@Suite struct ParquetArchiveTests {
  private struct Scene {
    let path = NSTemporaryDirectory() + "archive-\(UUID().uuidString)"
    let store: UnreliableStore

    init() throws {
      store = UnreliableStore(path: path + "/store")
      _ = try store.create()
    }

    func archive(spoolBytes: Int = 1 << 30) throws -> ParquetArchive {
      try ParquetArchive(
        store, directory: path + "/spool", limits: .init(spoolBytes: spoolBytes), createdBy: "freshet version 0", log: .disabled)
    }

    var files: [String] {
      get throws {
        var files: [String] = []
        try store.store.forEach("") { files.append($0.key.text) }
        return files
      }
    }

    var spool: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path + "/spool")) ?? [] }
  }

  private func segment(_ offsets: ClosedRange<Int64>, partition: Int32 = 3, topic: String = "user-events") -> ArchiveSegment {
    let rows = offsets.map {
      ArchivedInteraction(
        user: Array("u\($0 % 7)".utf8), item: Array("i\($0)".utf8), operation: .add, strength: 1, timeMilliseconds: 1_795_219_200_000,
        offset: $0)
    }
    return ArchiveSegment(
      source: TopicPartition(topic: topic, partition: partition), rows: rows,
      last: RecordMark(offset: offsets.upperBound, timestampMilliseconds: nil, checksum: 0xABC), day: 20_785)
  }

  private static let first =
    "date=2026-11-28/interactions-user-events-3-00000000000000000010-00000000000000000019-0000000000000abc.parquet"

  @Test func aSegmentIsAFileNamedAfterItsOffsets() throws {
    let scene = try Scene()
    let archive = try scene.archive()
    #expect(try archive.positions().isEmpty)
    archive.submit(segment(10...19))
    archive.submit(segment(25...25))
    try archive.flush(timeout: .seconds(20))
    #expect(try scene.files.sorted().first == Self.first)
    #expect(try scene.files.count == 2 && scene.spool.isEmpty)
    let bytes = try scene.store.bytes(try ObjectKey(Self.first), limit: 1 << 20)
    #expect(bytes.prefix(4) == Array("PAR1".utf8)[...] && bytes.suffix(4) == Array("PAR1".utf8)[...])
    #expect(archive.status.rows == 11 && archive.status.files == 2 && archive.status.waitingRows == 0)
    // A process after it goes on behind them.
    let partition = TopicPartition(topic: "user-events", partition: 3)
    #expect(try scene.archive().positions() == [partition: ArchivedPosition(offset: 25, checksum: 0xABC)])
  }

  /// A row that can never be written must not stop those behind it.
  @Test func idsThatAreNoTextAreLeftOut() throws {
    let scene = try Scene()
    let archive = try scene.archive()
    var odd = segment(10...13)
    odd.rows[0].user = [0xFF]
    odd.rows[1].item = [0xC0, 0x80]
    odd.rows[2].type = [0xFE, 0x61]
    odd.rows[3].mergedInto = [0x80]
    archive.submit(odd)
    archive.submit(segment(14...15))
    try archive.flush(timeout: .seconds(20))
    #expect(archive.status.files == 2 && archive.status.problem == nil && archive.status.failures == 0)
  }

  @Test func foreignFilesOfTheStoreSayNothing() throws {
    let scene = try Scene()
    for name in ["date=2026-11-28/other.parquet", "date=2026-11-28/interactions-a-1-5-9-abc.parquet", "snapshot-1.fsn"] {
      try scene.store.put(try ObjectKey(name), .bytes([1]))
    }
    #expect(try scene.archive().positions().isEmpty)
  }

  @Test func whileTheStoreIsAwayNothingIsLostOrOutOfOrder() throws {
    let scene = try Scene()
    let archive = try scene.archive()
    scene.store.fails.withLock { $0 = true }
    for number in 0..<5 as Range<Int64> { archive.submit(segment(number * 10...(number * 10 + 9))) }
    let error = #expect(throws: ArchiveError.self) { try archive.flush(timeout: .milliseconds(300)) }
    #expect(error?.description.contains("the store is away") == true && error?.description.contains("5 files") == true)
    #expect(archive.status.problem?.contains("the store is away") == true && archive.status.waitingRows == 50)
    #expect(try scene.files.isEmpty)
    scene.store.fails.withLock { $0 = false }
    try archive.flush(timeout: .seconds(30))
    #expect(try scene.files.count == 5 && archive.status.problem == nil && archive.status.failures > 0 && scene.spool.isEmpty)
  }

  @Test func anAnswerThatIsLostMakesNoSecondFile() throws {
    let scene = try Scene()
    let archive = try scene.archive()
    scene.store.losesAnswer.withLock { $0 = true }
    archive.submit(segment(10...19))
    try archive.flush(timeout: .seconds(20))
    #expect(try scene.files == [Self.first] && archive.status.failures == 1 && archive.status.files == 1)
  }

  @Test func aFullDirectoryIsToldAndWhatAProcessLeftIsRemoved() throws {
    let scene = try Scene()
    let archive = try scene.archive(spoolBytes: 500)
    scene.store.fails.withLock { $0 = true }
    #expect(!archive.status.isFull)
    for number in 0..<3 as Range<Int64> { archive.submit(segment(number * 10...(number * 10 + 9))) }
    for _ in 0..<500 where !archive.status.isFull || scene.spool.count < 3 { usleep(20_000) }
    #expect(archive.status.isFull && scene.spool.count == 3)
    archive.close()
    scene.store.fails.withLock { $0 = false }
    let next = try scene.archive(spoolBytes: 500)
    #expect(scene.spool.isEmpty && !next.status.isFull)
    #expect(try next.positions().isEmpty, "the log has it, from the last snapshot on")
  }

  @Test func withoutAListNothingBegins() throws {
    let scene = try Scene()
    scene.store.fails.withLock { $0 = true }
    #expect(throws: ObjectStoreError.self) { try scene.archive().positions() }
  }

  @Test func namesAreReadAsTheyAreWritten() {
    for (topic, partition, first, last, day) in [
      ("events", 0, 0, 0, 0), ("a-b.c_d-9", 4095, 1 << 40, Int64.max, 20_785), ("7-8", 1, 2, 3, 400_000),
    ] as [(String, Int32, Int64, Int64, Int)] {
      let name = ArchiveFileName(
        source: TopicPartition(topic: topic, partition: partition), first: first, last: last, checksum: .max - 5, day: day)
      #expect(ArchiveFileName(key: name.key) == name, "\(name.key)")
    }
    for wrong in [
      "x.parquet", "date=2026-13-01/" + Self.first.dropFirst(16), String(Self.first.dropLast()),
      "date=2026-11-28/a/" + Self.first.dropFirst(16),
      Self.first.replacing("0000000000000abc", with: "0000000000000ABC"), Self.first.replacing("-3-", with: "-x-"),
    ] { #expect(ArchiveFileName(key: String(wrong)) == nil, "\(wrong)") }
  }
}
