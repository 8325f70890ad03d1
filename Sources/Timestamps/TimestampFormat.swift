/// How times are written: `auto`, the unit of a number, or a pattern. Compiled once and applied to each text.
///
/// The letters of a pattern are those of Java and Unicode: `yyyy` year, `yy` year of two digits (70 to 99 are 1970 to 1999), `M` or `MM`
/// month, `MMM` its English name, `d` day, `H` hour of 24, `h` hour of 12 with `a` (AM or PM), `m` minute, `s` second, `S` decimals of the
/// second, `X` or `Z` zone (`Z`, `UTC`, `GMT` or an offset), `EEE` weekday (not checked). Other letters stand in single quotes; all other
/// characters stand for themselves. An offset in brackets at the end, `[+02:00]`, is that of times without a zone; otherwise they are UTC.
public struct TimestampFormat: Sendable {
  public enum PatternFault: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownLetter(Character)
    case repeated(Character)
    case incomplete
    case hourWithoutHalf
    case openQuote
    case badOffset

    public var description: String {
      switch self {
      case .unknownLetter(let letter):
        "\"\(letter)\" is not a letter of a time pattern (y M d H h m s S a X Z E); put other letters in single quotes"
      case .repeated(let letter): "\"\(letter)\" appears more than once"
      case .incomplete: "a time pattern needs a year, a month and a day, for example dd-MM-yyyy HH:mm"
      case .hourWithoutHalf: "h, the hour of 12, needs a for AM or PM; H is the hour of 24"
      case .openQuote: "a single quote is not closed"
      case .badOffset: "the zone in brackets must be an offset, for example [+02:00]"
      }
    }
  }

  enum Field: Equatable { case year, shortYear, month, monthName, day, hour, halfDayHour, minute, second, fraction, half, zone, weekday }

  enum Element: Equatable {
    case field(Field, widths: ClosedRange<Int>)
    case literal(UInt8)
    case spaces
  }

  private enum Form: Sendable {
    case automatic
    case unit(EpochTime.Unit)
    case pattern([Element], offsetMinutes: Int64)
  }

  private let form: Form
  /// The format as it was written.
  public let pattern: String

  /// Reads everything that has one meaning; see `TimestampText`.
  public static let automatic = TimestampFormat(form: .automatic, pattern: "auto")

  private init(form: Form, pattern: String) { (self.form, self.pattern) = (form, pattern) }

  public init(_ pattern: String) throws(PatternFault) {
    self.pattern = pattern
    if pattern == "auto" {
      form = .automatic
    } else if let unit = EpochTime.Unit(rawValue: pattern) {
      form = .unit(unit)
    } else {
      var text = Substring(pattern)
      var offsetMinutes: Int64 = 0
      if text.last == "]", let open = text.lastIndex(of: "[") {
        guard let minutes = Self.offset(text[text.index(after: open)...].dropLast()) else { throw .badOffset }
        offsetMinutes = minutes
        text = text[..<open]
        while text.last == " " { text.removeLast() }
      }
      form = .pattern(try Self.compiled(text), offsetMinutes: offsetMinutes)
    }
  }

  public var isAutomatic: Bool { if case .automatic = form { true } else { false } }

  /// Milliseconds since 1970.
  public func milliseconds(_ text: UnsafeBufferPointer<UInt8>) throws(TimestampFault) -> Int64 {
    if case .automatic = form { return try TimestampText.milliseconds(text) }
    try TimestampText.refuseWords(text)
    switch form {
    case .automatic: return try TimestampText.milliseconds(text)
    case .unit(let unit):
      guard let number = try DecimalText(trimmed(text)) else { throw .otherThanPattern }
      guard let milliseconds = unit.milliseconds(whole: number.whole, billionths: number.billionths) else { throw .outOfRange }
      return milliseconds
    case .pattern(let elements, let offsetMinutes): return try Self.read(text, elements, offsetMinutes)
    }
  }

  /// Milliseconds since 1970 of a whole number, which a pattern reads by its digits.
  public func milliseconds(ofInteger value: Int64) throws(TimestampFault) -> Int64 {
    if case .automatic = form { return try EpochTime.milliseconds(ofInteger: value) }
    if case .unit(let unit) = form {
      guard let milliseconds = unit.milliseconds(whole: value, billionths: 0) else { throw .outOfRange }
      return milliseconds
    }
    var digits = String(value)
    let result = digits.withUTF8 { bytes -> Result<Int64, TimestampFault> in
      do throws(TimestampFault) { return .success(try milliseconds(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private func trimmed(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    let cursor = TextCursor(text)
    return UnsafeBufferPointer(rebasing: text[cursor.at..<cursor.end])
  }

  private static func offset(_ text: Substring) -> Int64? {
    var text = String(text)
    return text.withUTF8 { bytes in
      var cursor = TextCursor(bytes)
      guard let minutes = cursor.offsetMinutes(), cursor.isAtEnd else { return nil }
      return minutes
    }
  }

  // MARK: Compiling

  private static func compiled(_ pattern: Substring) throws(PatternFault) -> [Element] {
    var elements: [Element] = []
    var rest = pattern
    while let character = rest.first {
      if character == "'" {
        rest.removeFirst()
        if rest.first == "'" {
          elements.append(.literal(0x27))
          rest.removeFirst()
          continue
        }
        guard let close = rest.firstIndex(of: "'") else { throw .openQuote }
        elements += rest[..<close].utf8.map(Element.literal)
        rest = rest[rest.index(after: close)...]
      } else if character.isASCII, character.isLetter {
        let count = rest.prefix { $0 == character }.count
        elements.append(.field(try field(character, count), widths: widths(character, count)))
        rest = rest.dropFirst(count)
      } else {
        if character == " " { elements.append(.spaces) } else { elements += character.utf8.map(Element.literal) }
        rest.removeFirst()
      }
    }
    try check(elements)
    return withFixedWidths(elements)
  }

  private static func field(_ letter: Character, _ count: Int) throws(PatternFault) -> Field {
    switch letter {
    case "y", "u": count == 2 ? .shortYear : .year
    case "M", "L": count > 2 ? .monthName : .month
    case "d": .day
    case "H": .hour
    case "h": .halfDayHour
    case "m": .minute
    case "s": .second
    case "S": .fraction
    case "a": .half
    case "X", "x", "Z": .zone
    case "E": .weekday
    default: throw .unknownLetter(letter)
    }
  }

  private static func widths(_ letter: Character, _ count: Int) -> ClosedRange<Int> {
    letter == "y" || letter == "u" ? (count == 2 ? 2...2 : 4...4) : 1...2
  }

  private static func check(_ elements: [Element]) throws(PatternFault) {
    var seen: [Field] = []
    for case .field(let field, _) in elements {
      if seen.contains(field) { throw .repeated(letter(field)) }
      seen.append(field)
    }
    guard seen.contains(.year) != seen.contains(.shortYear), seen.contains(.month) != seen.contains(.monthName), seen.contains(.day) else {
      throw .incomplete
    }
    if seen.contains(.halfDayHour) != seen.contains(.half) { throw .hourWithoutHalf }
    if seen.contains(.halfDayHour), seen.contains(.hour) { throw .repeated("h") }
  }

  private static func letter(_ field: Field) -> Character {
    switch field {
    case .year, .shortYear: "y"
    case .month, .monthName: "M"
    case .day: "d"
    case .hour: "H"
    case .halfDayHour: "h"
    case .minute: "m"
    case .second: "s"
    case .fraction: "S"
    case .half: "a"
    case .zone: "X"
    case .weekday: "E"
    }
  }

  /// A number that is followed by another without a separator has exactly two digits (or four, for a year).
  private static func withFixedWidths(_ elements: [Element]) -> [Element] {
    elements.indices.map { index in
      guard case .field(let field, let widths) = elements[index] else { return elements[index] }
      let touches = isNumeric(index + 1, elements) || isNumeric(index - 1, elements)
      return touches && widths == 1...2 ? .field(field, widths: 2...2) : elements[index]
    }
  }

  private static func isNumeric(_ index: Int, _ elements: [Element]) -> Bool {
    guard elements.indices.contains(index), case .field(let field, _) = elements[index] else { return false }
    switch field {
    case .half, .zone, .weekday, .monthName: return false
    default: return true
    }
  }

  // MARK: Reading

  private static func read(
    _ text: UnsafeBufferPointer<UInt8>, _ elements: [Element], _ offsetMinutes: Int64
  ) throws(TimestampFault) -> Int64 {
    var cursor = TextCursor(text)
    var time = CivilTime()
    var isAfternoon: Bool?
    time.offsetMinutes = offsetMinutes
    for element in elements {
      switch element {
      case .literal(let byte): guard cursor.take(byte) else { throw .otherThanPattern }
      case .spaces:
        guard TextCursor.isSpace(cursor.peek()) else { throw .otherThanPattern }
        cursor.skipSpaces()
      case .field(.half, _):
        let word = cursor.word()
        guard word == "am" || word == "pm" else { throw .otherThanPattern }
        isAfternoon = word == "pm"
      case .field(let field, let widths): try read(field, widths, &cursor, &time)
      }
    }
    guard cursor.isAtEnd else { throw .otherThanPattern }
    if let isAfternoon {
      guard 1...12 ~= time.hour else { throw .otherThanPattern }
      time.hour = time.hour % 12 + (isAfternoon ? 12 : 0)
    }
    guard let milliseconds = time.millisecondsSince1970 else { throw .otherThanPattern }
    return milliseconds
  }

  private static func read(
    _ field: Field, _ widths: ClosedRange<Int>, _ cursor: inout TextCursor, _ time: inout CivilTime
  ) throws(TimestampFault) {
    switch field {
    case .year: time.year = try number(&cursor, widths)
    case .shortYear:
      let year = try number(&cursor, widths)
      time.year = year < 70 ? 2000 + year : 1900 + year
    case .month: time.month = try number(&cursor, widths)
    case .monthName:
      guard let month = CalendarNames.month(cursor.word()) else { throw .otherThanPattern }
      time.month = month
    case .day: time.day = try number(&cursor, widths)
    case .hour, .halfDayHour: time.hour = try number(&cursor, widths)
    case .minute: time.minute = try number(&cursor, widths)
    case .second: time.second = try number(&cursor, widths)
    case .fraction:
      guard let millisecond = cursor.fraction() else { throw .otherThanPattern }
      time.millisecond = millisecond
    case .weekday: guard CalendarNames.isWeekday(cursor.word()) else { throw .otherThanPattern }
    case .zone: time.offsetMinutes = try zone(&cursor)
    case .half: break
    }
  }

  private static func number(_ cursor: inout TextCursor, _ widths: ClosedRange<Int>) throws(TimestampFault) -> Int64 {
    guard let number = cursor.number(widths) else { throw .otherThanPattern }
    return number
  }

  private static func zone(_ cursor: inout TextCursor) throws(TimestampFault) -> Int64 {
    if TextCursor.isLetter(cursor.peek()) {
      guard ["z", "utc", "gmt"].contains(cursor.word()) else { throw .zoneName }
      if cursor.peek() != 0x2B, cursor.peek() != 0x2D { return 0 }
    }
    guard let minutes = cursor.offsetMinutes() else { throw .otherThanPattern }
    return minutes
  }
}
