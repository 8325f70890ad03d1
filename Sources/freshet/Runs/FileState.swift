import Foundation

/// What tells a file from a later one of the same name.
struct FileState: Equatable {
  var bytes: Int
  var modifiedMilliseconds: Int64

  /// `nil` for what is not a regular file.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    bytes = Int(status.st_size)
    modifiedMilliseconds = Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
  }
}
