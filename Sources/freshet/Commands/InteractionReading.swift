import Datasets
import Evaluation
import Foundation
import StreamingRecommender
import Timestamps

extension CommandContext {
  /// Reads the pairs of a file. A long load shows a progress bar, and unreadable lines are reported.
  ///
  /// - Throws: `DatasetError`; `CommandFailure` for a file without interactions.
  func pairs(_ path: String, _ rule: ValueRule, rejects: RejectedLines? = nil) throws -> StaticPairs {
    StaticPairs(try interactions(path, rule, rejects: rejects))
  }

  /// How the command interprets the value column.
  var valueRule: ValueRule { ValueRule(rawValue: options.string("value") ?? "") ?? .ignore }

  func interactions(_ path: String, _ rule: ValueRule, keepsTimes: Bool = false, rejects: RejectedLines? = nil) throws -> StaticInteractions
  {
    let source = try open(path, rule, usesTimes: keepsTimes, rejects: try rejects ?? self.rejects())
    var progress = progress("bytes of \((path as NSString).lastPathComponent)", total: source.file.sizeBytes)
    let read = try StaticInteractions(source, keepsTimes: keepsTimes) { progress.update($0) }
    if let size = source.file.sizeBytes { progress.finish(size) }
    try close(source)
    guard read.count > 0 else { throw nothing(in: source.file) }
    try source.file.refuseCounts(users: read.users.count, items: read.items.count)
    return read
  }

  // MARK: Files

  /// Opens a file and says how its columns are read.
  ///
  /// - Parameter usesTimes: whether the command uses the times.
  /// - Throws: `DatasetError`; `CommandFailure` for options that contradict themselves.
  func open(_ path: String, _ rule: ValueRule, usesTimes: Bool, rejects: RejectedLines?) throws -> FileInteractions {
    let source = try source(path, rule, usesTimes: usesTimes, rejects: rejects)
    say(about: source.file, valuesAreUsed: rule != .ignore)
    return source
  }

  /// The same without a word, for a file that has been opened before.
  func source(_ path: String, _ rule: ValueRule, usesTimes: Bool, rejects: RejectedLines?) throws -> FileInteractions {
    var settings = FileInteractions.Settings(reading: try readingOptions(), value: rule)
    settings.reading.usesTimes = usesTimes
    settings.input = try loaded().configuration.input
    settings.reading.isKnownType = EventTypes.isKnown(settings.input)
    settings.rejects = rejects
    recorder?.reads(path)
    return try FileInteractions(path, settings)
  }

  /// Says what each column is taken for, and what looks wrong.
  func say(about file: InteractionFile, valuesAreUsed: Bool) {
    note(file.summary(valuesAreUsed: valuesAreUsed))
    for warning in file.warnings { note("warning: \(warning)") }
  }

  /// Says what could not be used of a file that was read.
  func close(_ source: FileInteractions) throws {
    try source.flushRejects()
    noteBadLines(source.file.report, of: source.file.path)
    if source.ignored > 0 { note("\(source.file.path): \(source.ignored) events are left out by their type (input.weights, input.types)") }
  }

  /// The error for a file of which nothing can be used, with the first reason.
  func nothing(in file: InteractionFile) -> CommandFailure {
    let reason = file.report.firstBadLines.first.map { "; \($0)" } ?? ""
    return CommandFailure("\(file.path) holds no interactions\(reason)")
  }

  /// How the options say that a file is to be read.
  func readingOptions() throws(CommandFailure) -> ReadingOptions {
    var reading = ReadingOptions()
    guard parsed.command.option(named: "columns") != nil else { return reading }
    // `export` writes a format, too.
    let format = parsed.command.option(named: "data-format") == nil ? "format" : "data-format"
    reading.format = options.string(format).flatMap(InteractionFormat.init(rawValue:))
    reading.encoding = options.string("encoding").flatMap(TextEncoding.init(rawValue:))
    reading.hasHeader = options.string("header").map { $0 == "yes" }
    reading.acceptsColumns = options.flag("accept-columns")
    if let text = options.string("delimiter") {
      guard let delimiter = Delimiter(text) else {
        throw CommandFailure(
          "--delimiter \(text): allowed: tab, comma, semicolon, pipe, space, ::, or one to four characters other than letters, digits and quotes",
          status: .usage)
      }
      reading.delimiter = delimiter
    }
    do {
      if let text = options.string("columns") { reading.columns = try ColumnSelection(text) }
    } catch { throw CommandFailure("--columns: \(error)", status: .usage) }
    do {
      if let text = options.string("time-format") { reading.timeFormat = try TimestampFormat(text) }
    } catch { throw CommandFailure("--time-format: \(error)", status: .usage) }
    return reading
  }

  /// The file for rejected lines, if one is named. It is emptied, so a command asks once.
  func rejects() throws -> RejectedLines? {
    guard parsed.command.option(named: "rejects") != nil, let path = options.string("rejects") else { return nil }
    return try RejectedLines(path: path)
  }

  /// Reports how many lines of a file could not be read, and what was wrong with the first ones.
  func noteBadLines(_ report: InteractionFile.Report?, of path: String) {
    guard let report, report.badLines > 0 else { return }
    let hint = parsed.command.option(named: "rejects") != nil && !options.isSet("rejects") ? " (--rejects FILE writes them all)" : ""
    note("\(path): \(report.badLines) lines could not be read: \(report.firstBadLines.map { "\($0)" }.joined(separator: "; "))\(hint)")
  }

  /// Splits a file with `make` and adds the path to errors. A number of folds that exceeds the number of users is a usage error.
  func splitting<R>(_ path: String, _ make: () throws -> R) throws -> R {
    do { return try make() } catch let error as HoldoutError {
      if case .tooFewUsers = error.code { throw CommandFailure("\(path): \(error)", status: .usage) }
      throw CommandFailure("\(path): \(error)")
    }
  }
}
