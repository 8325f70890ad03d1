import Foundation
import Testing

@testable import ObjectStorage

/// What only a directory does.
@Suite struct DirectoryStoreTests {
  private static func new() throws -> DirectoryStore {
    let store = DirectoryStore(path: TestedStore.folder + "/\(UUID().uuidString)/deep")
    _ = try store.create()
    return store
  }

  private static func error(_ body: () throws -> Void) -> ObjectStoreError? {
    do {
      try body()
      return nil
    } catch { return error as? ObjectStoreError }
  }

  @Test func objectsAreFilesUnderTheirNames() throws {
    let store = try Self.new()
    try store.put(try ObjectKey("date=2026-11-28/a.parquet"), .bytes([1, 2]))
    #expect(try Data(contentsOf: URL(filePath: store.path + "/date=2026-11-28/a.parquet")) == Data([1, 2]))
    #expect(try FileManager.default.contentsOfDirectory(atPath: store.path).sorted() == [".uploads", "date=2026-11-28"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: store.uploads) == [])
  }

  /// Spark, DuckDB and Polars read whole trees: nothing that is being written may be found by its name.
  @Test func whatIsBeingWrittenIsNoParquetFile() throws {
    let store = try Self.new()
    let upload = try store.upload(try ObjectKey("a/b.parquet"))
    let found = FileManager.default.enumerator(atPath: store.path)?.compactMap { $0 as? String } ?? []
    #expect(found.count == 2 && found.allSatisfy { $0.hasPrefix(".uploads") && !$0.hasSuffix(".parquet") })
    upload.abort()
  }

  @Test func aNameCannotAlsoBeginOtherNames() throws {
    let store = try Self.new()
    try store.put(try ObjectKey("a/b"), .bytes([1]))
    #expect(Self.error { try store.put(try ObjectKey("a"), .bytes([1])) }?.code == .invalid)
    #expect(Self.error { try store.put(try ObjectKey("a/b/c"), .bytes([1])) }?.code == .invalid)
    #expect(try FileManager.default.contentsOfDirectory(atPath: store.uploads) == [])
  }

  @Test func aPartOfANameThatIsTooLongIsRefused() throws {
    let store = try Self.new()
    let error = Self.error { try store.put(try ObjectKey("a/" + String(repeating: "x", count: 256)), .bytes([1])) }
    #expect(error?.code == .invalid && error?.description.contains("255") == true)
  }

  @Test func directoriesWithoutObjectsGo() throws {
    let store = try Self.new()
    try store.put(try ObjectKey("a/b/c"), .bytes([1]))
    try store.put(try ObjectKey("a/d"), .bytes([1]))
    try store.remove(try ObjectKey("a/b/c"))
    #expect(!FileManager.default.fileExists(atPath: store.path + "/a/b") && FileManager.default.fileExists(atPath: store.path + "/a/d"))
    try store.remove(try ObjectKey("a/d"))
    #expect(!FileManager.default.fileExists(atPath: store.path + "/a") && FileManager.default.fileExists(atPath: store.path))
  }

  @Test func writersAndRemoversOfOneDirectoryDoNotFail() async throws {
    let store = try Self.new()
    await withTaskGroup(of: ObjectStoreError?.self) { group in
      for worker in 0..<4 {
        group.addTask {
          Self.error {
            for round in 0..<20 {
              let key = try ObjectKey("x/y/\(worker)-\(round)")
              try store.put(key, .bytes([1]))
              try store.remove(key)
            }
          }
        }
      }
      for await error in group { #expect(error == nil) }
    }
    #expect(try store.list("", after: nil, limit: 10).objects == [])
  }

  @Test func linksAreNoObjects() throws {
    let store = try Self.new()
    try store.put(try ObjectKey("a"), .bytes([1]))
    try FileManager.default.createSymbolicLink(atPath: store.path + "/link", withDestinationPath: store.path + "/a")
    try FileManager.default.createSymbolicLink(atPath: store.path + "/loop", withDestinationPath: store.path)
    #expect(try store.list("", after: nil, limit: 10).objects.map(\.key.text) == ["a"])
    #expect(try store.head(try ObjectKey("link")) == nil)
    #expect(Self.error { _ = try store.bytes(try ObjectKey("link"), limit: 10) } != nil)
  }

  @Test func aDirectoryThatIsMissingSaysHowToCreateIt() throws {
    let store = DirectoryStore(path: TestedStore.folder + "/missing-\(UUID().uuidString)")
    let error = Self.error { try store.put(try ObjectKey("a"), .bytes([1])) }
    #expect(error?.code == .noStore && error?.description.contains("freshet store create \(store.path)") == true)
  }
}
