import Datasets
import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet split`: cuts a file into a part to train on and a part to test with.
///
/// The file is read twice, so that it may be larger than the memory: once for what decides, and once to write its rows.
struct SplitCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let path = context.options.string("data")!
    guard path != "-" else {
      throw UsageError("split reads its file twice: write standard input to a file first", usage: context.parsed.command.usage)
    }
    let rows = try read(path)
    let split = try context.splitting(path) { try self.split(rows) }
    let ending = rows.format == .jsonl ? "jsonl" : "csv"
    let directory = context.options.string("output")!
    let (train, test) = (directory + "/train." + ending, directory + "/test." + ending)
    do { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) } catch {
      throw CommandFailure("cannot make the directory \(directory): \(error.localizedDescription)")
    }
    try write(path, split, train, test)
    report(rows, split, train, test)
  }

  /// What decides, a value for each row.
  private struct Rows {
    var times: [Int64] = []
    var users: [Int32] = []
    var names = IdentifierTable()
    var hasTimes = false
    var format = InteractionFormat.csv
    var leftOut = 0
  }

  private var rule: RowSplit.Rule { RowSplit.Rule(rawValue: context.options.string("by") ?? "") ?? .time }
  private var share: Double { context.options.double("test-share") ?? 0.2 }

  private func read(_ path: String) throws -> Rows {
    let source = try context.source(path, .ignore, usesTimes: rule != .random, rejects: try context.rejects())
    // Values decide nothing here, and are written.
    context.say(about: source.file, valuesAreUsed: true)
    var progress = context.progress("bytes of \((path as NSString).lastPathComponent)", total: source.file.sizeBytes)
    var rows = Rows()
    rows.format = source.file.format
    try source.readRows { row, interactions in
      if case .columns(let columns) = row { rows.hasTimes = rows.hasTimes || columns.timeMilliseconds != nil } else { rows.hasTimes = true }
      // Of a line with several events the newest decides, so that nothing to train on is as new as the cut.
      rows.times.append(interactions.map(\.timeMilliseconds).max() ?? 0)
      rows.users.append(rows.names.intern(interactions[0].user).index)
      if rows.times.count & 0xfff == 0 { progress.update(source.file.bytesRead) }
    }
    if let size = source.file.sizeBytes { progress.finish(size) }
    try context.close(source)
    guard !rows.times.isEmpty else { throw context.nothing(in: source.file) }
    if !rows.hasTimes, rule != .random { context.note("warning: \(path) has no times; the order of its rows counts") }
    rows.leftOut = source.file.report.badLines + source.ignored
    return rows
  }

  private func split(_ rows: Rows) throws(HoldoutError) -> RowSplit {
    switch rule {
    case .time: try RowSplit(times: rows.times, testShare: share)
    case .user: try RowSplit(users: rows.users, times: rows.times, testShare: share)
    case .random:
      try RowSplit(rows: rows.times.count, seed: UInt64(context.options.int("split-seed") ?? 98_765), testShare: share)
    }
  }

  private func write(_ path: String, _ split: RowSplit, _ train: String, _ test: String) throws {
    let isForced = context.options.flag("force")
    let source = try context.source(path, .ignore, usesTimes: rule != .random, rejects: nil)
    let layout = RowLayout(source.file.fields)
    let outputs = (try ExportOutput(file: train, replaces: isForced), try ExportOutput(file: test, replaces: isForced))
    if let header = layout?.header { for output in [outputs.0, outputs.1] { try output.write(header) } }
    var next = 0
    try source.readRows { row, _ in
      guard next < split.isTest.count else { throw changed(path) }
      try (split.isTest[next] ? outputs.1 : outputs.0).write(RowLayout.line(row, layout))
      next += 1
    }
    guard next == split.isTest.count else { throw changed(path) }
    try outputs.0.finish()
    try outputs.1.finish()
    context.recorder?.wrote(train)
    context.recorder?.wrote(test)
  }

  private func changed(_ path: String) -> CommandFailure { CommandFailure("\(path) was changed while it was read: split it again") }

  private func report(_ rows: Rows, _ split: RowSplit, _ train: String, _ test: String) {
    var (isTrained, isTested) = ([Bool](repeating: false, count: rows.names.capacity), [Bool](repeating: false, count: rows.names.capacity))
    for (user, isTest) in zip(rows.users, split.isTest) { if isTest { isTested[Int(user)] = true } else { isTrained[Int(user)] = true } }
    let testUsers = isTested.count { $0 }
    let newUsers = zip(isTested, isTrained).count { $0 && !$1 }
    let cut = rows.hasTimes ? split.cutMilliseconds.map { Timestamp.rfc3339(milliseconds: $0) } : nil
    let trainRows = split.isTest.count - split.testRows
    let json: JSONValue = [
      "train": .string(train), "test": .string(test), "by": .string(rule.rawValue), "test_share": .number(share),
      "cut": cut.map { .string($0) } ?? .null, "train_rows": .integer(trainRows), "test_rows": .integer(split.testRows),
      "train_users": .integer(isTrained.count { $0 }), "test_users": .integer(testUsers), "new_test_users": .integer(newUsers),
      "rows_left_out": .integer(rows.leftOut),
    ]
    context.report(
      json,
      text: "\(train): \(trainRows) rows\(cut.map { ", all before \($0)" } ?? "")\n\(test): \(split.testRows) rows of \(testUsers) users, "
        + "\(newUsers) of them not in the other part\(rows.leftOut > 0 ? "\n\(rows.leftOut) rows were left out" : "")")
  }
}

/// How rows are written: as CSV with the fields that the file has, under names that every command recognises. JSON lines stay as they are.
private struct RowLayout {
  let fields: [InteractionField]

  private static let names: [(field: InteractionField, name: String)] = [
    (.user, "user_id"), (.item, "item_id"), (.value, "value"), (.time, "timestamp"), (.type, "event_type"), (.op, "op"), (.id, "event_id"),
  ]

  /// - Parameter fields: `nil` for JSON lines, which have no layout.
  init?(_ fields: Set<InteractionField>?) {
    guard let fields else { return nil }
    self.fields = Self.names.map(\.field).filter(fields.contains)
  }

  var header: [UInt8] {
    Array((Self.names.filter { fields.contains($0.field) }.map(\.name).joined(separator: ",") + "\n").utf8)
  }

  static func line(_ row: InteractionFile.Row, _ layout: RowLayout?) -> [UInt8] {
    var line: [UInt8] = []
    switch row {
    case .event(let bytes): line = bytes
    case .columns(let columns):
      for (place, field) in (layout?.fields ?? []).enumerated() {
        if place > 0 { line.append(UInt8(ascii: ",")) }
        if let cell = cell(field, columns) { CSVExport.append(cell, to: &line) }
      }
    }
    return line + [UInt8(ascii: "\n")]
  }

  private static func cell(_ field: InteractionField, _ row: InteractionRow) -> [UInt8]? {
    switch field {
    case .user: row.user
    case .item: row.item
    case .value: row.value.flatMap { $0.isFinite ? Array(JSONValue.number($0).text.utf8) : nil }
    case .time: row.timeMilliseconds.map { Array(Timestamp.rfc3339(milliseconds: $0).utf8) }
    case .type: row.type
    case .id: row.id
    case .op: row.operation.map { Array($0.rawValue.utf8) }
    }
  }
}
