import Foundation

/// Reads files that determine where this process sends its requests and secrets, and refuses those that another user could have written.
enum TrustedFile {
  /// Returns `nil` if there is no such file or this user may not read it.
  ///
  /// Throws if another user owns or may write the file or directory, or if it is not a regular file.
  static func contents(directory: String, name: String) throws -> Data? {
    let path = "\(directory)/\(name)"
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return nil }
    defer { close(folder) }
    // O_NONBLOCK, because opening a named pipe would otherwise block.
    let descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ELOOP { throw distrust(path, "is a symbolic link") }
      return nil
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try check(folder, directory, isRegular: false)
    try check(descriptor, path, isRegular: true)
    return try file.readToEnd() ?? Data()
  }

  private static func check(_ descriptor: Int32, _ path: String, isRegular: Bool) throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw distrust(path, "cannot be examined") }
    if isRegular, status.st_mode & S_IFMT != S_IFREG { throw distrust(path, "is not a regular file") }
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw distrust(path, "belongs to another user (uid \(status.st_uid))")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw CommandFailure(
        "\(path) may be written by other users, so it is not trusted: run chmod go-w '\(path)', or name another directory with --data-dir",
        status: .configuration)
    }
  }

  private static func distrust(_ path: String, _ why: String) -> CommandFailure {
    CommandFailure(
      "\(path) \(why), so it is not trusted: run this command as the engine's user, or name another directory with --data-dir",
      status: .configuration)
  }
}
