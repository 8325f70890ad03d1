import Foundation
import ObjectStorage
import PostgresTables
import StreamingRecommender
import Telemetry

/// `freshet export WHAT`: tables of what a snapshot holds, for other programs.
struct ExportCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private func usage(_ message: String) -> UsageError { UsageError(message, usage: context.parsed.command.usage) }

  func run() throws {
    let kind = try kind()
    let target = try target(kind)
    let candidates = try candidateSettings(kind)
    if context.options.isSet("users"), kind != .lists, kind != .candidates {
      throw usage("--users is for lists and candidates; \(kind.rawValue) are exported whole")
    }
    let users = try users()
    if context.options.isSet("data") {
      var source = try CandidateTraining(context, try context.loaded().configuration, candidates, users: users)
      return try export(kind, &source, to: target)
    }
    if context.options.flag("fresh") { try OperateCommand(context).freshSnapshot() }
    let count = kind == .candidates ? nil : context.options.int("count")
    try export(kind, of: try source(at: context.options.string("snapshot"), count: count, candidates), users, to: target)
  }

  /// `freshet recommend --model`: lists of these users, of those of `--users`, or of all.
  func lists(of place: String, for users: [[UInt8]]?) throws {
    let target = try fileTarget(.lists)
    let users = try users ?? self.users()
    try export(.lists, of: try source(at: place, count: context.options.int("count")), users, to: target)
  }

  /// What is exported.
  ///
  /// - Parameter count: items of a list; `nil` takes the configuration's.
  func source(at place: String?, count: Int?, _ candidates: CandidateTable.Settings = .init()) throws -> ExportSource {
    var configuration = try context.loaded().configuration
    if let count { (configuration.topN.n, configuration.topN.similarN) = (count, count) }
    return try ExportSource(configuration, at: place, candidates, workers: ProcessInfo.processInfo.activeProcessorCount)
  }

  private func export(_ kind: ExportKind, of whole: ExportSource, _ users: [[UInt8]]?, to target: Target) throws {
    var source = whole
    if let users { source.select(users) }
    context.note("\(kind.rawValue) of snapshot \(source.sequence)\(source.epoch > 0 ? ", model epoch \(source.epoch)" : "")")
    try export(kind, &source, to: target)
    if source.usersWithoutCandidates > 0 {
      context.note("users left out, because they are not known or have no candidates: \(source.usersWithoutCandidates)")
    }
  }

  private func export(_ kind: ExportKind, _ source: inout some ExportRows, to target: Target) throws {
    switch target {
    case .postgres:
      do {
        var writer = try PostgresExport(kind, to: context.options.string("postgres"), table: context.options.string("table"))
        let rows = try write(kind, &source, to: &writer)
        report(kind, "postgres", context.options.string("table") ?? kind.rawValue, rows: rows, bytes: writer.summary?.bytes ?? 0, source)
      } catch let error as PostgresError { throw CommandFailure("\(error)") }
    case .file(let path, let format):
      let output = try output(path)
      var writer = try Self.writer(format, kind, output)
      let rows = try write(kind, &source, to: &writer)
      report(kind, format, path, rows: rows, bytes: output.bytes, source)
    }
  }

  private func kind() throws -> ExportKind {
    let word = context.parsed.operands[0]
    if let kind = ExportKind(rawValue: word) { return kind }
    let words = ExportKind.allCases.map(\.rawValue)
    throw usage("\(word) cannot be exported; \(words.dropLast().joined(separator: ", ")) and \(words[words.count - 1]) can")
  }

  /// How candidates are made; refuses options that mean nothing for other tables.
  private func candidateSettings(_ kind: ExportKind) throws -> CandidateTable.Settings {
    for name in ["data", "recent"] where kind != .candidates && context.options.isSet(name) {
      throw usage("--\(name) is for candidates, not for \(kind.rawValue)")
    }
    for option in CommandTable.candidateReading where context.options.isSet(option.long) && !context.options.isSet("data") {
      throw usage("--\(option.long) says how a file is used: name it with --data, or leave --\(option.long) away")
    }
    var settings = CandidateTable.Settings()
    settings.count = context.options.int("count") ?? settings.count
    let recent = context.options.string("recent")!
    guard let duration = ConfigurationDuration.parse(recent), duration > .zero else {
      throw usage("--recent \(recent) is no duration: write one such as 12h or 30d")
    }
    settings.recentMilliseconds = max(1, Int64(duration.milliseconds))
    return settings
  }

  private enum Target {
    case file(path: String, format: String)
    case postgres
  }

  private func target(_ kind: ExportKind) throws -> Target {
    if context.options.string("postgres") != nil || context.options.string("table") != nil {
      if context.options.isSet("output") || context.options.isSet("format") {
        throw usage("--postgres and --table write a table in Postgres, --output and --format a file: leave one of them away")
      }
      return .postgres
    }
    return try fileTarget(kind)
  }

  private func fileTarget(_ kind: ExportKind) throws -> Target {
    let path = context.options.string("output") ?? "-"
    return .file(path: path, format: try format(kind, path))
  }

  /// - Returns: the number of rows.
  private func write(_ kind: ExportKind, _ source: inout some ExportRows, to writer: inout some ExportWriter) throws -> Int {
    var progress = context.progress(kind.rawValue, total: source.count(of: kind))
    var rows = 0
    try source.rows(of: kind) { row in
      try writer.append(row)
      rows += 1
      if rows & 0xfff == 0 { progress.update(rows) }
    }
    try writer.finish()
    if rows > 0x1000 { progress.finish(rows) }
    return rows
  }

  /// The ids in a file, one a line; `nil` for all users.
  private func users() throws -> [[UInt8]]? {
    guard let path = context.options.string("users") else { return nil }
    let bytes: Data
    do {
      bytes = try path == "-" ? FileHandle.standardInput.readToEnd() ?? Data() : Data(contentsOf: URL(fileURLWithPath: path))
    } catch { throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)") }
    let ids = bytes.split(separator: UInt8(ascii: "\n")).map { Array($0.last == 13 ? $0.dropLast() : $0) }.filter { !$0.isEmpty }
    var known: Set<[UInt8]> = []
    let different = ids.filter { known.insert($0).inserted }
    guard !ids.isEmpty else { throw CommandFailure("\(path) names no users: write an id a line") }
    if let wrong = ids.first(where: { String(validating: $0, as: UTF8.self) == nil }) {
      throw CommandFailure("\(path) is not UTF-8: \(String(decoding: wrong, as: UTF8.self))")
    }
    return different
  }

  private func format(_ kind: ExportKind, _ path: String) throws -> String {
    let formats = Self.formats(of: kind)
    let ending = path.split(separator: ".").last.map(String.init) ?? ""
    guard let format = context.options.string("format") ?? formats.first(where: { $0 == ending }) ?? (path == "-" ? "jsonl" : nil) else {
      throw usage("\(path) does not end in a format's name: add --format \(formats.joined(separator: ", ")), or name another file")
    }
    guard formats.contains(format) else {
      throw usage("\(kind.rawValue) cannot be written as \(format); \(formats.joined(separator: ", ")) can")
    }
    if path == "-", format == "parquet" || format == "npz", isatty(STDOUT_FILENO) == 1 {
      throw usage("\(format) is not for a terminal: name a file with --output")
    }
    return format
  }

  private static func formats(of kind: ExportKind) -> [String] {
    kind == .factors || kind == .interactions ? ["parquet", "jsonl", "csv", "npz"] : ["parquet", "jsonl", "csv"]
  }

  private func output(_ path: String) throws -> ExportOutput {
    if path == "-" { return ExportOutput() }
    guard path.hasPrefix("s3://") else { return try ExportOutput(file: path, replaces: context.options.flag("force")) }
    // The object's name is the last part; what is before it is the store, with its settings behind a question mark.
    let parts = path.split(separator: "?", maxSplits: 1)
    guard let slash = parts[0].lastIndex(of: "/"), parts[0][..<slash].count > "s3://".count else {
      throw usage("\(path) names no object: write s3://BUCKET/NAME")
    }
    let name = String(parts[0][parts[0].index(after: slash)...])
    let settings = parts.count > 1 ? "?\(parts[1])" : ""
    let stores = ObjectStores(try context.loaded().configuration.store)
    do {
      let store = stores.open(try stores.address(parts[0][..<slash] + settings))
      return ExportOutput(object: try store.upload(try ObjectKey(name), context.options.flag("force") ? .always : .ifAbsent))
    } catch { throw CommandFailure("\(Redaction.text(path)): \(error)") }
  }

  private static func writer(_ format: String, _ kind: ExportKind, _ output: ExportOutput) throws -> any ExportWriter {
    switch format {
    case "parquet": ParquetExport(kind, to: output)
    case "csv": try CSVExport(kind, to: output)
    case "npz": kind == .factors ? FactorArchive(to: output) : MatrixArchive(to: output)
    default: JSONLinesExport(kind, to: output)
    }
  }

  private func report(_ kind: ExportKind, _ format: String, _ path: String, rows: Int, bytes: Int, _ source: some ExportRows) {
    if path == "-" { return context.note("\(rows) rows") }
    if format != "postgres" { context.recorder?.wrote(path, bytes: bytes) }
    var json: JSONValue = [
      "export": .string(kind.rawValue), "output": .string(Redaction.text(path)), "format": .string(format), "rows": .integer(rows),
      "bytes": .integer(bytes),
    ]
    for (key, value) in source.report { json[key] = value }
    context.report(json, text: "\(Redaction.text(path)): \(rows) rows, \(bytes) bytes")
  }
}
