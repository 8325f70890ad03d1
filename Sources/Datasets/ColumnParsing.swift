/// The fields of one line, as ranges of a buffer that the caller keeps alive.
struct LineFields {
  /// Maximum number of fields parsed per line; further fields are ignored.
  static let countMax = 16
  private(set) var fields: [UnsafeBufferPointer<UInt8>] = []
  /// Storage for quoted fields with unescaped quotes.
  private var unquoted: [UnsafeMutableBufferPointer<UInt8>] = []

  var count: Int { fields.count }
  subscript(index: Int) -> UnsafeBufferPointer<UInt8> { fields[index] }

  /// Splits the line into fields. Returns false if a quoted field is not closed on the line.
  mutating func split(_ line: UnsafeBufferPointer<UInt8>, at separator: UInt8, quotes: Bool) -> Bool {
    release()
    fields.removeAll(keepingCapacity: true)
    var start = 0
    while fields.count < Self.countMax {
      if quotes, start < line.count, line[start] == 0x22 {
        guard let next = takeQuoted(line, from: start, separator: separator) else { return false }
        start = next
      } else {
        var end = start
        while end < line.count, line[end] != separator { end += 1 }
        fields.append(UnsafeBufferPointer(rebasing: line[start..<end]))
        start = end
      }
      guard start < line.count else { return true }
      start += 1
    }
    return true
  }

  /// Parses a quoted field (RFC 4180: a quote inside is doubled).
  private mutating func takeQuoted(_ line: UnsafeBufferPointer<UInt8>, from start: Int, separator: UInt8) -> Int? {
    let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: line.count - start)
    unquoted.append(text)
    var count = 0
    var at = start + 1
    while at < line.count {
      if line[at] == 0x22 {
        guard at + 1 < line.count, line[at + 1] == 0x22 else {
          fields.append(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(text)[..<count]))
          return at + 1 == line.count || line[at + 1] == separator ? at + 1 : nil
        }
        at += 1
      }
      text[count] = line[at]
      count += 1
      at += 1
    }
    return nil
  }

  mutating func release() {
    if unquoted.isEmpty { return }
    for text in unquoted { text.deallocate() }
    unquoted.removeAll(keepingCapacity: true)
  }
}

/// Parses a finite decimal number; surrounding spaces are allowed.
func parseNumber(_ field: UnsafeBufferPointer<UInt8>) -> Double? {
  // Fast path: integers of up to 15 digits are exact in Double.
  if 1...15 ~= field.count, field.allSatisfy({ 0x30...0x39 ~= $0 }) {
    return Double(field.reduce(0) { $0 * 10 + Int64($1 - 0x30) })
  }
  let text = trimmed(field)
  guard let first = text.first, 0x30...0x39 ~= first || first == 0x2D || first == 0x2B || first == 0x2E,
    text.allSatisfy({ 0x30...0x39 ~= $0 || $0 == 0x2E || $0 == 0x2D || $0 == 0x2B || $0 | 0x20 == 0x65 }),
    let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite
  else { return nil }
  return value
}

/// Parses an integer or an integral decimal number as a timestamp and returns milliseconds since 1970. The magnitude determines the unit:
/// s, ms, us or ns.
func parseTime(_ field: UnsafeBufferPointer<UInt8>) -> Int64? {
  if 1...18 ~= field.count, field.allSatisfy({ 0x30...0x39 ~= $0 }) {
    return milliseconds(field.reduce(0) { $0 * 10 + Int64($1 - 0x30) })
  }
  let text = String(decoding: trimmed(field), as: UTF8.self)
  if let integer = Int64(text) { return milliseconds(integer) }
  return parseNumber(field).flatMap(Int64.init(exactly:)).map(milliseconds)
}

private func milliseconds(_ value: Int64) -> Int64 {
  switch value.magnitude {
  case ..<100_000_000_000: value * 1000
  case ..<100_000_000_000_000: value
  case ..<100_000_000_000_000_000: value / 1000
  default: value / 1_000_000
  }
}

func trimmed(_ field: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
  var slice = field[...]
  while slice.first == 0x20 { slice = slice.dropFirst() }
  while slice.last == 0x20 { slice = slice.dropLast() }
  return UnsafeBufferPointer(rebasing: slice)
}

/// The reason why the bytes are not a valid id; `nil` if they are valid.
func idFault(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
  if bytes.isEmpty { return "is empty" }
  if bytes.count > 256 { return "has more than 256 bytes" }
  var isASCII = true
  for byte in bytes {
    if byte == 0 { return "contains a zero byte" }
    if byte >= 0x80 { isASCII = false }
  }
  if !isASCII, String(validating: bytes, as: UTF8.self) == nil { return "is not UTF-8" }
  return nil
}
