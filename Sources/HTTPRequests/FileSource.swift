#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is sent, read piece by piece. Not Sendable: one thread at a time.
final class FileSource {
  let path: String
  /// When it was opened; what is added later is not sent.
  let byteCount: Int
  private let descriptor: Int32

  init(_ path: String) throws(HTTPConnection.Fault) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .init(.unreadableFile, "\(path) cannot be read (\(String(cString: strerror(errno))))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .init(.unreadableFile, "\(path) is not a regular file")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Returns how many bytes were read: 0 at the end, less if that is impossible.
  func read(at position: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let count = pread(descriptor, target.baseAddress, target.count, off_t(position))
      if count >= 0 || errno != EINTR { return count }
    }
  }
}
