import Foundation

/// A file that appears as a whole: written beside its name, fsynced and moved to it.
final class NewFile {
  private let path: String
  private let temporary: String
  private let replaces: Bool
  private var descriptor: Int32

  /// - Parameter replaces: whether a file that is there may go; without it, nothing is written over.
  init(_ path: String, replaces: Bool) throws {
    (self.path, self.replaces) = (path, replaces)
    if !replaces, access(path, F_OK) == 0 { throw CommandFailure("\(path) exists already: --force replaces it, or name another file") }
    temporary = "\(path).\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw Self.failure("cannot write \(temporary)") }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let written = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw Self.failure("cannot write \(temporary)")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  func finish() throws {
    guard fsync(descriptor) == 0 else { throw Self.failure("fsync of \(temporary) failed") }
    if replaces {
      guard rename(temporary, path) == 0 else { throw Self.failure("cannot write \(path)") }
    } else {
      guard link(temporary, path) == 0 else { throw Self.failure("cannot write \(path)") }
      unlink(temporary)
    }
    close(descriptor)
    descriptor = -1
  }

  private static func failure(_ what: String) -> CommandFailure { CommandFailure("\(what): \(String(cString: strerror(errno)))") }
}
