import Digests
import Foundation
import Testing

@testable import ObjectStorage

/// What every store does, whatever it is made of.
@Suite struct ObjectStoreContractTests {
  private static func code(_ body: () throws -> Void) -> ObjectStoreError.Code? {
    do {
      try body()
      return nil
    } catch { return (error as? ObjectStoreError)?.code }
  }

  private static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  private static func names(_ store: any ObjectStore, _ prefix: String = "") throws -> [String] {
    var names: [String] = []
    try store.forEach(prefix) { names.append($0.key.text) }
    return names
  }

  // MARK: Content

  @Test(arguments: TestedStore.available, [0, 1, 100_000, 3 << 20]) func whatIsPutIsRead(kind: TestedStore, bytes: Int) throws {
    let store = try kind.new()
    let key = try ObjectKey("a/b c/d.bin")
    let content = Self.noise(bytes)
    try store.put(key, .bytes(content))
    #expect(try store.bytes(key, limit: 4 << 20) == content)
    let info = try #require(try store.head(key))
    #expect(info.key == key && info.bytes == bytes && !info.tag.isEmpty)
    #expect(abs(info.modifiedMilliseconds - Int64(Date.now.timeIntervalSince1970 * 1000)) < 120_000)
    let listed = try store.list("", after: nil, limit: 10).objects
    #expect(listed.map(\.key) == [key] && listed[0].bytes == bytes)
    #expect(abs(listed[0].modifiedMilliseconds - info.modifiedMilliseconds) < 2_000)
  }

  @Test(arguments: TestedStore.available) func anObjectIsReplacedAsAWhole(kind: TestedStore) throws {
    let store = try kind.new()
    let key = try ObjectKey("a")
    try store.put(key, .bytes(Self.noise(1_000)))
    let before = try store.head(key)?.tag
    try store.put(key, .bytes([1, 2, 3]))
    #expect(try store.bytes(key, limit: 10) == [1, 2, 3])
    #expect(try store.head(key)?.tag != before)
  }

  @Test(arguments: TestedStore.available) func rangesAreCutAtTheEnd(kind: TestedStore) throws {
    let store = try kind.new()
    let key = try ObjectKey("a")
    let content = Self.noise(1_000)
    try store.put(key, .bytes(content))
    for range in [0..<1, 0..<1_000, 999..<1_000, 10..<20, 990..<2_000, 0..<Int.max, 500..<Int.max] {
      #expect(try store.bytes(key, range, limit: 2_000) == Array(content[range.clamped(to: 0..<1_000)]), "\(range)")
    }
    for range in [1_000..<1_001, 5_000..<6_000, 3..<3] { #expect(try store.bytes(key, range, limit: 10) == []) }
    try store.put(key, .bytes([]))
    #expect(try store.bytes(key, 0..<10, limit: 10) == [])
  }

  @Test(arguments: TestedStore.available) func whatIsNotThere(kind: TestedStore) throws {
    let store = try kind.new()
    let key = try ObjectKey("nothing/here")
    #expect(Self.code { _ = try store.bytes(key, limit: 10) } == .notFound)
    #expect(try store.head(key) == nil)
    #expect(try Self.names(store) == [])
    try store.remove(key)
  }

  @Test(arguments: TestedStore.available) func whatIsRemovedIsGone(kind: TestedStore) throws {
    let store = try kind.new()
    let (key, other) = (try ObjectKey("a/b/c"), try ObjectKey("a/d"))
    try store.put(key, .bytes([1]))
    try store.put(other, .bytes([2]))
    try store.remove(key)
    try store.remove(key)
    #expect(try store.head(key) == nil && Self.names(store) == ["a/d"])
    #expect(Self.code { _ = try store.bytes(key, limit: 10) } == .notFound)
    try store.put(key, .bytes([3]))
    #expect(try store.bytes(key, limit: 10) == [3])
  }

  @Test(arguments: TestedStore.available) func theTakerMayStop(kind: TestedStore) throws {
    struct Enough: Error {}
    let store = try kind.new()
    let key = try ObjectKey("a")
    try store.put(key, .bytes(Self.noise(1 << 20)))
    #expect(throws: Enough.self) { try store.read(key, nil) { _ in throw Enough() } }
    #expect(Self.code { _ = try store.bytes(key, limit: 1_000) } == .refused)
    #expect(try store.bytes(key, 0..<1, limit: 1).count == 1)
  }

  // MARK: Names and lists

  @Test(arguments: TestedStore.available) func unusualNames(kind: TestedStore) throws {
    let store = try kind.new()
    let texts = [
      "space and  two", "plus+", "percent%20", "question?mark", "amp&er=sand", "quote'\"", "brackets[](){}<>", "é/日本/🎉",
      "date=2026-11-28/part",
      "semi;colon,comma:colon", "at@dollar$hash#bang!", "tilde~star*", ".hidden", "...", "pipe|caret^tick`",
    ]
    for (index, text) in texts.enumerated() { try store.put(try ObjectKey(text), .bytes([UInt8(index)])) }
    for (index, text) in texts.enumerated() {
      #expect(try store.bytes(try ObjectKey(text), limit: 1) == [UInt8(index)], "\(text)")
      #expect(try Self.names(store, text) == [text], "\(text)")
    }
    #expect(try Self.names(store).sorted(by: ObjectKey.precedes) == texts.sorted(by: ObjectKey.precedes))
    for text in texts { try store.remove(try ObjectKey(text)) }
    #expect(try Self.names(store) == [])
  }

  @Test(arguments: TestedStore.available) func listsComeInPagesAndInOrder(kind: TestedStore) throws {
    let store = try kind.new()
    // SeaweedFS has an order of its own.
    func ordered(_ names: [String]) -> [String] { kind == .seaweedfs ? names.sorted(by: ObjectKey.precedes) : names }
    let texts = ["B", "a", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a/c", "a0", "ab/c", "b/1", "b/10", "b/2", "é"]
      .filter { kind != .directory || !["a", "a/b"].contains($0) }
    for text in texts.reversed() { try store.put(try ObjectKey(text), .bytes([1])) }
    #expect(try ordered(Self.names(store)) == texts)
    for prefix in ["a", "a/", "a/b", "b/1", "b/", "x", "é", "a/b/c", "a/b/c/", "A", "ab/"] {
      #expect(try ordered(Self.names(store, prefix)) == texts.filter { $0.utf8.starts(with: prefix.utf8) }, "\(prefix)")
    }
    for limit in [1, 2, 5, texts.count] {
      var (found, cursor, pages) = ([String](), ObjectListing.Cursor?.none, 0)
      repeat {
        let page = try store.list("", after: cursor, limit: limit)
        #expect(page.objects.count <= limit)
        found += page.objects.map(\.key.text)
        cursor = page.next
        pages += 1
      } while cursor != nil && pages < 50
      #expect(ordered(found) == texts, "pages of \(limit)")
    }
  }

  // MARK: Conditions

  @Test(arguments: TestedStore.available) func anObjectThatIsThereStays(kind: TestedStore) throws {
    let store = try kind.new()
    let key = try ObjectKey("a/b")
    try store.put(key, .bytes([1]), .ifAbsent)
    #expect(Self.code { try store.put(key, .bytes([2]), .ifAbsent) } == .alreadyExists)
    let upload = Result { try store.upload(key, .ifAbsent) }
    #expect(Self.code { try upload.get().complete() } == .alreadyExists)
    #expect(try store.bytes(key, limit: 10) == [1])
    try store.remove(key)
    try store.put(key, .bytes([3]), .ifAbsent)
    #expect(try store.bytes(key, limit: 10) == [3])
  }

  @Test(arguments: TestedStore.available) func ofSeveralWritersOneSucceeds(kind: TestedStore) async throws {
    let store = try kind.new()
    let key = try ObjectKey("manifest")
    let winners = await withTaskGroup(of: Int?.self) { group in
      for writer in 0..<8 {
        group.addTask { Self.code { try store.put(key, .bytes([UInt8(writer)]), .ifAbsent) } == nil ? writer : nil }
      }
      return await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
    }
    #expect(winners.count == 1)
    #expect(try store.bytes(key, limit: 1).map(Int.init) == winners)
  }

  // MARK: Large objects

  private static func file(_ bytes: [UInt8]) throws -> String {
    let path = TestedStore.folder + "/content-\(UUID().uuidString)"
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }

  @Test(arguments: TestedStore.available, [5 << 20, (64 << 20) + 12_345]) func filesOfAnySize(kind: TestedStore, bytes: Int) throws {
    let store = try kind.new()
    let key = try ObjectKey("archive/large.parquet")
    var content = [UInt8](repeating: 0, count: bytes)
    for position in stride(from: 0, to: bytes, by: 997) { content[position] = UInt8(truncatingIfNeeded: position / 997) }
    let path = try Self.file(content)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try store.put(key, .file(path: path), .ifAbsent)
    #expect(try store.head(key)?.bytes == bytes)
    let digest = ContentDigest()
    try store.read(key, nil) { digest.update($0) }
    #expect(digest.finish() == SHA256Digest(of: content).hex)
    #expect(try store.bytes(key, (bytes - 10)..<bytes, limit: 10) == Array(content.suffix(10)))
    #expect(Self.code { try store.put(key, .file(path: path), .ifAbsent) } == .alreadyExists)
    #expect(Self.code { try store.put(key, .file(path: path + "-missing")) } == .invalid)
    #expect(try store.removeUnfinishedUploads(olderThan: .zero) == 0)
  }

  @Test(arguments: TestedStore.available, [0, 10, 40 << 20]) func anUploadIsSeenWhenItIsComplete(kind: TestedStore, bytes: Int) throws {
    let store = try kind.new()
    let key = try ObjectKey("a/streamed")
    let piece = Self.noise(100_003)
    let upload = try store.upload(key)
    let digest = ContentDigest()
    var written = 0
    while written < bytes {
      let part = piece.prefix(bytes - written)
      try part.withUnsafeBytes {
        try upload.write($0)
        digest.update($0)
      }
      written += part.count
    }
    #expect(try store.head(key) == nil && Self.names(store) == [])
    try upload.complete()
    let read = ContentDigest()
    try store.read(key, nil) { read.update($0) }
    #expect(read.finish() == digest.finish())
    #expect(try store.head(key)?.bytes == bytes && Self.names(store) == ["a/streamed"])
  }

  @Test(arguments: TestedStore.available) func anUploadThatEndsEarlyLeavesNothing(kind: TestedStore) throws {
    let store = try kind.new()
    let key = try ObjectKey("a/b")
    let piece = [UInt8](repeating: 1, count: S3Store.partBytes + 1)
    for isDropped in [true, false] {
      let upload = try store.upload(key)
      try piece.withUnsafeBytes { try upload.write($0) }
      if !isDropped { upload.abort() }
    }
    #expect(try store.head(key) == nil && Self.names(store) == [])
    #expect(try store.removeUnfinishedUploads(olderThan: .zero) == 0)
  }

  @Test(arguments: TestedStore.available) func whatAnUploadHasLeftCanBeRemoved(kind: TestedStore) throws {
    let store = try kind.new()
    let piece = [UInt8](repeating: 1, count: S3Store.partBytes + 1)
    let upload = try store.upload(try ObjectKey("unfinished"))
    try piece.withUnsafeBytes { try upload.write($0) }
    try store.put(try ObjectKey("finished"), .bytes([1]))
    // moto says of every upload that it began in 2010.
    if kind != .moto { #expect(try store.removeUnfinishedUploads(olderThan: .seconds(3_600)) == 0) }
    #expect(try store.removeUnfinishedUploads(olderThan: .seconds(-5)) == 1)
    #expect(Self.code { try upload.complete() } != nil)
    #expect(try Self.names(store) == ["finished"])
  }

  // MARK: The store itself

  @Test(arguments: TestedStore.available) func aStoreIsCreatedOnce(kind: TestedStore) throws {
    let store = try kind.new(create: false)
    let key = try ObjectKey("a")
    #expect(Self.code { _ = try store.list("", after: nil, limit: 10) } == .noStore)
    #expect(Self.code { _ = try store.bytes(key, limit: 10) } == .noStore)
    // SeaweedFS creates a bucket for its first object.
    if kind != .seaweedfs { #expect(Self.code { try store.put(key, .bytes([1])) } == .noStore) }
    #expect(try store.create())
    #expect(try store.create() == false)
    try store.put(key, .bytes([1]))
    #expect(try Self.names(store) == ["a"])
  }

  @Test(arguments: TestedStore.servers) func aWrongSecretIsDenied(kind: TestedStore) throws {
    let server = try StoreServers.server(kind.rawValue)
    let store = try TestedStore.s3("s3://bucket-of-nobody", server, secret: "wrong")
    #expect(Self.code { _ = try store.list("", after: nil, limit: 10) } == .denied)
    #expect(Self.code { _ = try store.create() } == .denied)
    #expect(Self.code { try store.put(try ObjectKey("a"), .bytes([1])) } == .denied)
  }

  /// More objects than one answer holds.
  @Test(arguments: TestedStore.available) func listsGoOnBehindAThousandObjects(kind: TestedStore) throws {
    let store = try kind.new()
    let texts = (0..<1_003).map { "many/\(String($0 + 10_000).dropFirst()) é+" }
    if let directory = store as? DirectoryStore {
      // Without thousands of fsyncs.
      try FileManager.default.createDirectory(atPath: directory.path + "/many", withIntermediateDirectories: true)
      for text in texts { try Data([1]).write(to: URL(filePath: "\(directory.path)/\(text)")) }
    } else {
      for text in texts { try store.put(try ObjectKey(text), .bytes([1])) }
    }
    #expect(try Self.names(store, "many/") == texts)
    #expect(try Self.names(store, "many/09").count == 100 && Self.names(store, "many/012").count == 10)
  }
}
