import Foundation
import StreamingRecommender
import Synchronization
import Telemetry

/// Runs `retrain.external.command` in a directory of its own, with the pairs as a file, and reads the vectors that it has written.
final class ExternalTrainer: Sendable {
  /// The process group of the command that runs; 0 if none does.
  private let group = Mutex<pid_t>(0)
  private let command: String
  private let parent: String
  /// Directories of earlier trainings that are kept, to look at.
  private static let kept = 3
  /// Not every C library can start a process in another directory.
  private static let script = #"cd "$0" && exec /bin/sh -c "$1""#
  private static let patience: UInt64 = 5_000_000_000

  init?(_ configuration: RecommenderConfiguration) {
    guard !configuration.retrain.externalCommand.isEmpty else { return nil }
    command = configuration.retrain.externalCommand
    parent = configuration.instance.dataDirectory + "/external"
  }

  @Sendable func train(_ training: ExternalTraining) throws -> StoredModel {
    let directory = "\(parent)/\(training.job)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer {
      // It has histories, also of users who may be forgotten later.
      try? FileManager.default.removeItem(atPath: directory + "/interactions.parquet")
      prune()
    }
    try write(training, to: directory)
    let ended = try run(in: directory, training)
    guard ended.status == 0 else {
      throw ExternalTrainingError("retrain.external.command ended with status \(ended.status): \(ended.lastLine) (\(directory)/log)")
    }
    return try VectorFiles.read(directory)
  }

  private func write(_ training: ExternalTraining, to directory: String) throws {
    var writer = ParquetExport(.interactions, to: try ExportOutput(file: directory + "/interactions.parquet", replaces: true))
    var pairs = 0
    try training.forEachPair { user, item, strength, time in
      pairs += 1
      if pairs & 0xffff == 0, training.isCancelled { throw ExternalTrainingError("cancelled") }
      try writer.append([.text(user), .text(item), .float(strength), .time(time)])
    }
    try writer.finish()
    let settings: JSONValue = [
      "factors": .integer(training.factors), "seed": .number(Double(training.seed)), "interactions": .integer(pairs),
    ]
    try Data((settings.text + "\n").utf8).write(to: URL(fileURLWithPath: directory + "/settings.json"))
  }

  // MARK: The command

  private func run(in directory: String, _ training: ExternalTraining) throws -> (status: Int32, lastLine: String) {
    let log = directory + "/log"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // A group of its own: what the command starts ends with it.
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments: [UnsafeMutablePointer<CChar>?] =
      (["/bin/sh", "-c", Self.script, directory, command] as [String]).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, "/bin/sh", &actions, &attributes, &arguments, environ)
    guard code == 0 else { throw ExternalTrainingError("/bin/sh cannot be started: \(String(cString: strerror(code)))") }
    group.withLock { $0 = pid }
    let status = wait(for: pid, training)
    // Where it was cancelled, what it has started must end, too; else it may go on by itself.
    if training.isCancelled { end() }
    group.withLock { $0 = 0 }
    if training.isCancelled { throw ExternalTrainingError("cancelled") }
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    let lastLine = text.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) } ?? "it printed nothing"
    return (status, Redaction.text(String(lastLine.prefix(300))))
  }

  /// Ends the command that runs and everything that it has started: asks first, then kills.
  func end() {
    let pid = group.withLock { $0 }
    guard pid > 0 else { return }
    kill(-pid, SIGTERM)
    let deadline = MonotonicClock.nanoseconds() + Self.patience
    while kill(-pid, 0) == 0, MonotonicClock.nanoseconds() < deadline { usleep(20_000) }
    kill(-pid, SIGKILL)
  }

  /// Exit status, or 128 + the signal. A cancelled command is asked to end, and killed if it does not.
  private func wait(for pid: pid_t, _ training: ExternalTraining) -> Int32 {
    var asked: UInt64?
    while true {
      var raw: Int32 = 0
      let ended = waitpid(pid, &raw, WNOHANG)
      if ended == pid { return raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f) }
      if ended < 0, errno != EINTR { return -1 }
      if training.isCancelled {
        let now = MonotonicClock.nanoseconds()
        if asked == nil { kill(-pid, SIGTERM) }
        if let asked, now - asked > Self.patience { kill(-pid, SIGKILL) }
        asked = asked ?? now
      }
      usleep(20_000)
    }
  }

  private func prune() {
    let directories = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    func modified(_ name: String) -> Date {
      (try? FileManager.default.attributesOfItem(atPath: "\(parent)/\(name)")[.modificationDate] as? Date) ?? .distantPast
    }
    for old in directories.sorted(by: { modified($0) < modified($1) }).dropLast(Self.kept) {
      try? FileManager.default.removeItem(atPath: "\(parent)/\(old)")
    }
  }
}
