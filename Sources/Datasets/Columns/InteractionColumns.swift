/// Which column of a file holds which field.
struct InteractionColumns: Equatable {
  /// How a column was found.
  enum Origin { case caller, header, position }

  struct Fault: Error, Equatable { var reason: String }

  private(set) var columns: [InteractionField: Int] = [:]
  private(set) var origins: [InteractionField: Origin] = [:]
  /// Columns with another name of a field that was found.
  private(set) var others: [InteractionField: [Int]] = [:]

  init() {}

  subscript(field: InteractionField) -> Int? { columns[field] }

  /// Whether user or item was taken by position only, which must be plausible.
  var isPositional: Bool { origins[.user] == .position || origins[.item] == .position }

  /// The number of columns that a row must have.
  var needed: Int { max(columns[.user] ?? 0, columns[.item] ?? 0) + 1 }
  /// The number of columns that are read.
  var read: Int { (columns.values.max() ?? 0) + 1 }

  /// Finds the columns: first those that the caller names, then by the names of the header, then by position.
  ///
  /// - Parameters:
  ///   - count: the number of columns of most rows.
  ///   - holdsTimes: whether the values of a column (from 0) are times.
  init(_ selection: ColumnSelection, header: [String]?, count: Int, holdsTimes: (Int) -> Bool) throws(Fault) {
    for (field, place) in selection.places {
      guard let column = try Self.column(place, field, header, count) else { continue }
      take(column, for: field, .caller)
    }
    if let header { try takeNames(header, selection) }
    if columns[.user] == nil || columns[.item] == nil {
      try checkPositions(header, count)
      takePositions(selection, header, count, holdsTimes)
    }
  }

  private mutating func take(_ column: Int, for field: InteractionField, _ origin: Origin) {
    columns[field] = column
    origins[field] = origin
  }

  private static func column(_ place: ColumnSelection.Place, _ field: InteractionField, _ header: [String]?, _ count: Int) throws(Fault)
    -> Int?
  {
    switch place {
    case .none: return nil
    case .number(let number):
      guard number <= count else { throw Fault(reason: "--columns \(field.rawValue)=\(number): the rows have \(count) columns") }
      return number - 1
    case .name(let name):
      guard let header else {
        throw Fault(
          reason: "--columns \(field.rawValue)=\(name): the first line is not a header; give the number of the column, or add --header yes")
      }
      if let exact = header.firstIndex(of: name) { return exact }
      let folded = ColumnNames.folded(name)
      if let column = header.firstIndex(where: { ColumnNames.folded($0) == folded }) { return column }
      throw Fault(reason: "--columns \(field.rawValue)=\(name): the header has no such column; it has \(header.joined(separator: ", "))")
    }
  }

  private mutating func takeNames(_ header: [String], _ selection: ColumnSelection) throws(Fault) {
    let match = ColumnNames.match(header)
    let claimed = Set(columns.values)
    for field in InteractionField.allCases where selection.places[field] == nil {
      guard let column = match.columns[field], !claimed.contains(column) else { continue }
      take(column, for: field, .header)
      others[field] = match.others[field]?.filter { !claimed.contains($0) }
    }
    let missing = [InteractionField.user, .item].filter { columns[$0] == nil }
    let candidates = missing.filter { match.candidates[$0]?.isEmpty == false }
    guard !candidates.isEmpty || missing.count == 1 else { return }
    let proposal = missing.map { field in
      "\(field.rawValue)=\(match.candidates[field]?.first.map { header[$0] } ?? "NAME")"
    }
    throw Fault(
      reason: "the header names no \(missing.map(\.rawValue).joined(separator: " and no ")) (\(header.joined(separator: ", "))); "
        + "say which column it is, for example --columns \(proposal.joined(separator: ","))")
  }

  private func checkPositions(_ header: [String]?, _ count: Int) throws(Fault) {
    guard columns[.user] != nil || columns[.item] != nil else { return }
    let missing = columns[.user] == nil ? "user" : "item"
    throw Fault(reason: "--columns names no \(missing); add \(missing)=COLUMN")
  }

  /// Takes the first two free columns as user and item. The next two are value and time, unless a header names them; a third of three
  /// columns that holds times is the time.
  private mutating func takePositions(
    _ selection: ColumnSelection, _ header: [String]?, _ count: Int, _ holdsTimes: (Int) -> Bool
  ) {
    var free = (0..<max(2, count)).filter { !columns.values.contains($0) }[...]
    take(free.removeFirst(), for: .user, .position)
    if let item = free.popFirst() { take(item, for: .item, .position) }
    // Names tell more than positions; where some are known, others mean other things.
    guard columns.count == 2 else { return }
    let isTimeOnly = free.count == 1 && holdsTimes(free.first!)
    if !isTimeOnly, let value = free.popFirst(), selection.places[.value] == nil { take(value, for: .value, .position) }
    if let time = free.popFirst(), selection.places[.time] == nil { take(time, for: .time, .position) }
  }

  // MARK: Words

  /// The column as a person finds it: its name and number, or its number.
  static func label(_ column: Int, _ header: [String]?) -> String {
    guard let header, column < header.count, !header[column].isEmpty else { return "column \(column + 1)" }
    return "\(header[column]) (column \(column + 1))"
  }

  /// `user=visitorid,item=itemid,time=timestamp`, for `--columns`.
  func selectionText(_ header: [String]?) -> String { Self.selectionText(columns, header) }

  static func selectionText(_ columns: [InteractionField: Int], _ header: [String]?) -> String {
    InteractionField.allCases.compactMap { field in
      guard let column = columns[field] else { return nil }
      let name = header.flatMap { column < $0.count ? $0[column] : nil } ?? ""
      // A name with a comma would be cut, and one of digits is read as a number.
      let isUsable = !name.isEmpty && !name.contains { $0 == "," || $0 == "=" || $0 == " " } && Int(name) == nil
      return "\(field.rawValue)=\(isUsable ? name : String(column + 1))"
    }.joined(separator: ",")
  }
}
