import Telemetry

/// A file of tokens that is read again when it changes; see `WatchedFile`.
public final class AccessTokenFile: Sendable {
  /// Reads the file, and refuses one that others may read.
  public typealias Read = @Sendable (_ path: String) throws -> String

  public enum Answer: Sendable, Equatable {
    case found(AccessToken)
    case unknown
    /// There is no file.
    case unavailable
  }

  private let file: WatchedFile<AccessTokens>

  /// Reads the file; throws if it cannot be used.
  ///
  /// - Parameter checkInterval: how long a change may go unnoticed; zero for a look at the file's times at each request.
  public init(
    key: String, path: String, checkInterval: Duration = .seconds(1), log: Log,
    now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() }, read: @escaping Read
  ) throws {
    file = try WatchedFile(key: key, path: path, noun: "tokens", checkInterval: checkInterval, log: log, now: now) { path in
      try AccessTokens(parsing: read(path))
    }
  }

  /// The configuration key of the path, for messages.
  public var key: String { file.key }

  /// Looks at once whether the file has changed.
  public func check() { file.check() }

  public func find(_ sent: [UInt8]) -> Answer {
    guard let tokens = file.current else { return .unavailable }
    return tokens.find(sent).map { .found($0) } ?? .unknown
  }
}
