import Digests
import Foundation

/// SHA-256 of a file, read piece by piece.
enum FileDigest {
  /// `nil` for what is not a regular file, such as a directory, a pipe or an address.
  static func sha256(_ path: String) -> (text: String, bytes: Int)? {
    // Opening a named pipe would take its writer away from the reader that comes next.
    guard FileState(path) != nil else { return nil }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let digest = ContentDigest()
    var bytes = 0
    return withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 16) { buffer in
      while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return nil }
        guard count > 0 else { return (digest.finish(), bytes) }
        digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        bytes += count
      }
    }
  }
}
