#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A store in a directory: an object is a file, and the parts of its name are directories.
///
/// A file is written under `.uploads`, fsynced and moved to its name; then the directory is fsynced. Readers of the tree, such as Spark,
/// find nothing unfinished.
public struct DirectoryStore: ObjectStore {
  public let path: String
  public var name: String { path }

  /// - Parameter path: without `/` at its end.
  public init(path: String) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
  }

  func file(_ key: ObjectKey) -> String { "\(path)/\(key)" }
  var uploads: String { "\(path)/\(ObjectKey.reservedPart)" }

  // MARK: Writing

  public func put(_ key: ObjectKey, _ content: ObjectContent, _ condition: PutCondition) throws(ObjectStoreError) {
    let upload = try DirectoryUpload(self, key, condition)
    switch content {
    case .bytes(let bytes):
      let result = bytes.withUnsafeBytes { bytes in Result { () throws(ObjectStoreError) in try upload.write(bytes) } }
      try result.get()
    case .file(let source):
      let file = try FilePieces(source: source)
      while let piece = try file.next() { try upload.write(piece) }
    }
    try upload.complete()
  }

  public func upload(_ key: ObjectKey, _ condition: PutCondition) throws(ObjectStoreError) -> any ObjectUpload {
    try DirectoryUpload(self, key, condition)
  }

  /// Moves a finished file to its name.
  func place(_ temporary: String, at key: ObjectKey, _ condition: PutCondition) throws(ObjectStoreError) {
    let target = file(key)
    // Whoever removes the last object of a directory removes the directory, too, perhaps at this moment.
    for _ in 0..<100 {
      try makeParents(of: key)
      if condition == .ifAbsent ? link(temporary, target) == 0 : rename(temporary, target) == 0 {
        if condition == .ifAbsent { unlink(temporary) }
        return try LocalFile.synchronizeDirectory(Self.parent(of: target))
      }
      switch errno {
      case ENOENT:
        if access(temporary, F_OK) != 0 {
          throw ObjectStoreError(
            .unavailable, "cannot write \(target): somebody has removed what was written of it, perhaps `freshet store clean`")
        }
      case EEXIST: throw ObjectStoreError(.alreadyExists, "\(target) exists already")
      case EISDIR, ENOTEMPTY:
        throw ObjectStoreError(.invalid, "\(target) is a directory of other objects: in a directory, a name cannot also begin other names")
      case ENOTDIR: throw Self.isObject(Self.parent(of: target))
      default: throw LocalFile.failure("cannot write \(target)")
      }
    }
    throw ObjectStoreError(.unavailable, "cannot write \(target): its directory is removed again and again")
  }

  private func makeParents(of key: ObjectKey) throws(ObjectStoreError) {
    var directory = path
    for part in key.text.split(separator: "/").dropLast() {
      let parent = directory
      directory += "/" + part
      if mkdir(directory, 0o750) == 0 {
        try LocalFile.synchronizeDirectory(parent)
      } else if errno == ENOENT {
        // Removed meanwhile; `place` begins again.
        return
      } else if errno != EEXIST {
        throw errno == ENOTDIR ? Self.isObject(parent) : LocalFile.failure("cannot create the directory \(directory)")
      }
    }
  }

  private static func isObject(_ path: String) -> ObjectStoreError {
    ObjectStoreError(.invalid, "\(path) is an object: in a directory, a name cannot also begin other names")
  }

  private static func parent(of path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

  // MARK: Reading

  public func read(_ key: ObjectKey, _ range: Range<Int>?, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    let pieces: FilePieces
    do throws(ObjectStoreError) { pieces = try FilePieces(file(key), range ?? 0..<Int.max) } catch {
      if error.code == .notFound { try checkRoot() }
      throw error
    }
    while let piece = try pieces.next() { try take(piece) }
  }

  public func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    var status = stat()
    guard lstat(file(key), &status) == 0 else {
      if errno == ENAMETOOLONG { throw LocalFile.failure("cannot look for \(file(key))") }
      return nil
    }
    return status.st_mode & S_IFMT == S_IFREG ? Self.info(key, status) : nil
  }

  static func info(_ key: ObjectKey, _ status: stat) -> ObjectInfo {
    let time = status.st_mtim
    let tag = [Int64(status.st_ino), Int64(status.st_size), Int64(time.tv_sec), Int64(time.tv_nsec)]
    return ObjectInfo(
      key: key, bytes: Int(status.st_size), modifiedMilliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000,
      tag: tag.map { String($0, radix: 16) }.joined(separator: "-"))
  }

  public func list(_ prefix: String, after: ObjectListing.Cursor?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try checkRoot()
    var walk = DirectoryWalk(root: path, prefix: prefix, after: after?.text, limit: min(max(limit, 1), 1_000))
    try walk.run()
    return ObjectListing(objects: walk.found, next: walk.isCut ? walk.found.last.map { .init(text: $0.key.text) } : nil)
  }

  func checkRoot() throws(ObjectStoreError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT else { throw LocalFile.failure("cannot use \(path)") }
      throw ObjectStoreError(.noStore, "the directory \(path) does not exist: create it with `freshet store create \(path)`")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw ObjectStoreError(.invalid, "\(path) is not a directory") }
  }

  // MARK: Removing

  public func remove(_ key: ObjectKey) throws(ObjectStoreError) {
    try checkRoot()
    guard unlink(file(key)) == 0 else {
      if errno == ENOENT || errno == ENOTDIR || errno == EISDIR { return }
      throw LocalFile.failure("cannot remove \(file(key))")
    }
    // Directories without objects are no part of a store.
    var directory = Self.parent(of: file(key))
    while directory.utf8.count > path.utf8.count, rmdir(directory) == 0 { directory = Self.parent(of: directory) }
    if access(directory, F_OK) == 0 { try LocalFile.synchronizeDirectory(directory) }
  }

  public func create() throws(ObjectStoreError) -> Bool {
    var status = stat()
    if stat(path, &status) == 0 {
      try checkRoot()
      return false
    }
    var directory = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      directory += "/" + part
      guard mkdir(directory, 0o750) == 0 || errno == EEXIST else { throw LocalFile.failure("cannot create the directory \(directory)") }
    }
    try checkRoot()
    return true
  }

  public func removeUnfinishedUploads(olderThan age: Duration) throws(ObjectStoreError) -> Int {
    try checkRoot()
    let latest = time(nil) - Int(age.components.seconds)
    var removed = 0
    for entry in LocalFile.entries(uploads) ?? [] where !entry.isDirectory {
      let file = "\(uploads)/\(entry.name)"
      var status = stat()
      guard lstat(file, &status) == 0, status.st_mtim.tv_sec <= latest else { continue }
      if unlink(file) == 0 { removed += 1 } else if errno != ENOENT { throw LocalFile.failure("cannot remove \(file)") }
    }
    return removed
  }
}
