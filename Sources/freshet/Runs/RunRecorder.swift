import Dispatch
import Foundation
import ObjectStorage
import RunRecords
import StreamingRecommender
import Synchronization
import Telemetry

/// Keeps the record of the command that runs: written at its start, every half minute while it runs, and at its end.
///
/// A store that cannot be written is reported and fails no command, unless it has an idempotency key, which would not hold.
final class RunRecorder: Sendable {
  enum Start {
    /// The command leaves no record.
    case unrecorded
    case recording(RunRecorder)
    /// A run with the same idempotency key has done it.
    case alreadyDone(RunRecord)
  }

  private let store: RunStore
  private let record: Mutex<RunRecord>
  private let announcer: RunAnnouncer
  private let processorSecondsBefore: Double
  /// Only `init` and `end` use it.
  nonisolated(unsafe) private let timer: any DispatchSourceTimer
  private static let heartbeat = DispatchTimeInterval.seconds(30)

  var id: RunID { record.withLock(\.id) }

  // MARK: Start

  static func start(_ context: CommandContext) throws -> Start {
    guard context.parsed.command.id.isRecorded else { return .unrecorded }
    let loaded = try context.loaded()
    let key = context.options.string(CommandTable.idempotencyKey.long)
    do {
      guard let store = try RunStore.open(loaded.configuration) else {
        guard key == nil else {
          throw CommandFailure("--idempotency-key needs records of runs, and runs.store is none", status: .configuration)
        }
        return .unrecorded
      }
      let record = record(context, loaded, key)
      try store.save(record)
      if let holder = try claim(record, in: store) { return .alreadyDone(holder) }
      return .recording(RunRecorder(store, record, RunAnnouncer(loaded.configuration)))
    } catch {
      if key != nil { throw error as? CommandFailure ?? CommandFailure("the idempotency key cannot be kept: \(error)") }
      context.note("warning: this run leaves no record: \(error); --set runs.store=none does without")
      return .unrecorded
    }
  }

  /// Returns the run that has done it before; `nil` if this one has the key now, or none.
  private static func claim(_ record: RunRecord, in store: RunStore) throws -> RunRecord? {
    do {
      guard case .taken(let holder) = try store.claim(record, now: WallClock.milliseconds()) else { return nil }
      let done = try Self.holder(holder, of: record)
      try store.remove(record.id)
      return done
    } catch {
      try? store.remove(record.id)
      throw error
    }
  }

  private static func holder(_ holder: RunRecord, of record: RunRecord) throws -> RunRecord {
    let key = record.idempotencyKey ?? ""
    guard holder.asksTheSame(as: record) else {
      throw CommandFailure(
        "the idempotency key \(key) belongs to \(holder.id), which is another command: `freshet \(holder.command.joined(separator: " "))`; "
          + "use another key, or `freshet runs clean \(holder.id)`")
    }
    guard holder.state == .done else { throw CommandFailure("\(holder.id) with the idempotency key \(key) is running") }
    return holder
  }

  private static func record(_ context: CommandContext, _ loaded: LoadedConfiguration, _ key: String?) -> RunRecord {
    let now = WallClock.milliseconds()
    let kind = context.parsed.command.name
    var record = RunRecord(
      id: RunID(startedAtMilliseconds: now, kind: kind, random: .random(in: 0...UInt32.max)), kind: kind, startedAtMilliseconds: now)
    record.command = context.parsed.arguments.map { Redaction.text($0) }
    record.directory = FileManager.default.currentDirectoryPath
    record.settings = Dictionary(loaded.rows.map { ($0.key, $0.value) }) { first, _ in first }
    record.seed = loaded.configuration.model.seed
    record.describeProcess()
    record.idempotencyKey = key
    record.rerunOf = context.rerunOf
    return record
  }

  private init(_ store: RunStore, _ record: RunRecord, _ announcer: RunAnnouncer) {
    self.store = store
    self.announcer = announcer
    self.record = Mutex(record)
    processorSecondsBefore = Self.processorSeconds()
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    self.timer = timer
    timer.schedule(deadline: .now() + Self.heartbeat, repeating: Self.heartbeat)
    timer.setEventHandler { [weak self] in self?.showLife() }
    timer.resume()
  }

  /// The next one may be written.
  private func showLife() {
    try? record.withLock { record in
      guard record.state == .running else { return }
      record.updatedAtMilliseconds = WallClock.milliseconds()
      try store.save(record)
    }
  }

  // MARK: What happens

  func hasResult(_ result: JSONValue) { record.withLock { $0.result = result } }

  /// A file, directory or address that is read. Files are hashed, so that two runs can be known to have read the same.
  func reads(_ path: String) {
    var input = RunRecord.Input(path: Redaction.text(path))
    // A command may read a file more than once.
    guard !record.withLock({ $0.inputs.contains { $0.path == input.path } }) else { return }
    if let digest = FileDigest.sha256(path) { (input.bytes, input.sha256) = (digest.bytes, digest.text) }
    record.withLock { $0.inputs.append(input) }
  }

  func wrote(_ path: String, bytes: Int? = nil) {
    let name = path.split(separator: "?").first?.split(separator: "/").last.map(String.init) ?? path
    let location = path.hasPrefix("s3://") ? Redaction.text(path) : URL(fileURLWithPath: path).standardizedFileURL.path
    let file = FileState(location)
    let artifact = RunRecord.Artifact(
      name: name, location: location, bytes: file?.bytes ?? bytes, modifiedMilliseconds: file?.modifiedMilliseconds)
    record.withLock { $0.artifacts.append(artifact) }
  }

  // MARK: End

  /// Writes the record for the last time, and announces the run.
  ///
  /// - Returns: what went wrong with that, which is not the run's fault.
  func end(_ state: RunRecord.State, message: String?) -> [String] {
    timer.cancel()
    let ended = record.withLock { record in
      record.state = state
      record.message = message.map { Redaction.text($0) }
      record.endedAtMilliseconds = WallClock.milliseconds()
      record.updatedAtMilliseconds = WallClock.milliseconds()
      record.processorSeconds = Self.processorSeconds() - processorSecondsBefore
      record.peakMemoryBytes = Self.peakMemoryBytes()
      return record
    }
    var problems = save(ended)
    guard announcer.isNeeded else { return problems }
    let (announced, failures) = announcer.announce(ended)
    problems += failures
    if announced.tracking != nil { problems += save(announced) }
    return problems
  }

  private func save(_ record: RunRecord) -> [String] {
    do throws(ObjectStoreError) { try store.save(record) } catch { return ["the record of this run was not written: \(error)"] }
    return []
  }

  /// Of this process and of the ended ones that it has started.
  private static func processorSeconds() -> Double {
    [RUSAGE_SELF, RUSAGE_CHILDREN].reduce(0) { sum, who in
      let usage = usage(who)
      return sum + Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }
  }

  private static func peakMemoryBytes() -> Int {
    #if os(Linux)
      usage(RUSAGE_SELF).ru_maxrss * 1024
    #else
      usage(RUSAGE_SELF).ru_maxrss
    #endif
  }

  private static func usage(_ who: __rusage_who) -> rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(who.rawValue), &usage)
    return usage
  }
}

extension RunRecord {
  /// The start of this machine and the namespace of its processes; `nil` where neither is told.
  static let processScopeHere: String? = {
    let start = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8).trimmingCharacters(
      in: .whitespacesAndNewlines)
    guard let start, let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid") else { return nil }
    return "\(start) \(space)"
  }()

  /// Fills in which program on which machine this is.
  mutating func describeProcess() {
    cores = ProcessInfo.processInfo.activeProcessorCount
    version = Version.freshet
    host = ProcessInfo.processInfo.hostName
    process = Int(getpid())
    processScope = Self.processScopeHere
  }
}
