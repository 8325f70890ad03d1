#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes a file that must not exist yet.
///
/// A file that is being written must not be found by readers of a directory: write it outside their tree and move it in after `close`.
public final class ParquetFileSink: ParquetSink {
  public let path: String
  private var descriptor: Int32

  public init(path: String) throws(ParquetError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    if descriptor < 0 { throw Self.failure(path, "cannot create it") }
  }

  deinit { if descriptor >= 0 { _ = Glibc.close(descriptor) } }

  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(descriptor >= 0, "\(path) is closed")
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw Self.failure(path, "cannot write it")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Makes the file durable and closes it.
  public func close() throws(ParquetError) {
    precondition(descriptor >= 0, "\(path) is closed already")
    defer {
      _ = Glibc.close(descriptor)
      descriptor = -1
    }
    if fsync(descriptor) != 0 { throw Self.failure(path, "fsync failed") }
  }

  private static func failure(_ path: String, _ what: String) -> ParquetError {
    .file(path: path, problem: "\(what): \(String(cString: strerror(errno)))")
  }
}
