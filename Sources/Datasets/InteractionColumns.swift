/// Maps the columns of a file to user, item, value and time.
struct InteractionColumns: Equatable {
  struct Fault: Error { var reason: String }

  var user = 0
  var item = 1
  var value: Int?
  var time: Int?

  /// Maps columns by position, given the first data row. The third of three columns is a time if it is a plausible timestamp, otherwise a
  /// value.
  init(firstRow fields: LineFields) {
    if fields.count == 3, let time = parseTime(fields[2]), time >= Self.plausibleMilliseconds, parseNumber(fields[2]) ?? 0 >= 1e8 {
      self.time = 2
    } else {
      (value, time) = (2, 3)
    }
  }

  /// Maps columns by name if a user and an item column are recognised, otherwise by position.
  init(header: [String]) {
    let names = header.map(Self.plain)
    if let user = names.firstIndex(where: Self.userNames.contains), let item = names.firstIndex(where: Self.itemNames.contains) {
      self.user = user
      self.item = item
      value = names.firstIndex(where: Self.valueNames.contains)
      time = names.firstIndex(where: Self.timeNames.contains)
    } else {
      (value, time) = (2, 3)
      if header.count == 3, Self.timeNames.contains(names[2]) { (value, time) = (nil, 2) }
    }
  }

  /// Returns the column names if the line is a header: it has a user and an item name, or text where numbers are expected.
  static func header(_ fields: LineFields) -> [String]? {
    guard fields.count >= 2 else { return nil }
    let header = fields.fields.map { String(decoding: trimmed($0), as: UTF8.self) }
    let names = header.map(plain)
    if names.contains(where: userNames.contains), names.contains(where: itemNames.contains) { return header }
    guard fields.count >= 3 else { return nil }
    for field in fields.fields[2..<min(4, fields.count)] where field.isEmpty || parseNumber(field) != nil { return nil }
    return header
  }

  func row(_ fields: LineFields) -> Result<InteractionRow, Fault> {
    guard fields.count > max(user, item) else {
      return .failure(Fault(reason: fields.count == 1 ? "one column only" : "\(fields.count) columns only"))
    }
    if let fault = idFault(fields[user]) { return .failure(Fault(reason: "the user \(fault)")) }
    if let fault = idFault(fields[item]) { return .failure(Fault(reason: "the item \(fault)")) }
    var row = InteractionRow(user: Array(fields[user]), item: Array(fields[item]))
    if let value, value < fields.count, !fields[value].isEmpty {
      row.value = parseNumber(fields[value])
      if row.value == nil { return .failure(Fault(reason: "the value is no finite number")) }
    }
    if let time, time < fields.count, !fields[time].isEmpty {
      row.timeMilliseconds = parseTime(fields[time])
      if row.timeMilliseconds == nil { return .failure(Fault(reason: "the timestamp is no integer (s, ms, us or ns since 1970)")) }
    }
    return .success(row)
  }

  /// Earliest plausible timestamp (1973); ratings are not that large.
  private static let plausibleMilliseconds: Int64 = 100_000_000_000

  private static func plain(_ name: String) -> String {
    String(name.lowercased().filter { $0.isLetter || $0.isNumber })
  }

  private static let userNames: Set<String> = ["user", "userid", "users", "visitor", "visitorid", "customer", "customerid", "uid"]
  private static let itemNames: Set<String> = [
    "item", "itemid", "items", "movieid", "movie", "product", "productid", "article", "articleid", "trackid", "iid",
  ]
  private static let valueNames: Set<String> = [
    "value", "eventvalue", "rating", "score", "weight", "strength", "quantity", "count", "plays",
  ]
  private static let timeNames: Set<String> = ["timestamp", "time", "ts", "date", "datetime", "eventtime", "unixtime", "sentat"]
}
