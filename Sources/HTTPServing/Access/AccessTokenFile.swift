import Synchronization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file of tokens that is read again when it changes.
///
/// A change that cannot be used (a line that is wrong, permissions that are too wide) leaves the tokens before in force and is logged, so
/// that a slip of the pen does not lock everybody out; without the file nobody is let in.
public final class AccessTokenFile: Sendable {
  /// Reads the file, and refuses one that others may read.
  public typealias Read = @Sendable (_ path: String) throws -> String

  public enum Answer: Sendable, Equatable {
    case found(AccessToken)
    case unknown
    /// There is no file.
    case unavailable
  }

  /// What changes with the content. The time of the inode is there because the other one can be set.
  private struct Version: Sendable, Equatable {
    var inode: UInt64
    var size: Int64
    var seconds: [Int]
    var mode: UInt32
  }

  private struct State: Sendable {
    var tokens: AccessTokens?
    var version: Version?
    var checkedAt: UInt64
  }

  /// The configuration key of the path, for messages.
  public let key: String
  private let path: String
  private let read: Read
  private let checkNanoseconds: UInt64
  private let log: Log
  private let now: @Sendable () -> UInt64
  private let state: Mutex<State>

  /// Reads the file; throws if it cannot be used.
  ///
  /// - Parameter checkInterval: how long a change may go unnoticed; zero for a look at the file's times at each request.
  public init(
    key: String, path: String, checkInterval: Duration = .seconds(1), log: Log,
    now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() }, read: @escaping Read
  ) throws {
    self.key = key
    self.path = path
    self.read = read
    checkNanoseconds = checkInterval.nanoseconds
    self.log = log
    self.now = now
    let version = Self.version(path)
    state = Mutex(State(tokens: try AccessTokens(parsing: read(path)), version: version, checkedAt: now()))
  }

  public func find(_ sent: [UInt8]) -> Answer {
    guard let tokens = current() else { return .unavailable }
    return tokens.find(sent).map { .found($0) } ?? .unknown
  }

  private func current() -> AccessTokens? {
    let now = now()
    return state.withLock { state in
      guard now >= state.checkedAt + checkNanoseconds else { return state.tokens }
      state.checkedAt = now
      let version = Self.version(path)
      guard version != state.version else { return state.tokens }
      state.version = version
      reload(&state)
      return state.tokens
    }
  }

  private func reload(_ state: inout State) {
    guard state.version != nil else {
      state.tokens = nil
      log.error("\(key) = \(path): the file is gone, so nobody is let in until it is back")
      return
    }
    do {
      let tokens = try AccessTokens(parsing: read(path))
      state.tokens = tokens
      log.info("\(key) = \(path) has been read again", ["tokens": tokens.tokens.count])
    } catch {
      let consequence = state.tokens == nil ? "so nobody is let in" : "so the tokens before stay in force, also those that it removes"
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
