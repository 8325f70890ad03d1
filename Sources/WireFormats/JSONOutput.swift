import Foundation
import Telemetry

/// Why a payload cannot be turned into JSON.
enum PayloadFault: Error, Equatable {
  /// The bytes are not what the schema says.
  case malformed(at: Int, StaticString)
  case tooLarge
  case tooDeep

  static func == (a: PayloadFault, b: PayloadFault) -> Bool {
    switch (a, b) {
    case (.tooLarge, .tooLarge), (.tooDeep, .tooDeep): true
    case (.malformed(let a, _), .malformed(let b, _)): a == b
    default: false
    }
  }
}

/// JSON text in the making, of bounded size.
///
/// A small payload can stand for a large text (an array of a billion nulls is a few bytes of Avro), so every value is counted.
struct JSONOutput {
  private(set) var bytes: [UInt8] = []
  let sizeMax: Int

  init(sizeMax: Int, expected: Int) {
    self.sizeMax = sizeMax
    bytes.reserveCapacity(min(sizeMax, expected))
  }

  /// To be called before each value.
  @inline(__always) func checkSize() throws(PayloadFault) {
    if bytes.count > sizeMax { throw .tooLarge }
  }

  @inline(__always) mutating func append(_ byte: UInt8) { bytes.append(byte) }

  @inline(__always) mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  @inline(__always) mutating func append(_ text: UnsafeBufferPointer<UInt8>) { bytes.append(contentsOf: text) }

  mutating func appendPlain(_ text: String) { bytes.append(contentsOf: text.utf8) }

  // MARK: Texts

  private static let hexDigits = Array("0123456789abcdef".utf8)

  /// Appends a text in quotes. Whether it is UTF-8 is checked by whoever reads the JSON.
  mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
    bytes.append(0x22)
    var start = 0
    for index in 0..<text.count {
      let byte = text[index]
      if byte >= 0x20, byte != 0x22, byte != 0x5C { continue }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
      appendEscaped(byte)
      start = index + 1
    }
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
    bytes.append(0x22)
  }

  private mutating func appendEscaped(_ byte: UInt8) {
    bytes.append(0x5C)
    if byte >= 0x20 { return bytes.append(byte) }
    append("u00")
    bytes.append(Self.hexDigits[Int(byte >> 4)])
    bytes.append(Self.hexDigits[Int(byte & 15)])
  }

  /// Appends bytes as a text in base64.
  mutating func appendBase64(_ data: UnsafeBufferPointer<UInt8>) {
    bytes.append(0x22)
    appendPlain(Data(data).base64EncodedString())
    bytes.append(0x22)
  }

  /// Appends 16 bytes as a UUID in quotes.
  mutating func appendUUID(_ data: UnsafeBufferPointer<UInt8>) {
    bytes.append(0x22)
    for index in 0..<data.count {
      if index == 4 || index == 6 || index == 8 || index == 10 { bytes.append(0x2D) }
      bytes.append(Self.hexDigits[Int(data[index] >> 4)])
      bytes.append(Self.hexDigits[Int(data[index] & 15)])
    }
    bytes.append(0x22)
  }

  // MARK: Numbers

  mutating func appendNumber(_ number: Int64) {
    if number < 0 { bytes.append(0x2D) }
    appendNumber(number.magnitude)
  }

  mutating func appendNumber(_ number: UInt64) {
    if number < 10 { return bytes.append(UInt8(truncatingIfNeeded: number) + 0x30) }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var rest = number
      var at = 20
      while rest > 0 {
        at -= 1
        digits[at] = UInt8(truncatingIfNeeded: rest % 10) + 0x30
        rest /= 10
      }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
    }
  }

  /// Appends digits with zeros in front.
  mutating func appendDigits(_ number: Int64, _ digits: Int) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30)
      divisor /= 10
    }
  }

  /// The shortest text that gives the number again. JSON has no infinity and no NaN; they become texts, which no field takes for a number.
  mutating func appendNumber(_ number: Double) {
    if number == number.rounded(), number.magnitude < 9e15 { return appendNumber(Int64(number)) }
    guard number.isFinite else { return appendNonFinite(isNaN: number.isNaN, isNegative: number < 0) }
    appendPlain(number.description)
  }

  mutating func appendNumber(_ number: Float) {
    if number == number.rounded(), number.magnitude < 9e6 { return appendNumber(Int64(number)) }
    guard number.isFinite else { return appendNonFinite(isNaN: number.isNaN, isNegative: number < 0) }
    appendPlain(number.description)
  }

  private mutating func appendNonFinite(isNaN: Bool, isNegative: Bool) {
    append(isNaN ? "\"NaN\"" : isNegative ? "\"-Infinity\"" : "\"Infinity\"" as StaticString)
  }

  static let decimalBytesMax = 64

  /// Appends a decimal: a big-endian integer in two's complement, divided by 10^scale.
  mutating func appendDecimal(_ data: UnsafeBufferPointer<UInt8>, scale: Int) {
    precondition(data.count <= Self.decimalBytesMax && scale >= 0, "a decimal of \(data.count) bytes and scale \(scale)")
    var digits = Self.digits(data)
    if let first = data.first, first & 0x80 != 0 { bytes.append(0x2D) }
    // At least one digit stands before the point.
    if digits.count <= scale { digits += [UInt8](repeating: 0, count: scale + 1 - digits.count) }
    for index in digits.indices.reversed() {
      bytes.append(digits[index] + 0x30)
      if index == scale, scale > 0 { bytes.append(0x2E) }
    }
  }

  /// The decimal digits of the magnitude, the last one first.
  private static func digits(_ data: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var magnitude = Array(data)
    if let first = magnitude.first, first & 0x80 != 0 {
      var carry: UInt16 = 1
      for index in magnitude.indices.reversed() {
        carry += UInt16(~magnitude[index])
        magnitude[index] = UInt8(truncatingIfNeeded: carry)
        carry >>= 8
      }
    }
    var digits: [UInt8] = []
    var rest = magnitude[...].drop { $0 == 0 }
    while !rest.isEmpty {
      var remainder: UInt16 = 0
      for index in rest.indices {
        remainder = remainder << 8 | UInt16(rest[index])
        rest[index] = UInt8(remainder / 10)
        remainder %= 10
      }
      digits.append(UInt8(remainder))
      rest = rest.drop { $0 == 0 }
    }
    return digits.isEmpty ? [0] : digits
  }

  // MARK: Times

  /// Appends a point in time as RFC 3339, so that its unit is beyond doubt.
  ///
  /// - Parameter fraction: the part of the second that is not whole, in units of 10^-digits.
  mutating func appendTime(seconds: Int64, fraction: Int64, digits: Int, zone: StaticString) {
    let (days, inDay) = Timestamp.floorDivide(seconds, 86_400)
    guard Self.writtenDays ~= days else {
      // Not readable as a time on purpose: what such an event gets is a matter of `input.on_bad_timestamp`.
      append("\"")
      appendNumber(seconds)
      return append(" seconds are out of range\"")
    }
    bytes.append(0x22)
    appendCivil(days)
    bytes.append(0x54)
    appendClock(inDay, fraction, digits)
    append(zone)
    bytes.append(0x22)
  }

  mutating func appendDate(daysSince1970 days: Int64) {
    guard Self.writtenDays ~= days else {
      append("\"")
      appendNumber(days)
      return append(" days are out of range\"")
    }
    bytes.append(0x22)
    appendCivil(days)
    bytes.append(0x22)
  }

  /// Appends a time of the day.
  mutating func appendTimeOfDay(seconds: Int64, fraction: Int64, digits: Int) {
    bytes.append(0x22)
    appendClock(seconds, fraction, digits)
    bytes.append(0x22)
  }

  /// Years 1 to 9999, in days since 1970.
  private static let writtenDays: ClosedRange<Int64> = -719_162...2_932_896

  private mutating func appendCivil(_ days: Int64) {
    let date = Timestamp.civilDate(daysSince1970: days)
    appendDigits(date.year, 4)
    bytes.append(0x2D)
    appendDigits(date.month, 2)
    bytes.append(0x2D)
    appendDigits(date.day, 2)
  }

  private mutating func appendClock(_ seconds: Int64, _ fraction: Int64, _ digits: Int) {
    appendDigits(seconds / 3600 % 100, 2)
    bytes.append(0x3A)
    appendDigits(seconds / 60 % 60, 2)
    bytes.append(0x3A)
    appendDigits(seconds % 60, 2)
    guard digits > 0 else { return }
    bytes.append(0x2E)
    appendDigits(fraction, digits)
  }
}
