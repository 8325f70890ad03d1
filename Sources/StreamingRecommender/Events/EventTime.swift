/// Parses the times of events to milliseconds since 1970 (UTC).
enum EventTime {
  /// 2000-01-01T00:00:00Z, the earliest time that an event may have.
  static let earliestMilliseconds: Int64 = 946_684_800_000

  /// Converts an integer whose magnitude tells its unit: seconds, milliseconds, microseconds or nanoseconds.
  @inline(__always) static func milliseconds(fromInteger value: Int64) -> Int64 {
    switch value.magnitude {
    case ..<100_000_000_000: value &* 1000
    case ..<100_000_000_000_000: value
    case ..<100_000_000_000_000_000: value / 1000
    default: value / 1_000_000
    }
  }

  /// Parses an RFC 3339 `date-time`: letters in either case, any number of decimals (truncated to milliseconds). A leap second counts as
  /// the first second of the next minute. Returns `nil` if the text is invalid.
  static func milliseconds(fromRFC3339 text: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[10] | 0x20 == 0x74, text[13] == 0x3A, text[16] == 0x3A,
      let year = digits(text, 0, 4), let month = digits(text, 5, 2), let day = digits(text, 8, 2),
      let hour = digits(text, 11, 2), let minute = digits(text, 14, 2), let second = digits(text, 17, 2),
      1...12 ~= month, 1...daysOfMonth(month, year: year) ~= day, hour < 24, minute < 60, second <= 60
    else { return nil }
    var at = 19
    var milliseconds: Int64 = 0
    if text[at] == 0x2E {
      at += 1
      let first = at
      var scale: Int64 = 100
      while at < text.count, 0x30...0x39 ~= text[at] {
        milliseconds += Int64(text[at] - 0x30) * scale
        scale /= 10
        at += 1
      }
      guard at > first else { return nil }
    }
    guard let offsetMinutes = offset(text, at) else { return nil }
    let days = daysSince1970(year: year, month: month, day: day)
    let minutes = (days * 24 + hour) * 60 + minute - offsetMinutes
    // A leap second can only be the last second of a UTC day.
    if second == 60, (minutes + 1) % 1440 != 0 { return nil }
    return (minutes * 60 + second) * 1000 + milliseconds
  }

  private static func digits(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int64? {
    guard start + count <= text.count else { return nil }
    var value: Int64 = 0
    for index in start..<start + count {
      guard 0x30...0x39 ~= text[index] else { return nil }
      value = value * 10 + Int64(text[index] - 0x30)
    }
    return value
  }

  /// Parses the UTC offset, in minutes east of UTC; it must extend to the end of the text.
  private static func offset(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int64? {
    guard start < text.count else { return nil }
    if text[start] | 0x20 == 0x7A { return start + 1 == text.count ? 0 : nil }
    guard text[start] == 0x2B || text[start] == 0x2D, text.count == start + 6, text[start + 3] == 0x3A,
      let hours = digits(text, start + 1, 2), let minutes = digits(text, start + 4, 2), hours < 24, minutes < 60
    else { return nil }
    return (hours * 60 + minutes) * (text[start] == 0x2D ? -1 : 1)
  }

  private static func daysOfMonth(_ month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant's `days_from_civil`); years begin in March, so the leap day comes
  /// last.
  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
