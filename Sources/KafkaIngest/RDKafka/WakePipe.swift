import CRdKafka

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Wakes the thread that waits for Kafka: librdkafka writes a byte when a queue is no longer empty, other threads to end the wait.
///
/// `@unchecked Sendable`: both descriptors are constant, and reading and writing a pipe is safe from any thread.
final class WakePipe: @unchecked Sendable {
  enum Reason: UInt8 {
    /// A queue is no longer empty.
    case queue = 1
    /// The waiting call should return.
    case request = 2
  }

  let writeEnd: Int32
  private let readEnd: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    precondition(pipe(&ends) == 0, "no file descriptor left for a pipe (errno \(errno))")
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// A full pipe wakes the reader as well.
  func signal(_ reason: Reason) {
    var byte = reason.rawValue
    _ = write(writeEnd, &byte, 1)
  }

  /// Waits for a byte, at most so long, and empties the pipe.
  /// True if a return was requested.
  func wait(nanoseconds: UInt64) -> Bool {
    var descriptor = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
    _ = freshet_poll(&descriptor, nanoseconds)
    return drain()
  }

  private func drain() -> Bool {
    var requested = false
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 512) { buffer in
      while true {
        let count = read(readEnd, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }
        requested = requested || buffer[..<count].contains(Reason.request.rawValue)
        if count < buffer.count { return }
      }
    }
    return requested
  }
}
