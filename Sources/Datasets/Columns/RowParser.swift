import Timestamps

/// Makes rows of the fields of a line.
struct RowParser {
  struct Fault: Error {
    /// The same word for all faults of one kind.
    var kind: String
    var reason: String
  }

  private let user: Int
  private let item: Int
  private let value: Int?
  private let type: Int?
  private let time: Int?
  private let id: Int?
  private let operation: Int?
  private let needed: Int
  /// The number of fields of a line that are read.
  let read: Int
  private let conventions: CellConventions
  private let lastType = LastType()

  /// The type of an earlier row, whose storage most rows share.
  private final class LastType { var bytes: [UInt8] = [] }

  init(_ columns: InteractionColumns?, _ conventions: CellConventions) {
    let columns = columns ?? InteractionColumns()
    user = columns[.user] ?? 0
    item = columns[.item] ?? 1
    value = columns[.value]
    type = columns[.type]
    time = columns[.time]
    id = columns[.id]
    operation = columns[.op]
    needed = max(user, item) + 1
    read = columns.read
    self.conventions = conventions
  }

  func row(_ fields: LineFields) throws(Fault) -> InteractionRow {
    guard fields.count >= needed else {
      throw Fault(kind: "few_columns", reason: fields.count == 1 ? "one column only" : "\(fields.count) columns only")
    }
    let userID = conventions.id(fields[user], isUser: true)
    let itemID = conventions.id(fields[item], isUser: false)
    if let fault = idFault(userID) { throw Fault(kind: "bad_user", reason: "the user \(fault)") }
    if let fault = idFault(itemID) { throw Fault(kind: "bad_item", reason: "the item \(fault)") }
    var row = InteractionRow(user: Array(userID), item: Array(itemID))
    try readDetails(fields, into: &row)
    return row
  }

  private func readDetails(_ fields: LineFields, into row: inout InteractionRow) throws(Fault) {
    if let value, value < fields.count, !fields[value].isEmpty {
      row.value = parseNumber(fields[value], hasDecimalComma: conventions.hasDecimalComma)
      if row.value == nil, !trimmed(fields[value]).isEmpty { throw Fault(kind: "bad_value", reason: "the value is no finite number") }
    }
    if let time, time < fields.count, !fields[time].isEmpty { row.timeMilliseconds = try milliseconds(fields[time]) }
    if let type, type < fields.count {
      let text = trimmed(fields[type])
      if !text.isEmpty { row.type = try self.type(text) }
    }
    if let id, id < fields.count {
      let text = trimmed(fields[id])
      if !text.isEmpty {
        if let fault = idFault(text) { throw Fault(kind: "bad_event_id", reason: "the event id \(fault)") }
        row.id = Array(text)
      }
    }
    if let operation, operation < fields.count { row.operation = try self.operation(trimmed(fields[operation])) }
  }

  private func milliseconds(_ field: UnsafeBufferPointer<UInt8>) throws(Fault) -> Int64? {
    if conventions.timeFormat.isAutomatic, 1...18 ~= field.count, let digits = digits(field), EpochTime.isPlausible(digits) {
      return EpochTime.milliseconds(fromInteger: digits)
    }
    let text = trimmed(field)
    if text.isEmpty { return nil }
    do throws(TimestampFault) { return try conventions.timeFormat.milliseconds(text) } catch {
      throw Fault(kind: "bad_time", reason: "the time " + error.sentence(about: text, setting: "--time-format"))
    }
  }

  private func type(_ text: UnsafeBufferPointer<UInt8>) throws(Fault) -> [UInt8] {
    if text.elementsEqual(lastType.bytes) { return lastType.bytes }
    if text.count > 256 || String(validating: text, as: UTF8.self).map({ $0.unicodeScalars.count > 64 }) ?? true {
      throw Fault(kind: "bad_type", reason: "the type is not UTF-8 of at most 64 characters")
    }
    lastType.bytes = Array(text)
    return lastType.bytes
  }

  /// `add`, `set`, `delete`, the codes of change capture, and flags of a column that says whether the row was deleted.
  private func operation(_ text: UnsafeBufferPointer<UInt8>) throws(Fault) -> InteractionRow.Operation? {
    switch String(decoding: text, as: UTF8.self).lowercased() {
    case "": return nil
    case "add": return .add
    case "set", "c", "u", "r", "insert", "update", "upsert": return .set
    case "delete", "d", "remove", "true", "t", "1", "yes", "y": return .delete
    case "false", "f", "0", "no", "n": return nil
    default: throw Fault(kind: "bad_op", reason: "the operation is none of add, set, delete, c, u, r, d, true and false")
    }
  }
}

/// How the cells of a file are written, as a sample of it shows.
struct CellConventions {
  var timeFormat = TimestampFormat.automatic
  /// Whether a comma in a value is a decimal point.
  var hasDecimalComma = false
  /// Whether all ids of the column are whole numbers with `.0`, which is then no part of them.
  var cutsUserFraction = false
  var cutsItemFraction = false

  /// The id in a cell: without the spaces around it and, if the whole column is written so, without `.0`.
  @inline(__always) func id(_ cell: UnsafeBufferPointer<UInt8>, isUser: Bool) -> UnsafeBufferPointer<UInt8> {
    let id = trimmed(cell)
    guard isUser ? cutsUserFraction : cutsItemFraction, Self.isWholeWithFraction(id) else { return id }
    return UnsafeBufferPointer(rebasing: id[..<(id.count - 2)])
  }

  /// `17850.0`.
  static func isWholeWithFraction(_ id: UnsafeBufferPointer<UInt8>) -> Bool {
    id.count >= 3 && id[id.count - 2] == 0x2E && id[id.count - 1] == 0x30 && id.dropLast(2).allSatisfy { 0x30...0x39 ~= $0 }
  }
}

/// The number that a cell of digits alone makes.
@inline(__always) func digits(_ field: UnsafeBufferPointer<UInt8>) -> Int64? {
  var value: Int64 = 0
  for byte in field {
    guard 0x30...0x39 ~= byte else { return nil }
    value = value &* 10 &+ Int64(byte - 0x30)
  }
  return value
}

extension EpochTime {
  /// Whether the number is a time from 1995 to 2100 by its magnitude, so that it cannot be anything else.
  @inline(__always) static func isPlausible(_ value: Int64) -> Bool {
    788_918_400_000...4_102_444_800_000 ~= milliseconds(fromInteger: value)
  }
}
