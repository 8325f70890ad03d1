import Synchronization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that says who is let in, and that is read again when it changes.
///
/// A change that cannot be used (a line that is wrong, permissions that are too wide) leaves the content before in force and is logged, so
/// that a mistake in it does not lock everyone out; without the file nobody is let in.
public final class WatchedFile<Content: Sendable>: Sendable {
  /// What changes with the content. The time of the inode is there because the other one can be set.
  private struct Version: Sendable, Equatable {
    var inode: UInt64
    var size: Int64
    var seconds: [Int]
    var mode: UInt32
  }

  private struct State: Sendable {
    var content: Content?
    var version: Version?
    var checkedAt: UInt64
  }

  /// The configuration key of the path, for messages.
  public let key: String
  private let path: String
  /// What the file holds, such as `tokens`, for messages.
  private let noun: String
  private let read: @Sendable (_ path: String) throws -> Content
  private let checkNanoseconds: UInt64
  private let log: Log
  private let now: @Sendable () -> UInt64
  private let state: Mutex<State>

  /// Reads the file; throws if it cannot be used.
  ///
  /// - Parameter checkInterval: how long a change may go unnoticed; zero for a look at the file's times at each request.
  public init(
    key: String, path: String, noun: String, checkInterval: Duration = .seconds(1), log: Log,
    now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() }, read: @escaping @Sendable (_ path: String) throws -> Content
  ) throws {
    self.key = key
    self.path = path
    self.noun = noun
    self.read = read
    checkNanoseconds = checkInterval.nanoseconds
    self.log = log
    self.now = now
    let version = Self.version(path)
    state = Mutex(State(content: try read(path), version: version, checkedAt: now()))
  }

  /// `nil` without the file.
  public var current: Content? { content(checksNow: false) }

  /// Looks at once whether the file has changed.
  public func check() { _ = content(checksNow: true) }

  private func content(checksNow: Bool) -> Content? {
    let now = now()
    return state.withLock { state in
      guard checksNow || now >= state.checkedAt + checkNanoseconds else { return state.content }
      state.checkedAt = now
      let version = Self.version(path)
      guard version != state.version else { return state.content }
      state.version = version
      reload(&state)
      return state.content
    }
  }

  private func reload(_ state: inout State) {
    guard state.version != nil else {
      state.content = nil
      log.error("\(key) = \(path): the file is gone, so nobody is let in until it is back")
      return
    }
    do {
      state.content = try read(path)
      log.info("\(key) = \(path) has been read again")
    } catch {
      let consequence =
        state.content == nil ? "so nobody is let in" : "so the \(noun) before stay in force, also those that it removes"
      log.error("\(key) = \(path) has changed and cannot be used, \(consequence): \(error)")
    }
  }

  private static func version(_ path: String) -> Version? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    #if canImport(Glibc)
      let times = [status.st_mtim, status.st_ctim]
    #else
      let times = [status.st_mtimespec, status.st_ctimespec]
    #endif
    return Version(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: times.flatMap { [Int($0.tv_sec), Int($0.tv_nsec)] },
      mode: UInt32(status.st_mode))
  }
}
