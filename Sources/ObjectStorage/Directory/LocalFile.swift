#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Calls of the system on files, with errors that name the path.
enum LocalFile {
  struct Entry {
    var name: String
    var isDirectory: Bool
  }

  static func failure(_ what: String) -> ObjectStoreError {
    let code: ObjectStoreError.Code =
      switch errno {
      case ENOENT, ENOTDIR: .notFound
      case EACCES, EPERM, EROFS: .denied
      case ENAMETOOLONG: .invalid
      default: .unavailable
      }
    return ObjectStoreError(code, "\(what): \(String(cString: strerror(errno)))")
  }

  static func synchronizeDirectory(_ path: String) throws(ObjectStoreError) {
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // Removed meanwhile, so there is nothing to keep.
    if descriptor < 0, errno == ENOENT { return }
    guard descriptor >= 0 else { throw failure("cannot open \(path)") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("fsync of \(path) failed") }
  }

  /// Opens a regular file, not a link to one.
  static func open(reading path: String) throws(ObjectStoreError) -> (descriptor: Int32, bytes: Int) {
    let descriptor = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw errno == ENOENT || errno == ENOTDIR ? ObjectStoreError(.notFound, "there is no \(path)") : failure("cannot read \(path)")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw ObjectStoreError(.notFound, "\(path) is not a file")
    }
    return (descriptor, Int(status.st_size))
  }

  /// Directories and regular files in a directory; `nil` if it does not exist.
  static func entries(_ path: String) -> [Entry]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var found: [Entry] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(validating: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let name, name != ".", name != ".." else { continue }
      switch Int32(entry.pointee.d_type) {
      case Int32(DT_REG): found.append(Entry(name: name, isDirectory: false))
      case Int32(DT_DIR): found.append(Entry(name: name, isDirectory: true))
      case Int32(DT_UNKNOWN):
        var status = stat()
        guard lstat("\(path)/\(name)", &status) == 0 else { continue }
        let kind = status.st_mode & S_IFMT
        if kind == S_IFREG || kind == S_IFDIR { found.append(Entry(name: name, isDirectory: kind == S_IFDIR)) }
      default: break
      }
    }
    return found
  }
}
