/// Converts numbers to milliseconds since 1970 (UTC).
public enum EpochTime {
  /// Converts an integer whose magnitude tells its unit: seconds, milliseconds, microseconds or nanoseconds.
  @inlinable public static func milliseconds(fromInteger value: Int64) -> Int64 {
    switch value.magnitude {
    case ..<100_000_000_000: value &* 1000
    case ..<100_000_000_000_000: value
    case ..<100_000_000_000_000_000: value / 1000
    default: value / 1_000_000
    }
  }

  /// Converts an integer by its magnitude, and refuses one that is a date in digits (20200705) rather than a number.
  @inlinable public static func milliseconds(ofInteger value: Int64) throws(TimestampFault) -> Int64 {
    let milliseconds = milliseconds(fromInteger: value)
    if !(788_918_400_000...4_102_444_800_000 ~= milliseconds), isDateInDigits(value) { throw .dateOrNumber }
    return milliseconds
  }

  /// Whether the digits of the value are a date of the years 1970 to 2099, alone or with a clock (`yyyyMMdd`, `yyyyMMddHHmm`,
  /// `yyyyMMddHHmmss`).
  @usableFromInline static func isDateInDigits(_ value: Int64) -> Bool {
    let date: Int64
    let clock: Int64
    switch value {
    case 19_700_101...20_991_231: (date, clock) = (value, 0)
    case 197_001_010_000...209_912_312_359: (date, clock) = (value / 10_000, value % 10_000 * 100)
    case 19_700_101_000_000...20_991_231_235_959: (date, clock) = (value / 1_000_000, value % 1_000_000)
    default: return false
    }
    let time = CivilTime(
      year: date / 10_000, month: date / 100 % 100, day: date % 100, hour: clock / 10_000, minute: clock / 100 % 100, second: clock % 100)
    return time.millisecondsSince1970 != nil
  }

  /// The unit of a number.
  enum Unit: String, CaseIterable, Sendable {
    case days, seconds, milliseconds, microseconds, nanoseconds

    /// The unit that the magnitude of a number tells.
    init(ofMagnitude whole: Int64) {
      self =
        switch whole.magnitude {
        case ..<100_000_000_000: .seconds
        case ..<100_000_000_000_000: .milliseconds
        case ..<100_000_000_000_000_000: .microseconds
        default: .nanoseconds
        }
    }

    /// Numerator and denominator of the milliseconds in one unit.
    private var ratio: (up: Int64, down: Int64) {
      switch self {
      case .days: (86_400_000, 1)
      case .seconds: (1000, 1)
      case .milliseconds: (1, 1)
      case .microseconds: (1, 1000)
      case .nanoseconds: (1, 1_000_000)
      }
    }

    /// Converts a whole number and billionths of the unit; digits below one millisecond are dropped.
    func milliseconds(whole: Int64, billionths: Int64) -> Int64? {
      let (product, overflow) = whole.multipliedReportingOverflow(by: ratio.up)
      if overflow { return nil }
      let (sum, sumOverflow) = (product / ratio.down).addingReportingOverflow(billionths * ratio.up / 1_000_000_000)
      return sumOverflow ? nil : sum
    }
  }
}

/// A number as it is written: digits with an optional sign, fraction and exponent.
struct DecimalText {
  var whole: Int64
  /// The fraction in billionths, with the sign of the number.
  var billionths: Int64

  /// Returns `nil` for a text that is not a number, and throws for one whose whole part is beyond 64 bits.
  init?(_ text: UnsafeBufferPointer<UInt8>) throws(TimestampFault) {
    var cursor = TextCursor(text)
    let isNegative = cursor.take(0x2D)
    if !isNegative { _ = cursor.take(0x2B) }
    guard 0x30...0x39 ~= cursor.peek() else { return nil }
    var digits: [UInt8] = []
    var pointAt = cursor.takeDigits(into: &digits)
    if cursor.take(0x2E) { _ = cursor.takeDigits(into: &digits) }
    if cursor.peek() | 0x20 == 0x65 {
      cursor.at += 1
      let down = cursor.take(0x2D)
      if !down { _ = cursor.take(0x2B) }
      guard let exponent = cursor.number(1...3) else { return nil }
      pointAt += down ? -Int(exponent) : Int(exponent)
    }
    guard cursor.isAtEnd else { return nil }
    guard let whole = Self.value(digits, 0..<max(0, pointAt), isNegative),
      let billionths = Self.value(digits, pointAt..<pointAt + 9, isNegative)
    else { throw .outOfRange }
    (self.whole, self.billionths) = (whole, billionths)
  }

  /// The number that the digits at these places make; a place outside the array is a zero.
  private static func value(_ digits: [UInt8], _ places: Range<Int>, _ isNegative: Bool) -> Int64? {
    var value: Int64 = 0
    for place in places {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let digit = Int64(digits.indices.contains(place) ? digits[place] : 0)
      let (sum, sumOverflow) = product.addingReportingOverflow(isNegative ? -digit : digit)
      if overflow || sumOverflow { return nil }
      value = sum
    }
    return value
  }
}
