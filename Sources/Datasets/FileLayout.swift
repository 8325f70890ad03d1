/// How a file is written and what its columns hold, found in a sample before the file is read.
struct FileLayout {
  let path: String
  let format: InteractionFormat
  let encoding: TextEncoding
  let extent: FileSample.Extent
  let dialect: Dialect
  /// The names in the first line, if it is a header.
  private(set) var header: [String]?
  private(set) var columns: InteractionColumns?
  private(set) var conventions = CellConventions()
  private(set) var profile: SampleProfile?
  /// Everything that the rules of plausibility found.
  private(set) var findings: [Finding] = []
  private let acceptsColumns: Bool

  static let linesJudged = 1000

  /// - Throws: `DatasetError` for a file that cannot be read as interactions; implausible columns are left to `refuse`.
  init(_ source: ByteSource, _ options: ReadingOptions) throws(DatasetError) {
    path = source.path
    acceptsColumns = options.acceptsColumns
    let sample = try FileSample(source, encoding: options.encoding)
    encoding = sample.encoding
    extent = sample.extent
    if let kind = OtherFileKind.fix(for: sample) { throw DatasetError(.otherKind(kind), path: source.path) }
    let lines = try sample.firstLines(200)
    format = options.format ?? Self.format(ofName: source.path) ?? Self.format(ofLines: lines)
    guard format != .jsonl else {
      dialect = Dialect()
      try Self.refuseColumns(options, path)
      if let fault = Self.fault(ofJSON: lines) { throw DatasetError(.otherKind(fault), path: source.path) }
      try judge(sample)
      return
    }
    dialect = Self.dialect(lines, options, path: source.path, format: format)
    try findColumns(sample, options)
    try judge(sample)
  }

  // MARK: Format

  static func format(ofName path: String) -> InteractionFormat? {
    var name = path.lowercased()[...]
    for suffix in [".gz", ".gzip"] where name.hasSuffix(suffix) { name = name.dropLast(suffix.count) }
    if name.hasSuffix(".tsv") || name.hasSuffix(".tab") { return .tsv }
    if name.hasSuffix(".csv") { return .csv }
    if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") { return .jsonl }
    return nil
  }

  static func format(ofLines lines: [[UInt8]]) -> InteractionFormat {
    guard let first = lines.first else { return .tsv }
    if first.first(where: { $0 != 0x20 }) == 0x7B { return .jsonl }
    return Dialect.sniffed(lines).delimiter == .tab ? .tsv : .csv
  }

  /// A named format decides nothing but JSON: a delimiter is recognised better than it is named.
  private static func dialect(_ lines: [[UInt8]], _ options: ReadingOptions, path: String, format: InteractionFormat) -> Dialect {
    if let delimiter = options.delimiter { return Dialect(delimiter: delimiter, hasQuotes: Dialect.usesQuotes(lines, delimiter)) }
    switch options.format {
    case .tsv: return Dialect(delimiter: .tab, hasQuotes: Dialect.usesQuotes(lines, .tab))
    case .csv: return Dialect.sniffed(lines, among: Delimiter.sniffed.filter { $0 != .tab }, suggested: .comma)
    default: return Dialect.sniffed(lines, suggested: format == .tsv ? .tab : .comma)
    }
  }

  private static func refuseColumns(_ options: ReadingOptions, _ path: String) throws(DatasetError) {
    guard options.columns.places.isEmpty, options.delimiter == nil, options.hasHeader == nil, options.timeFormat.isAutomatic else {
      throw DatasetError(
        .columns(
          "JSON lines have fields and no columns: leave --columns, --delimiter, --header and --time-format away; input.fields and input.timestamp_format map JSON"
        ), path: path)
    }
  }

  static func fault(ofJSON lines: [[UInt8]]) -> String? {
    guard let first = lines.first, let byte = first.first(where: { $0 != 0x20 }) else { return nil }
    if byte == 0x5B { return "is one JSON array; write one object per line, for example with jq -c '.[]'" }
    let plain = String(decoding: first.prefix(40).filter { $0 != 0x20 }, as: UTF8.self)
    guard plain.hasPrefix("{'") || plain.hasPrefix("{u'") || plain.hasPrefix("{u\"") else { return nil }
    return "its lines are Python literals and not JSON; convert them with ast.literal_eval and json.dumps"
  }

  // MARK: Columns

  private mutating func findColumns(_ sample: FileSample, _ options: ReadingOptions) throws(DatasetError) {
    var first: [String]?
    var profile = try SampleProfile(sample, dialect, firstRow: &first)
    if options.hasHeader ?? Self.isHeader(first, above: profile) { header = first } else if let first { profile.addFirstRow(first) }
    self.profile = profile
    guard profile.rows > 0 || header != nil else { return }
    do throws(InteractionColumns.Fault) {
      columns = try InteractionColumns(options.columns, header: header, count: max(profile.width, header?.count ?? 0)) {
        $0 < profile.columns.count && profile.columns[$0].canBeTimes
      }
    } catch { throw DatasetError(.columns(error.reason), path: path) }
    guard let columns else { return }
    conventions = profile.conventions(columns)
    conventions.timeFormat = options.timeFormat
    try refuseUnclearTimes(profile, columns)
    findings = PlausibilityRules.findings(
      PlausibilityEvidence(
        profile: profile, header: header, columns: columns, usesValues: options.usesValues, usesTimes: options.usesTimes,
        readsTimesAutomatically: options.timeFormat.isAutomatic, isKnownType: options.isKnownType))
    if options.acceptsColumns { for index in findings.indices { findings[index].severity = .warning } }
  }

  /// Whether the first line holds names: those of columns that are known, or text above columns of numbers or times.
  private static func isHeader(_ first: [String]?, above rows: SampleProfile) -> Bool {
    guard let first, first.count >= 2 else { return false }
    if ColumnNames.areNames(first) { return true }
    let numeric = rows.columns.indices.dropFirst(2).filter { index in
      let column = rows.columns[index]
      return index < first.count && column.filled > 0 && (column.areNumbers || column.canBeTimes)
    }
    guard !numeric.isEmpty else { return false }
    return numeric.allSatisfy { index in
      var cell = ColumnProfile()
      var text = first[index]
      _ = text.withUTF8 { cell.add($0, now: 4_102_444_800_000) }
      return cell.filled > 0 && cell.numbers == 0 && cell.dates == 0
    }
  }

  /// A date that may begin with the day or the month is read in no way without being told.
  private func refuseUnclearTimes(_ profile: SampleProfile, _ columns: InteractionColumns) throws(DatasetError) {
    guard conventions.timeFormat.isAutomatic, let column = columns[.time], column < profile.columns.count else { return }
    let time = profile.columns[column]
    guard time.unclearDates > 0, time.share(time.unclearDates) >= 0.05, let sentence = time.unclearSentence("--time-format") else { return }
    var evidence = ""
    if time.dayFirstDates > 0, time.monthFirstDates == 0 {
      evidence = "; \(time.dayFirstDates) of \(time.unclearDates) can only begin with the day"
    } else if time.monthFirstDates > 0, time.dayFirstDates == 0 {
      evidence = "; \(time.monthFirstDates) of \(time.unclearDates) can only begin with the month"
    }
    throw DatasetError(
      .unclearTimes("the times are taken from \(InteractionColumns.label(column, header)): \(sentence)\(evidence)"), path: path)
  }

  // MARK: Judgement

  /// Refuses a file of which more than half of the first lines cannot be used.
  private func judge(_ sample: FileSample) throws(DatasetError) {
    guard let head = sample.pieces.first else { return }
    let reader = LineReader(TextSource(head))
    let parser = LineParser(self)
    var (judged, bad) = (0, 0)
    var first: [BadLine] = []
    while judged < Self.linesJudged, let line = try reader.next() {
      if try parser.parse(line, reader) != nil { judged += 1 }
      guard let fault = parser.fault else { continue }
      judged += 1
      bad += 1
      if first.count < InteractionFile.Report.firstBadLinesMax { first.append(BadLine(line: reader.lineNumber, reason: fault.reason)) }
    }
    guard bad * 2 > judged else { return }
    let refusals = findings.filter { $0.severity == .refusal }
    if !refusals.isEmpty { throw implausible(refusals) }
    throw DatasetError(
      .notInteractions(
        form: format == .jsonl ? "one JSON event per line" : columnsText, badLines: bad, lines: judged, first: first, hint: hint),
      path: path)
  }

  /// - Throws: `DatasetError` if the columns look like something else.
  func refuse() throws(DatasetError) {
    let refusals = findings.filter { $0.severity == .refusal }
    if !refusals.isEmpty { throw implausible(refusals) }
  }

  private func implausible(_ refusals: [Finding]) -> DatasetError {
    DatasetError(.implausible(refusals, taken: columnsText, hint: hint), path: path)
  }

  /// - Throws: `DatasetError` if the numbers of the whole file say that a column holds something else. A sample that was the whole file
  ///   has told already.
  func refuseCounts(rows: Int, users: Int, items: Int) throws(DatasetError) {
    guard extent != .whole, !acceptsColumns, rows >= 10_000, format != .jsonl else { return }
    func refusal(_ rule: String, _ field: InteractionField, _ count: Int) -> Finding {
      Finding(
        severity: .refusal, rule: rule,
        sentence:
          "\(rows) rows have \(count) different \(field.rawValue)s (\(columns?[field].map { InteractionColumns.label($0, header) } ?? ""))",
        columns: columns?[field].map { [$0 + 1] } ?? [], share: Double(count) / Double(rows), samples: [])
    }
    var refusals: [Finding] = []
    if Double(items) >= 0.9 * Double(rows) { refusals.append(refusal("every-item-once", .item, items)) }
    if Double(users) >= 0.995 * Double(rows) { refusals.append(refusal("every-user-once", .user, users)) }
    if users <= 20 { refusals.append(refusal("few-users", .user, users)) }
    if items <= 10 { refusals.append(refusal("few-items", .item, items)) }
    if !refusals.isEmpty { throw implausible(refusals) }
  }

  // MARK: Words

  /// The columns that the cells suggest, if they are others than those taken.
  private var hint: String? {
    guard let proposal else { return nil }
    return "The cells look like --columns \(proposal)"
  }

  var proposal: String? {
    guard let profile else { return nil }
    let guess = ColumnGuess(profile)
    guard guess.isComplete, guess.columns != columns?.columns else { return nil }
    return InteractionColumns.selectionText(guess.columns, header)
  }

  /// `user = UserId (column 2), item = ItemId (column 3)`.
  var columnsText: String {
    guard let columns else { return "\(dialect.delimiter.name)-separated text" }
    return InteractionField.allCases.compactMap { field in
      columns[field].map { "\(field.rawValue) = \(InteractionColumns.label($0, header))" }
    }.joined(separator: ", ")
  }
}
