import Telemetry

/// What a job did: its settings, its input, how long it took and what came of it. One JSON object in the store of runs.
///
/// It has no ids of users or items, and no secrets: settings and command lines are redacted before they come here.
public struct RunRecord: Sendable, Equatable {
  public enum State: String, Sendable, CaseIterable, Decodable {
    case running, done, failed, cancelled, rejected
    /// Its process ended without saying how; never written, but found when a record is read.
    case interrupted

    public var hasEnded: Bool { self != .running }
  }

  /// A file that was read, or the range of a log.
  public struct Input: Sendable, Equatable, Decodable {
    public var path: String
    public var bytes: Int?
    /// SHA-256 of the content in hexadecimal; `nil` for what is not a file.
    public var sha256: String?

    public init(path: String, bytes: Int? = nil, sha256: String? = nil) {
      self.path = path
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  /// Something that the run has written.
  public struct Artifact: Sendable, Equatable, Decodable {
    public var name: String
    /// Where it is: a path or the address of an object.
    public var location: String
    public var bytes: Int?
    /// When the file was written, by which it can be told from a later one; `nil` for what is not a file.
    public var modifiedMilliseconds: Int64?

    public init(name: String, location: String, bytes: Int? = nil, modifiedMilliseconds: Int64? = nil) {
      self.name = name
      self.location = location
      self.bytes = bytes
      self.modifiedMilliseconds = modifiedMilliseconds
    }

    private enum CodingKeys: String, CodingKey { case name, location, bytes, modifiedMilliseconds = "modified_ms" }
  }

  /// Where the run is shown by MLflow.
  public struct Tracking: Sendable, Equatable, Decodable {
    private enum CodingKeys: String, CodingKey { case experiment, run, modelVersion = "model_version", url }

    public var experiment: String
    public var run: String
    public var modelVersion: String?
    public var url: String?

    public init(experiment: String, run: String, modelVersion: String? = nil, url: String? = nil) {
      self.experiment = experiment
      self.run = run
      self.modelVersion = modelVersion
      self.url = url
    }
  }

  public var id: RunID
  /// What ran: the words of a command, `retrain`, or a name that a task has chosen.
  public var kind: String
  public var state: State
  /// The arguments after `freshet`, with which it can run again; empty if it was no command.
  public var command: [String]
  /// Where the command ran: its relative paths are relative to this.
  public var directory: String
  /// Keys of the configuration and their effective values.
  public var settings: [String: String]
  public var seed: UInt64?
  public var inputs: [Input]
  /// Next offsets by `topic[partition]`: the run covers all records below them.
  public var offsets: [String: Int64]
  public var startedAtMilliseconds: Int64
  /// When the record was written last. A running one writes it again and again, so that others see that it lives.
  public var updatedAtMilliseconds: Int64
  public var endedAtMilliseconds: Int64?
  public var processorSeconds: Double?
  /// Processors of the machine.
  public var cores: Int
  /// Highest resident memory of the process.
  public var peakMemoryBytes: Int?
  public var version: String
  public var host: String
  public var process: Int
  /// Where the number of the process has a meaning: the start of the machine and the namespace of processes, as in containers; `nil` if that
  /// is not known.
  public var processScope: String?
  public var idempotencyKey: String?
  /// The run that this one repeats.
  public var rerunOf: RunID?
  /// Why it failed, or what is noteworthy.
  public var message: String?
  /// What the command prints with `--json`.
  public var result: JSONValue
  public var artifacts: [Artifact]
  public var tracking: Tracking?

  public init(id: RunID, kind: String, startedAtMilliseconds: Int64) {
    self.id = id
    self.kind = kind
    self.startedAtMilliseconds = startedAtMilliseconds
    updatedAtMilliseconds = startedAtMilliseconds
    state = .running
    (command, directory, settings, inputs, offsets) = ([], "", [:], [], [:])
    (cores, version, host, process) = (1, "", "", 0)
    (result, artifacts) = (.null, [])
  }

  /// Seconds from start to end, or to the last sign of life.
  public var seconds: Double { Double((endedAtMilliseconds ?? updatedAtMilliseconds) - startedAtMilliseconds) / 1000 }

  /// A running record that was not written for longer is that of a process that is gone.
  public static let silenceMaxMilliseconds: Int64 = 120_000

  /// The record as it is known at a time, in milliseconds since 1970: one that has been silent for long was interrupted.
  public func seen(at now: Int64) -> RunRecord {
    var record = self
    if state == .running, now - updatedAtMilliseconds > Self.silenceMaxMilliseconds { record.state = .interrupted }
    return record
  }

  /// Whether two runs were asked for the same: what an idempotency key stands for.
  public func asksTheSame(as other: RunRecord) -> Bool { kind == other.kind && command == other.command }

  /// The numbers of the result by their path, such as `beside.popularity.recall_at_10`; what is in lists has no name and is left out.
  public var metrics: [String: Double] {
    var found: [String: Double] = [:]
    Self.collect(result, "", into: &found)
    return found
  }

  private static func collect(_ value: JSONValue, _ path: String, into found: inout [String: Double]) {
    switch value {
    case .integer(let number) where !path.isEmpty: found[path] = Double(number)
    case .number(let number) where !path.isEmpty && number.isFinite: found[path] = number
    case .object(let members):
      // The settings are in the record already.
      for member in members where member.key != "settings" && member.key != "fixed_settings" {
        collect(member.value, path.isEmpty ? member.key : "\(path).\(member.key)", into: &found)
      }
    default: break
    }
  }
}
