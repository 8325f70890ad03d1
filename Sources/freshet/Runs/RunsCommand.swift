import Foundation
import ObjectStorage
import RunRecords
import StreamingRecommender
import Telemetry

/// `freshet runs list | show | rerun | clean`.
struct RunsCommand {
  let context: CommandContext
  private let now = WallClock.milliseconds()

  init(_ context: CommandContext) { self.context = context }

  private func usage(_ message: String) -> UsageError { UsageError(message, usage: context.parsed.command.usage) }

  // MARK: list

  func list() throws {
    let store = try context.runStore()
    let last = context.options.int("last") ?? 20
    let states = context.options.strings("state")
    let kind = context.options.string("kind").map { RunID.slug($0) }
    var records: [RunRecord] = []
    var unreadable = 0
    for id in try store.ids().reversed() where records.count < last && (kind == nil || id.kind == kind) {
      do {
        guard let record = try store.record(id, now: now) else { continue }
        if states.isEmpty || states.contains(record.state.rawValue) { records.append(record) }
      } catch is DecodingError { unreadable += 1 }
    }
    if unreadable > 0 { context.note("\(unreadable) records cannot be read; a newer version may have written them") }
    context.report(
      ["runs": .array(records.map(\.json)), "store": .string(store.name)],
      text: records.isEmpty ? "there are no such runs in \(store.name)" : Self.table(records))
  }

  private static func table(_ records: [RunRecord]) -> String {
    var table = TextTable(
      [.left, .left, .left, .right, .right, .left], header: ["run", "started (UTC)", "state", "seconds", "memory", "figures"])
    for record in records {
      let memory = record.peakMemoryBytes.map { "\($0 >> 20) MiB" } ?? "-"
      table.add([
        record.id.text, time(record.startedAtMilliseconds), record.state.rawValue, ListText.fixed(record.seconds, 1), memory,
        record.message ?? figures(record),
      ])
    }
    return String(table.description.dropLast())
  }

  /// The numbers that say most, as far as a run has them.
  private static func figures(_ record: RunRecord) -> String {
    let metrics = record.metrics
    let names = [
      "recall_at_20_new", "recall_at_20", "recall_at_10", "ndcg_at_20", "rmse", "test.value", "epoch", "rows", "events", "users",
    ]
    return names.compactMap { name in metrics[name].map { "\(name) \(number($0))" } }.prefix(3).joined(separator: ", ")
  }

  private static func number(_ value: Double) -> String {
    guard abs(value) < 1e15 else { return "\(value)" }
    return value == value.rounded() ? String(Int(value)) : ListText.fixed(value, 4)
  }

  private static func time(_ milliseconds: Int64) -> String {
    String(Timestamp.rfc3339(milliseconds: milliseconds).prefix(19).replacing("T", with: " "))
  }

  // MARK: show

  func show() throws {
    let record = try find(context.parsed.operands[0])
    context.report(record.json, text: Self.text(record))
  }

  private func find(_ word: String) throws -> RunRecord { try context.runStore().find(word, now: now) }

  private static func text(_ record: RunRecord) -> String {
    var table = TextTable([.left, .left])
    func add(_ name: String, _ value: String?) { if let value, !value.isEmpty { table.add([name, value]) } }
    add("run", record.id.text)
    add("kind", record.kind)
    add("state", record.state.rawValue)
    add("message", record.message)
    add("started", time(record.startedAtMilliseconds) + " UTC")
    add("seconds", ListText.fixed(record.seconds, 3))
    add("processor", record.processorSeconds.map { "\(ListText.fixed($0, 3)) s on \(record.cores) processors" })
    add("memory", record.peakMemoryBytes.map { "\($0) bytes at most" })
    add("where", "\(record.host), process \(record.process), freshet \(record.version)")
    add("command", record.command.isEmpty ? nil : "freshet \(ParsedCommand.line(record.command))")
    add("directory", record.directory)
    add("key", record.idempotencyKey)
    add("repeats", record.rerunOf?.text)
    for input in record.inputs {
      add(
        "input",
        [input.path, input.bytes.map { "\($0) bytes" }, input.sha256.map { "sha256 \($0)" }].compactMap(\.self).joined(separator: ", "))
    }
    for (partition, offset) in record.offsets.sorted(by: { $0.key < $1.key }) { add("input", "\(partition) below offset \(offset)") }
    for artifact in record.artifacts { add("artifact", artifact.location + (artifact.bytes.map { ", \($0) bytes" } ?? "")) }
    add("mlflow", record.tracking.map { $0.url ?? "run \($0.run) of experiment \($0.experiment)" })
    for (name, value) in record.metrics.sorted(by: { $0.key < $1.key }) { add(name, number(value)) }
    for (key, value) in record.changedSettings { add(key, value) }
    return String(table.description.dropLast())
  }

  // MARK: rerun

  /// Runs the same command in the same directory. What it computes with is set as it was, whatever the configuration says now.
  func rerun() throws -> ExitStatus {
    let record = try find(context.parsed.operands[0])
    guard !record.command.isEmpty else { throw CommandFailure("\(record.id) was no command of freshet: it cannot be repeated from here") }
    guard !record.command.contains(where: { $0.contains(Redaction.mask) }) else {
      throw CommandFailure("the command of \(record.id) had a secret, which is not kept: repeat it by hand, with the secret in a file")
    }
    guard FileManager.default.changeCurrentDirectoryPath(record.directory) else {
      throw CommandFailure("\(record.directory), where \(record.id) ran, is not there any more")
    }
    for input in record.inputs where input.sha256 != nil && FileDigest.sha256(input.path)?.text != input.sha256 {
      context.note("warning: \(input.path) has changed since, or is gone")
    }
    var parsed = try CommandLineParser.parse(record.command)
    let settings = Self.settings(record, differingFrom: try CommandContext(parsed).loaded())
    for setting in settings { context.note("\(setting.key) = \(setting.value), as it was") }
    parsed.global.set = settings + parsed.global.set
    parsed.pinned = settings
    parsed.global.json = context.json
    parsed.global.quiet = context.quiet
    context.note("freshet \(ParsedCommand.line(record.command))")
    var again = CommandContext(parsed)
    again.rerunOf = record.id
    return try CommandRunner.run(again)
  }

  private static let pinned: Set<String> = ["input", "model", "foldin", "retrain", "topn", "limits"]

  /// What the run computed with, where it is not what it would be now.
  private static func settings(_ record: RunRecord, differingFrom loaded: LoadedConfiguration) -> [ParsedCommand.Setting] {
    let present = Dictionary(loaded.rows.map { ($0.key, $0.value) }) { first, _ in first }
    return record.settings.sorted { $0.key < $1.key }.compactMap { key, value in
      guard pinned.contains(String(key.prefix { $0 != "." })), present[key] != value, !value.contains(Redaction.mask) else { return nil }
      return ParsedCommand.Setting(key: key, value: value)
    }
  }

  // MARK: clean

  func clean() throws {
    let store = try context.runStore()
    let doomed = try doomed(in: store)
    if !context.options.flag("force"), !doomed.isEmpty { try confirm(doomed.count, store) }
    var artifacts = 0
    for record in doomed {
      if context.options.flag("artifacts") { artifacts += removeArtifacts(of: record) }
      // Where the key belongs to another run, that one keeps it.
      if let key = record.idempotencyKey, try store.holder(of: key) == record.id { try store.release(key) }
      try store.remove(record.id)
    }
    let sentence = "removed \(doomed.count) records" + (context.options.flag("artifacts") ? " and \(artifacts) files" : "")
    context.report(["removed": .integer(doomed.count), "artifacts": .integer(artifacts)], text: sentence)
  }

  private func doomed(in store: RunStore) throws -> [RunRecord] {
    let words = context.parsed.operands
    let rules = ["older-than", "keep", "state", "kind"].filter { context.options.isSet($0) }
    if !words.isEmpty {
      guard rules.isEmpty else { throw usage("name runs, or say which with --\(rules[0]), not both") }
      return try words.map { try store.find($0, now: now) }
    }
    guard !rules.isEmpty else { throw usage("name runs, or say which with --older-than, --keep, --state or --kind") }
    var ids = try store.ids()
    if let kind = context.options.string("kind") { ids.removeAll { $0.kind != RunID.slug(kind) } }
    if let keep = context.options.int("keep") { ids.removeLast(min(keep, ids.count)) }
    var before = Int64.max
    if let text = context.options.string("older-than") {
      guard let age = ConfigurationDuration.parse(text), age >= .zero else {
        throw usage("--older-than must be a duration such as 90m, 24h or 7d, not \(text)")
      }
      before = now - Int64(age.milliseconds)
    }
    let states = context.options.strings("state")
    var unreadable = 0
    defer { if unreadable > 0 { context.note("\(unreadable) records cannot be read, and stay; name one to remove it") } }
    return try ids.compactMap { id in
      let found: RunRecord?
      do { found = try store.record(id, now: now) } catch is DecodingError {
        unreadable += 1
        return nil
      }
      guard let record = found, record.state != .running, record.startedAtMilliseconds < before,
        states.isEmpty || states.contains(record.state.rawValue)
      else { return nil }
      return record
    }
  }

  private func confirm(_ count: Int, _ store: RunStore) throws {
    guard isatty(STDIN_FILENO) == 1 else { throw usage("\(count) records would be removed: add --force where nobody can be asked") }
    Terminal.note("remove \(count) records from \(store.name)? Type yes:")
    guard readLine() == "yes" else { throw CommandFailure("nothing was removed") }
  }

  /// Removes files that are as the run has left them; others are somebody's by now.
  private func removeArtifacts(of record: RunRecord) -> Int {
    var removed = 0
    let isHere = record.host == ProcessInfo.processInfo.hostName
    for artifact in record.artifacts {
      let file = isHere ? FileState(artifact.location) : nil
      let isSame = file.map { $0.bytes == artifact.bytes && $0.modifiedMilliseconds == artifact.modifiedMilliseconds } ?? false
      if isSame, unlink(artifact.location) == 0 {
        removed += 1
      } else {
        context.note("\(artifact.location) stays: it is not the file that the run has left")
      }
    }
    return removed
  }
}
