/// A position in a short text of ASCII; past the end it reads a zero byte.
struct TextCursor {
  let text: UnsafeBufferPointer<UInt8>
  var at: Int
  let end: Int

  /// Leaves out spaces at both ends.
  init(_ text: UnsafeBufferPointer<UInt8>) {
    self.text = text
    var (first, last) = (0, text.count)
    while first < last, Self.isSpace(text[first]) { first += 1 }
    while last > first, Self.isSpace(text[last - 1]) { last -= 1 }
    (at, end) = (first, last)
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }
  static func isLetter(_ byte: UInt8) -> Bool { 0x61...0x7A ~= byte | 0x20 }

  var isAtEnd: Bool { at >= end }
  func peek(_ ahead: Int = 0) -> UInt8 { at + ahead < end ? text[at + ahead] : 0 }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte, !isAtEnd else { return false }
    at += 1
    return true
  }

  mutating func skipSpaces() { while Self.isSpace(peek()) { at += 1 } }

  /// The number of digits from here.
  var digitsAhead: Int {
    var count = 0
    while 0x30...0x39 ~= peek(count) { count += 1 }
    return count
  }

  /// Takes as many digits as there are, up to the upper bound of `widths`; `nil` and no movement if they are too few.
  mutating func number(_ widths: ClosedRange<Int>) -> Int64? {
    let count = min(digitsAhead, widths.upperBound)
    guard widths ~= count else { return nil }
    var value: Int64 = 0
    for _ in 0..<count {
      value = value * 10 + Int64(text[at] - 0x30)
      at += 1
    }
    return value
  }

  /// Appends the values of the digits from here and returns how many they are.
  mutating func takeDigits(into digits: inout [UInt8]) -> Int {
    let count = digitsAhead
    for _ in 0..<count {
      digits.append(text[at] - 0x30)
      at += 1
    }
    return count
  }

  /// Takes the decimals of a second, one or more, and returns them as milliseconds; further digits are dropped.
  mutating func fraction() -> Int64? {
    guard digitsAhead > 0 else { return nil }
    var milliseconds: Int64 = 0
    var scale: Int64 = 100
    while 0x30...0x39 ~= peek() {
      milliseconds += Int64(text[at] - 0x30) * scale
      scale /= 10
      at += 1
    }
    return milliseconds
  }

  /// Takes the letters from here, in lower case.
  mutating func word() -> String {
    let start = at
    while Self.isLetter(peek()) { at += 1 }
    return String(decoding: text[start..<at].lazy.map { $0 | 0x20 }, as: UTF8.self)
  }

  /// Takes an offset from UTC (`+02:00`, `+0200`, `+02`) and returns it in minutes.
  mutating func offsetMinutes() -> Int64? {
    let isWest = peek() == 0x2D
    guard isWest || peek() == 0x2B else { return nil }
    at += 1
    let digits = digitsAhead
    guard let hours = number(2...2) else { return nil }
    var minutes: Int64 = 0
    if digits == 4 || (digits == 2 && take(0x3A)) {
      guard digitsAhead == 2, let written = number(2...2) else { return nil }
      minutes = written
    } else if digits != 2 {
      return nil
    }
    guard hours < 24, minutes < 60 else { return nil }
    return (hours * 60 + minutes) * (isWest ? -1 : 1)
  }

  /// Takes `H:mm`, `H:mm:ss` or `H:mm:ss.fraction`.
  mutating func clock(into time: inout CivilTime) throws(TimestampFault) {
    guard let hour = number(1...2), take(0x3A), digitsAhead == 2, let minute = number(2...2) else { throw .unreadable }
    (time.hour, time.minute) = (hour, minute)
    guard take(0x3A) else { return }
    guard digitsAhead == 2, let second = number(2...2) else { throw .unreadable }
    time.second = second
    guard take(0x2E) || take(0x2C) else { return }
    guard let millisecond = fraction() else { throw .unreadable }
    time.millisecond = millisecond
  }
}

enum CalendarNames {
  private static let months = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
  ]
  private static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

  /// The number of the month with this English name or abbreviation, in lower case.
  static func month(_ word: String) -> Int64? {
    if word == "sept" { return 9 }
    return months.firstIndex { $0 == word || $0.prefix(3) == word }.map { Int64($0 + 1) }
  }

  static func isWeekday(_ word: String) -> Bool { weekdays.contains { $0 == word || $0.prefix(3) == word } }
}
