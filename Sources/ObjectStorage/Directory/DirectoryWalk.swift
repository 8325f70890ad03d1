#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Finds files below a directory in the order of the bytes of their names, from a name on.
///
/// Holds the names of one directory a level; directories that cannot contain anything wanted are not opened.
struct DirectoryWalk {
  private let root: String
  private let prefix: String
  private let after: String?
  private let limit: Int
  private(set) var found: [ObjectInfo] = []
  /// Whether there are more.
  private(set) var isCut = false

  init(root: String, prefix: String, after: String?, limit: Int) {
    (self.root, self.prefix, self.after, self.limit) = (root, prefix, after, limit)
  }

  mutating func run() throws(ObjectStoreError) {
    // Everything that begins with `a/b/c` is in the directory `a/b`.
    let start = prefix.lastIndex(of: "/").map { String(prefix[...$0]) } ?? ""
    let parts = start.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else { return }
    try walk(start)
  }

  /// - Parameter directory: below the root, empty or with `/` at its end.
  private mutating func walk(_ directory: String) throws(ObjectStoreError) {
    guard let entries = LocalFile.entries(root + "/" + directory) else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw LocalFile.failure("cannot list \(root)/\(directory)")
    }
    // A directory stands where the names in it stand: `a-b` comes before `a/c`.
    var names = entries.map { directory + $0.name + ($0.isDirectory ? "/" : "") }
    names.sort(by: ObjectKey.precedes)
    for name in names where !isCut {
      if name.hasSuffix("/") { if mayContain(name) { try walk(name) } } else { take(name) }
    }
  }

  private func mayContain(_ directory: String) -> Bool {
    guard directory != ObjectKey.reservedPart + "/" else { return false }
    guard Self.isStart(prefix, of: directory) || Self.isStart(directory, of: prefix) else { return false }
    guard let after else { return true }
    return ObjectKey.precedes(after, directory) || Self.isStart(directory, of: after)
  }

  private mutating func take(_ name: String) {
    guard Self.isStart(prefix, of: name), let key = try? ObjectKey(name) else { return }
    if let after, !ObjectKey.precedes(after, name) { return }
    var status = stat()
    guard lstat("\(root)/\(name)", &status) == 0 else { return }
    if found.count == limit { isCut = true } else { found.append(DirectoryStore.info(key, status)) }
  }

  /// By bytes; `hasPrefix` takes different characters for equal ones.
  private static func isStart(_ start: String, of text: String) -> Bool { text.utf8.starts(with: start.utf8) }
}
