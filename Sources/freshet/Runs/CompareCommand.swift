import Foundation
import RunComparison
import RunRecords
import StreamingRecommender
import Telemetry

/// `freshet compare`: several runs on one page.
struct CompareCommand {
  let context: CommandContext
  private let now = WallClock.milliseconds()
  private static let recordBytesMax = 16 << 20
  private static let rowsMax = 12

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let output = context.options.string("output") ?? (context.json ? nil : "compare.html")
    if output == "-", context.json {
      throw UsageError("--json and --output - both write to standard output: leave one of them away", usage: context.parsed.command.usage)
    }
    let comparison = try failing { try Comparison(try records(context.parsed.operands)) }
    let page = ComparisonPage(comparison, version: Version.freshet, madeAtMilliseconds: now)
    if output == "-" {
      try FileHandle.standardOutput.write(contentsOf: Data(page.text.utf8))
      return
    }
    if let output { try write(page, output) }
    var json = comparison.json
    json["output"] = output.map { .string($0) }
    context.report(json, text: text(comparison, output))
  }

  private func failing<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as ComparisonError { throw CommandFailure("\(error)", status: .usage) }
  }

  // MARK: Records

  private func records(_ words: [String]) throws -> [RunRecord] {
    // Files need no store.
    let store = words.allSatisfy(Self.isPath) ? nil : try context.runStore()
    return try words.map { word in
      guard let store, !Self.isPath(word) else { return try file(word) }
      return try store.find(word, now: now)
    }
  }

  /// No id has a slash or a point behind its time.
  private static func isPath(_ word: String) -> Bool { word.contains("/") || word.hasSuffix(".json") }

  private func file(_ path: String) throws -> RunRecord {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure("\(path) cannot be read: check the path, or name a run of `freshet runs list`")
    }
    defer { try? handle.close() }
    let data = try handle.read(upToCount: Self.recordBytesMax + 1) ?? Data()
    guard data.count <= Self.recordBytesMax else { throw CommandFailure("\(path) is too large for the record of a run") }
    do { return try RunRecord(json: Array(data)).seen(at: now) } catch {
      throw CommandFailure("\(path) is not the record of a run: `freshet runs show RUN --json` prints one")
    }
  }

  // MARK: Output

  private func write(_ page: ComparisonPage, _ path: String) throws {
    let file = try NewFile(path, replaces: context.options.flag("force") || Self.isPage(path))
    var text = page.text
    try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
    try file.finish()
  }

  /// Whether the file was made by this command.
  private static func isPage(_ path: String) -> Bool {
    guard let handle = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? handle.close() }
    let start = (try? handle.read(upToCount: ComparisonPage.markBytesMax)) ?? Data()
    return String(decoding: start, as: UTF8.self).contains(ComparisonPage.mark)
  }

  /// What differs and the figures that say most; the page has the rest.
  private func text(_ comparison: Comparison, _ output: String?) -> String {
    var lines = comparison.runs.enumerated().map { index, run in
      "\(Comparison.letter(index))  \(run.id)  \(run.state.rawValue)  \(ListText.fixed(run.seconds, 1)) s"
    }
    lines += comparison.cautions
    let settings = comparison.settings.filter { !$0.isSame }.map { [$0.name] + $0.values.map { $0 ?? "-" } }
    if comparison.runs.count > 1 { lines += table("setting", settings, comparison, none: "all settings are the same") }
    let figures = comparison.highlights.map { metric in [metric.path] + metric.texts }
    lines += table("figure", figures, comparison, none: "there are no figures")
    if let output { lines.append("\(output) has all of it") }
    return lines.map { TerminalText.escaped($0, keepsLines: true) }.joined(separator: "\n")
  }

  private func table(_ name: String, _ rows: [[String]], _ comparison: Comparison, none: String) -> [String] {
    guard !rows.isEmpty else { return [none] }
    let letters = comparison.runs.indices.map { Comparison.letter($0) }
    var table = TextTable([.left] + letters.map { _ in .right }, header: [name] + letters)
    for row in rows.prefix(Self.rowsMax) { table.add(row) }
    let more = rows.count > Self.rowsMax ? ["and \(rows.count - Self.rowsMax) more"] : []
    return ["", String(table.description.dropLast())] + more
  }
}
