#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Parquet files of other programs, as the CSV that `freshet-py rows` of the Python package prints of them.
///
/// The format has more encodings than are worth a reader of our own: pyarrow reads them all, in a process beside this one.
final class ParquetRows {
  private static let program = "freshet-py"

  /// Where the CSV is read.
  let descriptor: Int32
  private let path: String
  private var pid: pid_t

  /// Whether a path is for this reader: a Parquet file, a directory with some, or a place in an S3 bucket.
  static func reads(_ path: String) -> Bool {
    if path.hasPrefix("s3://") || path.lowercased().hasSuffix(".parquet") { return true }
    return hasParquet(directory: path, depth: 3)
  }

  private static func hasParquet(directory path: String, depth: Int) -> Bool {
    guard depth > 0, let directory = opendir(path) else { return false }
    defer { closedir(directory) }
    var directories: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasPrefix(".") || name.hasPrefix("_") { continue }
      if name.hasSuffix(".parquet") { return true }
      // The partitions of a table.
      if name.contains("=") { directories.append(name) }
    }
    return directories.contains { hasParquet(directory: "\(path)/\($0)", depth: depth - 1) }
  }

  init(_ path: String) throws(DatasetError) {
    self.path = path
    if !path.hasPrefix("s3://"), access(path, F_OK) != 0 { throw DatasetError(.missing, path: path) }
    guard let program = Self.find() else {
      throw DatasetError(
        .otherKind(
          "Parquet is read by the Python package of Freshet: pip install 'freshet[parquet]', so that \(Self.program) is on the PATH"),
        path: path)
    }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw DatasetError(.unreadable(String(cString: strerror(errno))), path: path) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = ([program, "rows", "--flat", "--", path] as [String]).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    pid = 0
    let code = posix_spawn(&pid, program, &actions, nil, &arguments, environ)
    close(ends[1])
    descriptor = ends[0]
    guard code == 0 else {
      pid = 0
      throw DatasetError(.unreadable("\(program): \(String(cString: strerror(code)))"), path: path)
    }
  }

  /// Called at the end of the CSV: whether it was the end of the table.
  func finish() throws(DatasetError) {
    guard pid > 0 else { return }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    pid = 0
    guard status != 0 else { return }
    throw DatasetError(.otherKind("\(Self.program) could not read it; what it says stands above"), path: path)
  }

  deinit {
    close(descriptor)
    // Without a reader it ends by itself.
    var status: Int32 = 0
    if pid > 0 { while waitpid(pid, &status, 0) < 0, errno == EINTR {} }
  }

  private static func find() -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
  }
}
