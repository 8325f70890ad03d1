/// Reads times that have one meaning whoever wrote them.
///
/// These are numbers whose magnitude tells the unit, dates that begin with a year of four digits, and dates that name the month. A date
/// without a zone is UTC. Where day and month could be exchanged, the text is refused.
public enum TimestampText {
  public static func milliseconds(_ text: UnsafeBufferPointer<UInt8>) throws(TimestampFault) -> Int64 {
    if let milliseconds = milliseconds(fromRFC3339: text) { return milliseconds }
    var cursor = TextCursor(text)
    try refuseWords(text)
    if let number = try DecimalText(text) {
      if number.billionths == 0 { return try EpochTime.milliseconds(ofInteger: number.whole) }
      guard
        let milliseconds = EpochTime.Unit(ofMagnitude: number.whole).milliseconds(whole: number.whole, billionths: number.billionths)
      else { throw .outOfRange }
      return milliseconds
    }
    let time = try civilTime(&cursor)
    guard let milliseconds = time.millisecondsSince1970 else { throw .unreadable }
    return milliseconds
  }

  /// Refuses a text without a digit; one that is empty or a word for "no value" is only unreadable.
  static func refuseWords(_ text: UnsafeBufferPointer<UInt8>) throws(TimestampFault) {
    if text.contains(where: { 0x30...0x39 ~= $0 }) { return }
    let cursor = TextCursor(text)
    let word = String(decoding: cursor.text[cursor.at..<cursor.end], as: UTF8.self).lowercased()
    throw ["", "null", "none", "nil", "nan", "nat", "n/a", "na", "-", "\\n"].contains(word) ? .unreadable : .noDate
  }

  /// Parses an RFC 3339 `date-time` without looking for anything else: letters in either case, any number of decimals.
  public static func milliseconds(fromRFC3339 text: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[10] | 0x20 == 0x74, text[13] == 0x3A, text[16] == 0x3A,
      let year = digits(text, 0, 4), let month = digits(text, 5, 2), let day = digits(text, 8, 2),
      let hour = digits(text, 11, 2), let minute = digits(text, 14, 2), let second = digits(text, 17, 2)
    else { return nil }
    var at = 19
    var millisecond: Int64 = 0
    if text[at] == 0x2E {
      at += 1
      let first = at
      var scale: Int64 = 100
      while at < text.count, 0x30...0x39 ~= text[at] {
        millisecond += Int64(text[at] - 0x30) * scale
        scale /= 10
        at += 1
      }
      guard at > first else { return nil }
    }
    guard let offsetMinutes = offset(text, at) else { return nil }
    return CivilTime(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second, millisecond: millisecond,
      offsetMinutes: offsetMinutes
    ).millisecondsSince1970
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

  // MARK: Calendar dates

  private static func civilTime(_ cursor: inout TextCursor) throws(TimestampFault) -> CivilTime {
    let digits = cursor.digitsAhead
    let next = cursor.peek(digits)
    switch digits {
    case 0: return try namedMonth(&cursor)
    case 4 where isSeparator(next): return try yearFirst(&cursor)
    case 8 where next | 0x20 == 0x74: return try basicISO(&cursor)
    case 1...2 where isSeparator(next) && !TextCursor.isLetter(cursor.peek(digits + 1)):
      // Day and month in numbers: which is which is not written.
      cursor.at += digits + 1
      let second = cursor.number(1...2)
      guard second != nil, isSeparator(cursor.peek()) else { throw .unreadable }
      cursor.at += 1
      switch cursor.digitsAhead {
      case 4: throw .dayOrMonthFirst
      case 2: throw .twoDigitYear
      default: throw .unreadable
      }
    default: return try namedMonth(&cursor)
    }
  }

  private static func isSeparator(_ byte: UInt8) -> Bool { byte == 0x2D || byte == 0x2F || byte == 0x2E }

  /// `2026-01-31`, with a clock after `T` or a space, and a zone.
  private static func yearFirst(_ cursor: inout TextCursor) throws(TimestampFault) -> CivilTime {
    var time = CivilTime()
    time.year = cursor.number(4...4) ?? 0
    let separator = cursor.peek()
    guard cursor.take(separator), let month = cursor.number(1...2), cursor.take(separator), let day = cursor.number(1...2) else {
      throw .unreadable
    }
    (time.month, time.day) = (month, day)
    if cursor.isAtEnd { return time }
    if cursor.peek() | 0x20 == 0x74 || cursor.peek() == 0x5F {
      cursor.at += 1
    } else if TextCursor.isSpace(cursor.peek()) {
      cursor.skipSpaces()
    } else {
      throw .unreadable
    }
    try cursor.clock(into: &time)
    try zone(&cursor, &time)
    return time
  }

  /// `20260131T083000Z`.
  private static func basicISO(_ cursor: inout TextCursor) throws(TimestampFault) -> CivilTime {
    var time = CivilTime()
    time.year = cursor.number(4...4) ?? 0
    time.month = cursor.number(2...2) ?? 0
    time.day = cursor.number(2...2) ?? 0
    cursor.at += 1
    guard let hour = cursor.number(2...2), let minute = cursor.number(2...2) else { throw .unreadable }
    (time.hour, time.minute) = (hour, minute)
    if let second = cursor.number(2...2) {
      time.second = second
      if cursor.take(0x2E) || cursor.take(0x2C) {
        guard let millisecond = cursor.fraction() else { throw .unreadable }
        time.millisecond = millisecond
      }
    }
    try zone(&cursor, &time)
    return time
  }

  /// Reads the rest of the text as a zone: `Z`, `UTC`, `GMT`, an offset, the two together, and a region in brackets after them.
  private static func zone(_ cursor: inout TextCursor, _ time: inout CivilTime) throws(TimestampFault) {
    cursor.skipSpaces()
    if cursor.isAtEnd { return }
    if TextCursor.isLetter(cursor.peek()) {
      switch cursor.word() {
      case "z", "utc", "gmt": break
      case "am", "pm": throw .twelveHourClock
      default: throw .zoneName
      }
    }
    if cursor.peek() == 0x2B || cursor.peek() == 0x2D {
      guard let minutes = cursor.offsetMinutes() else { throw .unreadable }
      time.offsetMinutes = minutes
    }
    if cursor.peek() == 0x5B, cursor.text[cursor.end - 1] == 0x5D { return }
    guard cursor.isAtEnd else { throw .unreadable }
  }

  // MARK: Dates that name the month

  /// `Tue Apr 03 18:00:09 +0000 2012`, `Tue, 3 Apr 2012 18:00:09 GMT`, `3-Apr-2012`, `Apr 3, 2012`: the parts tell what they are.
  private static func namedMonth(_ cursor: inout TextCursor) throws(TimestampFault) -> CivilTime {
    var time = CivilTime()
    var (year, month, day): (Int64?, Int64?, Int64?)
    var hasClock = false
    while !cursor.isAtEnd {
      let byte = cursor.peek()
      if TextCursor.isSpace(byte) || byte == 0x2C {
        cursor.at += 1
      } else if TextCursor.isLetter(byte) {
        let word = cursor.word()
        if let number = CalendarNames.month(word), month == nil {
          month = number
        } else if word == "am" || word == "pm" {
          throw .twelveHourClock
        } else if !CalendarNames.isWeekday(word), !["utc", "gmt", "z"].contains(word) {
          throw month != nil && hasClock ? .zoneName : .unreadable
        }
        if cursor.peek() == 0x2E { cursor.at += 1 }
      } else if byte == 0x2B || byte == 0x2D {
        // A hyphen is part of an offset only after the clock; before it, it joins the parts of the date.
        if hasClock {
          guard let minutes = cursor.offsetMinutes() else { throw .unreadable }
          time.offsetMinutes = minutes
        } else {
          cursor.at += 1
        }
      } else if byte == 0x28, hasClock {
        while !cursor.isAtEnd, !cursor.take(0x29) { cursor.at += 1 }
      } else {
        let digits = cursor.digitsAhead
        if 1...2 ~= digits, cursor.peek(digits) == 0x3A, !hasClock {
          try cursor.clock(into: &time)
          hasClock = true
        } else if digits == 4, year == nil {
          year = cursor.number(4...4)
        } else if 1...2 ~= digits, day == nil {
          day = cursor.number(1...2)
        } else {
          throw 1...2 ~= digits && month != nil && year == nil ? .twoDigitYear : .unreadable
        }
      }
    }
    guard let year, let month, let day else { throw .unreadable }
    (time.year, time.month, time.day) = (year, month, day)
    return time
  }
}
