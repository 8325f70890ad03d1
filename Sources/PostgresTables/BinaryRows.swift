/// Rows as `COPY ... (FORMAT binary)` reads them: for each value its length and its bytes, the highest first.
struct BinaryRows {
  /// 1 GB less one, which Postgres allows for a field.
  static let fieldBytesMax = (1 << 30) - 1
  /// Microseconds since 2000: from 4713 BC to the end of 294276. The largest numbers mean infinity.
  private static let times: Range<Int64> = -211_813_488_000_000_000..<9_223_371_331_200_000_000
  private static let millisecondsTo2000: Int64 = 946_684_800_000
  private static let realTypeNumber: Int32 = 700

  private let columns: [PostgresColumn]
  /// What is not sent yet.
  private(set) var bytes: [UInt8]
  private(set) var count = 0

  init(_ columns: [PostgresColumn]) {
    self.columns = columns
    // The signature, flags, and the length of an extension.
    bytes = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [0, 0, 0, 0] + [0, 0, 0, 0]
  }

  /// - Parameter row: a value for each column, of its kind. Nothing is left of a row that is refused.
  mutating func append(_ row: [PostgresValue]) throws(PostgresError) {
    precondition(row.count == columns.count, "a row of \(row.count) values for \(columns.count) columns")
    let start = bytes.count
    append(Int16(columns.count))
    for (column, value) in zip(columns, row) {
      guard let problem = append(value, column) else { continue }
      bytes.removeLast(bytes.count - start)
      throw PostgresError(.refused, "row \(count + 1), \(column.name) \(Self.beginning(value)): \(problem)")
    }
    count += 1
  }

  /// Says that there are no more.
  mutating func end() { append(Int16(-1)) }

  mutating func removeSent() { bytes.removeAll(keepingCapacity: true) }

  /// Returns why the value cannot be stored, or `nil`.
  private mutating func append(_ value: PostgresValue, _ column: PostgresColumn) -> String? {
    switch (value, column.kind) {
    case (.text(let text), .text):
      if let problem = Self.problem(text) { return problem }
      append(Int32(text.count))
      bytes += text
    case (.integer(let number), .integer):
      guard let number = Int32(exactly: number) else { return "an integer has 32 bits" }
      append(field: number)
    case (.integer(let number), .bigint): append(field: Int64(number))
    case (.real(let number), .real): append(field: number.bitPattern)
    case (.time(let time), .timestamptz):
      guard let time = Self.microseconds(time) else { return "the time is outside of what Postgres can store" }
      append(field: time)
    case (.reals(let numbers), .realArray): return append(numbers)
    case (.null, _):
      precondition(column.isNullable, "the column \(column.name) is not nullable")
      append(Int32(-1))
    default: preconditionFailure("a value of another kind than its column")
    }
    return nil
  }

  private mutating func append(_ numbers: [Float]) -> String? {
    let size = (numbers.isEmpty ? 12 : 20) + 8 * numbers.count
    guard size <= Self.fieldBytesMax else { return "an array has at most 1 GB" }
    bytes.reserveCapacity(bytes.count + size + 4)
    append(Int32(size))
    // Dimensions, whether there are nulls, and the type; of each dimension its length and its first index.
    append(Int32(numbers.isEmpty ? 0 : 1))
    append(Int32(0))
    append(Self.realTypeNumber)
    guard !numbers.isEmpty else { return nil }
    append(Int32(numbers.count))
    append(Int32(1))
    // The length of 4 bytes and the number in one go.
    for number in numbers { append(4 << 32 | UInt64(number.bitPattern)) }
    return nil
  }

  private mutating func append(field number: some FixedWidthInteger) {
    append(Int32(number.bitWidth / 8))
    append(number)
  }

  private mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func problem(_ text: [UInt8]) -> String? {
    guard text.count <= fieldBytesMax else { return "a text has at most 1 GB" }
    var bits: UInt8 = 0
    var hasZero = false
    for byte in text {
      bits |= byte
      hasZero = hasZero || byte == 0
    }
    if hasZero { return "Postgres cannot store the character 0 in a text; leave the row out, or rename what it names" }
    return bits < 0x80 || String(validating: text, as: UTF8.self) != nil ? nil : "the text is not UTF-8"
  }

  private static func microseconds(_ milliseconds: Int64) -> Int64? {
    let (since2000, isBefore) = milliseconds.subtractingReportingOverflow(millisecondsTo2000)
    let (microseconds, isTooLarge) = since2000.multipliedReportingOverflow(by: 1_000)
    return !isBefore && !isTooLarge && times.contains(microseconds) ? microseconds : nil
  }

  private static func beginning(_ value: PostgresValue) -> String {
    switch value {
    case .text(let text): String(decoding: text.prefix(40), as: UTF8.self).debugDescription
    case .integer(let number): String(number)
    case .real(let number): "\(number)"
    case .time(let time): "\(time) ms"
    case .reals(let numbers): "of \(numbers.count) numbers"
    case .null: "without a value"
    }
  }
}
