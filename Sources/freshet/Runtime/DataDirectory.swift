import Foundation
import StreamingRecommender

/// A lock on the engine's data directory. Only one process may hold it, because two would overwrite each other's snapshots.
final class DataDirectory: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw CommandFailure("cannot make the directory \(path): choose another with --data-dir", status: .configuration)
    }
    descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandFailure(
        "cannot write to \(path): \(String(cString: strerror(errno))). Choose another with --data-dir", status: .configuration)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw CommandFailure("\(path) is held by another freshet: stop that one, or choose another directory with --data-dir")
    }
  }

  deinit { close(descriptor) }

  static func temporary(_ name: String) throws -> String {
    let path = NSTemporaryDirectory() + "freshet-\(name)-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return path
  }
}
