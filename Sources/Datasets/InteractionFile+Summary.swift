extension InteractionFile {
  /// One line that says how the file is read: what each column was taken for, and what is left out.
  ///
  /// - Parameter valuesAreUsed: whether the caller uses the values.
  public func summary(valuesAreUsed: Bool) -> String {
    let name = path == ByteSource.standardInput ? "standard input" : path.split(separator: "/").last.map(String.init) ?? path
    guard layout.format != .jsonl else { return "\(name): one JSON event per line" + layout.encodingText }
    return "\(name): \(layout.dialect.delimiter.name)-separated" + layout.encodingText
      + (layout.header == nil ? " without a header" : "") + ": " + layout.takenText(valuesAreUsed: valuesAreUsed) + layout.notesText
  }
}

extension FileLayout {
  fileprivate var encodingText: String { encoding == .utf8 ? "" : ", \(encoding.rawValue)" }

  fileprivate func takenText(valuesAreUsed: Bool) -> String {
    guard let columns else { return "no rows" }
    var text = InteractionField.allCases.compactMap { field -> String? in
      guard let column = columns[field] else { return nil }
      let note = field == .value && !valuesAreUsed ? " (not used)" : ""
      return "\(field.rawValue) = \(InteractionColumns.label(column, header))\(note)"
    }.joined(separator: ", ")
    if columns.isPositional, header != nil { text += " by position, as the header does not name them" }
    return text
  }

  /// What a reader may want to correct: columns that are left out, and how cells are read.
  fileprivate var notesText: String {
    guard let columns, let profile else { return "" }
    var notes: [String] = []
    let width = max(profile.width, header?.count ?? 0)
    let unused = (0..<width).filter { !columns.columns.values.contains($0) }.map { InteractionColumns.label($0, header) }
    if !unused.isEmpty {
      notes.append("left out: " + unused.prefix(8).joined(separator: ", ") + (unused.count > 8 ? " and \(unused.count - 8) more" : ""))
    }
    if conventions.cutsUserFraction { notes.append("users such as 17850.0 are read as 17850") }
    if conventions.cutsItemFraction { notes.append("items such as 17850.0 are read as 17850") }
    if conventions.hasDecimalComma { notes.append("the comma in values is a decimal point") }
    if let time = columns[.time], time < profile.columns.count, profile.columns[time].dates > 0 {
      notes.append(conventions.timeFormat.isAutomatic ? "dates without a zone are UTC" : "times as \(conventions.timeFormat.pattern)")
    }
    if extent == .beginning { notes.append("judged by the first \(profile.rows) rows") }
    return notes.isEmpty ? "" : "; " + notes.joined(separator: "; ")
  }
}
