#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import Synchronization

/// Writes log lines to standard error: one line per entry, secrets masked, repetitions held back.
///
/// A line is written with one `write` under a lock, so lines of several threads do not mix.
/// If the reader of standard error stops reading, writers wait; a log collector must not do that.
public final class StandardErrorSink: LogSink {
  private let formatter: LogFormatter
  private let minimumLevelValue: Atomic<Int>
  private let limiter: Mutex<LogRateLimiter>
  private let output: @Sendable (String) -> Void
  private let monotonicNanoseconds: @Sendable () -> UInt64
  private let wallMilliseconds: @Sendable () -> Int64

  public convenience init(format: LogFormat = .auto, minimumLevel: LogLevel = .info, instance: String? = nil) {
    let shape: LogFormatter.Shape =
      switch format {
      case .json: .json
      case .text: .text
      case .auto: isatty(STDERR_FILENO) == 1 ? .text : .json
      }
    self.init(formatter: LogFormatter(shape: shape, instance: instance), minimumLevel: minimumLevel, output: writeToStandardError)
  }

  /// For tests and other outputs: `output` gets each line without its line break, one at a time.
  public init(
    formatter: LogFormatter,
    minimumLevel: LogLevel = .info,
    limiter: LogRateLimiter = LogRateLimiter(),
    output: @escaping @Sendable (String) -> Void,
    monotonicNanoseconds: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() },
    wallMilliseconds: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
  ) {
    self.formatter = formatter
    self.minimumLevelValue = Atomic(minimumLevel.rawValue)
    self.limiter = Mutex(limiter)
    self.output = output
    self.monotonicNanoseconds = monotonicNanoseconds
    self.wallMilliseconds = wallMilliseconds
  }

  /// Lines less severe than this are dropped; may be changed at any time, from any thread.
  ///
  /// A `Log` has a level of its own: set that to `.debug` if this one is to decide.
  public var minimumLevel: LogLevel {
    get { LogLevel(rawValue: minimumLevelValue.load(ordering: .relaxed)) ?? .info }
    set { minimumLevelValue.store(newValue.rawValue, ordering: .relaxed) }
  }

  public func write(
    _ level: LogLevel, component: String, message: String, fields: [(key: String, value: LogValue)], repetition: LogRepetition
  ) {
    guard level <= minimumLevel else { return }
    let now = monotonicNanoseconds()
    limiter.withLock { limiter in
      let decision: LogRateLimiter.Decision =
        switch repetition {
        case .always: .write(repeated: 0)
        case .limited: limiter.decide(component: component, message: message, level: level, nowNanoseconds: now)
        }
      write(limiter.takeOverdue(nowNanoseconds: now))
      guard case .write(let repeated) = decision else { return }
      let entry = LogEntry(
        timeMilliseconds: wallMilliseconds(), level: level, component: component, message: message, fields: fields, repeated: repeated)
      output(formatter.line(entry))
    }
  }

  /// Writes the counts of lines still held back; call it before the process ends.
  public func flush() {
    let now = monotonicNanoseconds()
    limiter.withLock { write($0.takeOverdue(nowNanoseconds: now, all: true)) }
  }

  private func write(_ overdue: [LogRateLimiter.Overdue]) {
    for line in overdue {
      let entry = LogEntry(
        timeMilliseconds: wallMilliseconds(), level: line.level, component: line.key.component, message: line.key.message,
        repeated: line.repeated)
      output(formatter.line(entry))
    }
  }
}

private func writeToStandardError(_ line: String) {
  var bytes = Array(line.utf8)
  bytes.append(UInt8(ascii: "\n"))
  bytes.withUnsafeBytes { buffer in
    var rest = buffer[...]
    while !rest.isEmpty {
      let written = write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if errno != EINTR {
        return  // The reader is gone; a log that cannot be written must not end the process.
      }
    }
  }
}
