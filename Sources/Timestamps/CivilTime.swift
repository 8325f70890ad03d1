/// A date and a clock of one zone, as they are written.
struct CivilTime {
  var year: Int64 = 1970
  var month: Int64 = 1
  var day: Int64 = 1
  var hour: Int64 = 0
  var minute: Int64 = 0
  var second: Int64 = 0
  var millisecond: Int64 = 0
  /// Minutes east of UTC.
  var offsetMinutes: Int64 = 0

  /// Milliseconds since 1970, or `nil` for a date or clock that does not exist. A leap second counts as the first second of the next
  /// minute, and can only be the last second of a UTC day.
  var millisecondsSince1970: Int64? {
    guard 1...12 ~= month, 1...Self.daysOfMonth(month, year: year) ~= day, hour < 24, minute < 60, second <= 60 else { return nil }
    let minutes = (Self.daysSince1970(year: year, month: month, day: day) * 24 + hour) * 60 + minute - offsetMinutes
    if second == 60, (minutes + 1) % 1440 != 0 { return nil }
    return (minutes * 60 + second) * 1000 + millisecond
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

/// A date whose parts are numbers.
public enum CalendarParts {
  /// Year, month and day, and as far as they are there hour, minute, second and nanosecond, in UTC; `nil` if there is no such time.
  public static func milliseconds(_ parts: [Int64]) -> Int64? {
    guard 3...7 ~= parts.count, 0...9999 ~= parts[0] else { return nil }
    func part(_ index: Int) -> Int64 { parts.indices.contains(index) ? parts[index] : 0 }
    guard (3..<7).allSatisfy({ part($0) >= 0 }), part(6) < 1_000_000_000, part(5) < 60 else { return nil }
    return CivilTime(
      year: parts[0], month: parts[1], day: parts[2], hour: part(3), minute: part(4), second: part(5), millisecond: part(6) / 1_000_000
    ).millisecondsSince1970
  }
}
