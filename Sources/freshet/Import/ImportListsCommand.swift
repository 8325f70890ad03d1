import Datasets
import Foundation
import Pipeline
import RedisPublishing
import StreamingRecommender
import Telemetry

/// `freshet import lists`: writes lists that another program made to Redis. The whole file is checked before anything is written.
struct ImportListsCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  /// Beyond this share of bad lines the file is likely to be another one.
  private static let rejectedShareMax = 0.1

  func run() throws {
    let name = context.options.string("name") ?? "imported"
    guard ImportedListWeight.isName(name) else {
      throw usage("--name \(TerminalText.escaped(name)): a name has \(ImportedListWeight.nameRule)")
    }
    if context.options.flag("remove") {
      guard context.parsed.operands.isEmpty else { throw usage("--remove takes no FILE: it removes all lists of the name") }
      return try remove(name)
    }
    guard let path = context.parsed.operands.first else {
      throw usage("import lists needs a FILE, or - for standard input; or --remove")
    }
    let ttl = context.options.string("ttl") ?? "2d"
    guard let duration = ConfigurationDuration.parse(ttl), duration >= .seconds(1) else {
      throw usage("--ttl must be a duration of at least a second, such as 90m, 36h or 7d, not \(TerminalText.escaped(ttl))")
    }
    let configuration = try context.loadedForRunningEngine()
    do {
      try importLists(path, name, duration, configuration)
    } catch let error as RedisError {
      throw CommandFailure("\(error)")
    } catch let refusal as ImportedListWriter.Refusal { throw CommandFailure("\(refusal)") }
  }

  private func usage(_ text: String) -> UsageError { UsageError(text, usage: context.parsed.command.usage) }

  // MARK: Importing

  private func importLists(_ path: String, _ name: String, _ ttl: Duration, _ configuration: RecommenderConfiguration) throws {
    let input = try ImportInput(path)
    var checked: ListsReading
    var users: [Identifier] = []
    do {
      let rejects = try context.options.string("rejects").map { path throws(DatasetError) in try RejectedLines(path: path) }
      checked = try input.reading(countMax: countMax, rejects: rejects)
      context.note("\(input.name): \(checked.file.summary)")
      try read(&checked, "checked of \(input.name)") { list in
        if users.count < ImportedListWriter.usersKnownMax { users.append(Identifier(list.user)) }
      }
      try rejects?.flush()
    }
    try refuse(checked, input)
    for warning in ImportReport.warnings(checked.grouping) { context.note("warning: \(warning)") }
    let writer = try ImportedListWriter(configuration.redis, name: name)
    let known = try known(users, writer, configuration)
    let imported = try write(input, writer, ttl)
    let report = ImportReport(
      name: name, namespace: Self.namespace(configuration), isReplacement: isReplacement, grouping: checked.grouping,
      lines: checked.file.report, imported: imported, expiresAtMilliseconds: writer.listExpiry, known: (known, users.count))
    context.report(report.json, text: report.text)
  }

  private var countMax: Int { context.options.int("count") ?? 100 }
  private var isReplacement: Bool { context.options.flag("replace") }
  private static func namespace(_ configuration: RecommenderConfiguration) -> String {
    "\(configuration.redis.keyPrefix):\(configuration.redis.namespace)"
  }

  private func read(_ reading: inout ListsReading, _ label: String, _ body: (RankedListGrouping.List) throws -> Void) throws {
    let file = reading.file
    var progress = context.progress("bytes \(label)", total: file.sizeBytes)
    try reading.read { list in
      progress.update(file.bytesRead)
      try body(list)
    }
    if let size = file.sizeBytes { progress.finish(size) }
  }

  /// Refuses a file that does not look like lists; nothing was written of it.
  private func refuse(_ checked: ListsReading, _ input: ImportInput) throws(CommandFailure) {
    let report = checked.file.report
    context.noteBadLines(report, of: input.name)
    let first = report.firstBadLines.first.map { "; \($0)" } ?? ""
    guard checked.grouping.lists > 0 else {
      throw CommandFailure("\(input.name) holds no lists\(first); use --remove to take lists away")
    }
    let lines = report.rows + report.badLines
    guard Double(report.badLines) > Self.rejectedShareMax * Double(lines), !context.options.flag("accept-rejects") else { return }
    throw CommandFailure(
      "\(report.badLines) of \(lines) lines of \(input.name) cannot be used\(first); nothing was written: correct the file, or add --accept-rejects"
    )
  }

  private func known(_ users: [Identifier], _ writer: ImportedListWriter, _ configuration: RecommenderConfiguration) throws -> Int {
    let known = try writer.known(users)
    if !writer.hasModel {
      context.note("warning: no engine has published a model to \(Self.namespace(configuration)) yet: is it the right namespace?")
    } else if known == 0 {
      context.note(
        "warning: none of the first \(users.count) users has a list of the engine in \(Self.namespace(configuration)): are these its ids of users, and not of items?"
      )
    }
    return known
  }

  private func write(_ input: ImportInput, _ writer: ImportedListWriter, _ ttl: Duration) throws -> ImportedLists {
    var reading = try input.reading(countMax: countMax)
    var batch: [ImportedList] = []
    var written = 0
    func send() throws {
      try writer.write(batch)
      written += batch.count
      batch.removeAll(keepingCapacity: true)
    }
    let now = WallClock.milliseconds()
    do {
      try writer.begin(
        isReplacement ? .replace : .update, nowMilliseconds: now, expiresAtMilliseconds: now + Int64(ttl / .milliseconds(1)))
      try read(&reading, "written of \(input.name)") { list in
        batch.append(
          ImportedList(
            user: Identifier(list.user), items: list.items.map { RecommendedItem(item: Identifier($0.item), score: $0.score) }))
        if batch.count == ImportedListWriter.usersAtOnce { try send() }
      }
      try send()
      return try writer.commit()
    } catch let error as RedisError {
      let state =
        isReplacement
        ? "readers still see the lists of before" : "up to \(written + batch.count) users may have their new lists already"
      throw CommandFailure("\(error). \(state); run the import again")
    }
  }

  // MARK: Removing

  private func remove(_ name: String) throws {
    let configuration = try context.loadedForRunningEngine()
    do {
      let writer = try ImportedListWriter(configuration.redis, name: name)
      let wereThere = try writer.hide()
      var progress = context.progress("lists removed", total: nil)
      let removed = try writer.sweep { progress.update($0) }
      progress.finish(removed)
      let namespace = Self.namespace(configuration)
      context.report(
        ["name": .string(name), "namespace": .string(namespace), "removed": .integer(removed)],
        text: wereThere || removed > 0
          ? "removed \(ProgressBar.count(removed)) lists \(name) from \(namespace)" : "there were no lists \(name) in \(namespace)")
    } catch let error as RedisError { throw CommandFailure("\(error)") }
  }
}

/// The file of an import, which is read twice; standard input is kept in a temporary file for that.
private struct ImportInput {
  let name: String
  private let path: String
  private let copy: TemporaryDirectory?

  init(_ path: String) throws {
    guard path == "-" else {
      (name, self.path, copy) = (path, path, nil)
      return
    }
    let directory = try TemporaryDirectory("import")
    let file = "\(directory.path)/lines"
    guard FileManager.default.createFile(atPath: file, contents: nil), let output = FileHandle(forWritingAtPath: file) else {
      throw CommandFailure("\(file) cannot be written: standard input is kept there; free space, or set TMPDIR to another directory")
    }
    do {
      while let chunk = try FileHandle.standardInput.read(upToCount: 1 << 20), !chunk.isEmpty { try output.write(contentsOf: chunk) }
      try output.close()
    } catch {
      throw CommandFailure(
        "standard input could not be kept in \(file) (\(error.localizedDescription)): free space, or set TMPDIR to another directory")
    }
    (name, self.path, copy) = ("standard input", file, directory)
  }

  func reading(countMax: Int, rejects: RejectedLines? = nil) throws -> ListsReading {
    do throws(DatasetError) { return try ListsReading(path, countMax: countMax, rejects: rejects) } catch {
      throw copy == nil ? error : DatasetError(error.code, path: "-")
    }
  }
}
