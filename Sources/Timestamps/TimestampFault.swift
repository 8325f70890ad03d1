/// Why a text or number is not a point in time.
public enum TimestampFault: Error, Equatable, Sendable {
  case unreadable
  /// A text without a digit, which is no date in any form.
  case noDate
  /// A date such as 03/04/2020.
  case dayOrMonthFirst
  case twoDigitYear
  /// A clock with AM or PM; formats without a pattern are read only with 24 hours.
  case twelveHourClock
  /// Digits such as 20200705, which are a date if they are written that way and a time in 1970 if they are seconds.
  case dateOrNumber
  /// A time of a zone that is known only by its abbreviation, such as CST.
  case zoneName
  /// The text does not have the form that `TimestampFormat` was given.
  case otherThanPattern
  case outOfRange

  /// One sentence that names the text and the fix.
  /// - Parameter setting: what sets the format, for example `input.timestamp_format`.
  public func sentence(about text: UnsafeBufferPointer<UInt8>, setting: String) -> String {
    let shown = "\"\(String(decoding: text.prefix(40), as: UTF8.self))\(text.count > 40 ? "..." : "")\""
    switch self {
    case .unreadable, .noDate:
      return
        "\(shown) is not a time (seconds, ms, us or ns since 1970, or a date such as 2026-01-31T08:30:00Z); set \(setting) to its pattern"
    case .dayOrMonthFirst:
      let (dayFirst, monthFirst) = Self.patterns(for: text)
      return "\(shown) may begin with the day or the month; set \(setting) to \(dayFirst) or \(monthFirst)"
    case .twoDigitYear:
      return "\(shown) has a year of two digits; set \(setting) to its pattern, for example d/M/yy H:mm"
    case .twelveHourClock:
      return "\(shown) has a clock of twelve hours; set \(setting) to its pattern, for example M/d/yyyy h:mm:ss a"
    case .dateOrNumber:
      return
        "\(shown) may be a date or a number; set \(setting) to yyyyMMdd, yyyyMMddHHmm or yyyyMMddHHmmss, or to the unit, such as seconds"
    case .zoneName:
      return "\(shown) names a zone that is not UTC, GMT or an offset such as +02:00; send the offset"
    case .otherThanPattern:
      return "\(shown) does not have the form of \(setting)"
    case .outOfRange:
      return "\(shown) is outside the range of times"
    }
  }

  /// The patterns that read a numeric date day first and month first, with the separators and the clock of `text`.
  private static func patterns(for text: UnsafeBufferPointer<UInt8>) -> (dayFirst: String, monthFirst: String) {
    let separator = text.first { $0 == 0x2D || $0 == 0x2F || $0 == 0x2E }.map { String(UnicodeScalar($0)) } ?? "/"
    let colons = text.count { $0 == 0x3A }
    let isTwelveHour = text.contains { $0 | 0x20 == 0x6D }
    var clock = colons == 0 ? "" : isTwelveHour ? " h:mm" : " H:mm"
    if colons > 1 { clock += ":ss" }
    if colons > 0, isTwelveHour { clock += " a" }
    return ("d\(separator)M\(separator)yyyy\(clock)", "M\(separator)d\(separator)yyyy\(clock)")
  }
}
