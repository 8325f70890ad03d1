import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// A process that writes a namespace, as it stands in the key `<p>:<ns>:writer`.
public struct WriterIdentity: Sendable, Equatable, Codable, CustomStringConvertible {
  /// `instance.id`.
  public var instance: String
  public var host: String
  public var pid: Int32
  /// What makes `pid` meaningful: the boot of the machine and the namespace of process ids.
  public var scope: String
  /// Differs for each process.
  public var token: String
  public var since: Int64
  /// When the key was last written; a writer that is alive renews it every second.
  public var renewed: Int64

  public var description: String {
    "instance \(instance) on \(host), process \(pid), since \(Timestamp.rfc3339(milliseconds: since))"
  }

  /// This process.
  public static func current(instance: String) -> WriterIdentity {
    let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let namespace = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    let now = WallClock.milliseconds()
    return WriterIdentity(
      instance: instance, host: ProcessInfo.processInfo.hostName, pid: getpid(),
      scope: boot.trimmingCharacters(in: .whitespacesAndNewlines) + namespace, token: UUID().uuidString, since: now, renewed: now)
  }

  /// Whether that process has certainly ended: it ran beside this one, and there is no process with its id now.
  func hasEnded(seenFrom own: WriterIdentity) -> Bool {
    scope == own.scope && !scope.isEmpty && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH
  }

  var text: String { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  public init?(text: String) {
    guard let found = try? JSONDecoder().decode(WriterIdentity.self, from: Data(text.utf8)) else { return nil }
    self = found
  }

  init(instance: String, host: String, pid: Int32, scope: String, token: String, since: Int64, renewed: Int64) {
    (self.instance, self.host, self.pid, self.scope) = (instance, host, pid, scope)
    (self.token, self.since, self.renewed) = (token, since, renewed)
  }
}

/// The claim of a publisher to be the only writer of its namespace.
struct WriterLease {
  var own: WriterIdentity
  /// The next claim succeeds whoever holds the namespace.
  var takesOver: Bool
  private(set) var isHeld = false

  /// After this long without a renewal the key is gone, and with it a writer that ended without releasing it.
  static let milliseconds = 15_000
  private static let refusedMilliseconds = 60_000

  init(own: WriterIdentity, takesOver: Bool) {
    self.own = own
    self.takesOver = takesOver
  }

  /// Claims or renews the namespace; throws `.writer` while another process that is alive holds it.
  ///
  /// A holder that does not renew its key for three heartbeats counts as ended: the later of two writers gives way, while a restarted
  /// writer does not wait for the key to expire.
  mutating func hold(_ connection: RedisConnection, _ keys: RedisKeys, heartbeat: Duration, log: Log) throws {
    own.renewed = WallClock.milliseconds()
    guard let holder = try holder(connection, keys), holder.token != own.token else {
      try write(connection, keys)
      try reportRefused(connection, keys, log)
      return
    }
    if takesOver {
      log.warning("this engine takes the namespace over from another one", ["namespace": keys.root, "from": holder.description])
    } else if isHeld {
      isHeld = false
      throw Self.conflict("took over the namespace \(keys.root) from this engine", holder)
    } else if try !holder.hasEnded(seenFrom: own) && isRenewed(holder, connection, keys, heartbeat) {
      try connection.command(["SET", keys.writerRefused, own.text, "PX", "\(Self.refusedMilliseconds)"])
      throw Self.conflict("publishes to the namespace \(keys.root), so this one gives way", holder)
    }
    try write(connection, keys)
  }

  /// Gives the namespace free for the next writer, if it is still this one's.
  mutating func release(_ connection: RedisConnection, _ keys: RedisKeys) throws {
    guard isHeld, try holder(connection, keys)?.token == own.token else { return }
    isHeld = false
    try connection.command(["UNLINK", keys.writer])
  }

  private mutating func write(_ connection: RedisConnection, _ keys: RedisKeys) throws {
    try connection.command(["SET", keys.writer, own.text, "PX", "\(Self.milliseconds)"])
    isHeld = true
    takesOver = false
  }

  private func holder(_ connection: RedisConnection, _ keys: RedisKeys) throws -> WriterIdentity? {
    try connection.command(["GET", keys.writer]).text.flatMap { WriterIdentity(text: $0) }
  }

  private func isRenewed(
    _ holder: WriterIdentity, _ connection: RedisConnection, _ keys: RedisKeys, _ heartbeat: Duration
  ) throws -> Bool {
    for _ in 0..<12 {
      MonotonicClock.sleep(for: heartbeat / 4)
      guard let now = try self.holder(connection, keys) else { return false }
      if now != holder { return true }
    }
    return false
  }

  /// The holder says that somebody else was refused; nobody else would see it where this engine's log is read.
  private func reportRefused(_ connection: RedisConnection, _ keys: RedisKeys, _ log: Log) throws {
    guard let text = try connection.command(["GET", keys.writerRefused]).text else { return }
    try connection.command(["UNLINK", keys.writerRefused])
    let other = WriterIdentity(text: text)?.description ?? "an unknown one"
    log.warning("another engine was started for this namespace and gave way", ["namespace": keys.root, "other": other])
  }

  private static func conflict(_ what: String, _ holder: WriterIdentity) -> RedisError {
    RedisError(.writer, "another engine (\(holder)) \(what)")
  }
}
