import Timestamps

/// What a timestamp field gave.
enum TimeReading {
  case time(Int64)
  case none
  /// It cannot be read, and the record's own time takes its place.
  case replaced
  case failure(DecodingFailure)
}

// Times as JSON writes them; texts and numbers are read by `Timestamps`.
extension DecodingRules {
  func time(of value: MappedValue) -> TimeReading {
    switch value {
    case .json(let scanner): time(at: scanner)
    case .text(let bytes): time(ofText: bytes)
    case .constant(let bytes): bytes.withUnsafeBufferPointer(time(ofText:))
    }
  }

  /// Reads a time at the first byte of a validated JSON value: a number, a text, `[2026,8,20,5,45]`, or `{"$date": ...}`.
  func time(at start: JSONScanner) -> TimeReading {
    var scanner = start
    switch scanner.peek() {
    case 0x22: return MappedValue.json(start).withText(time(ofText:))
    case 0x2D, 0x30...0x39:
      let number = scanner.validatedNumber()
      if let integer = scanner.integer(number), timestampFormat.isAutomatic || number.isPlainInteger {
        return reading(scanner, number) { () throws(TimestampFault) in try timestampFormat.milliseconds(ofInteger: integer) }
      }
      return MappedValue.json(start).withText(time(ofText:))
    case 0x5B: return time(ofParts: scanner) ?? .failure(DecodingFailure(.badTimestamp, "timestamp is a list that is no date"))
    case 0x7B:
      if let inner = scanner.member("$date") ?? scanner.member("$numberLong") { return time(at: inner) }
      return .failure(DecodingFailure(.badTimestamp, "timestamp is an object without $date"))
    case 0x6E: return .none
    default: return .failure(DecodingFailure(.badTimestamp, "timestamp must be a time, not a boolean"))
    }
  }

  private func reading(
    _ scanner: JSONScanner, _ number: JSONNumber, _ read: () throws(TimestampFault) -> Int64
  ) -> TimeReading {
    do throws(TimestampFault) { return .time(try read()) } catch {
      return unreadable(error, UnsafeBufferPointer(start: scanner.base + number.start, count: number.end - number.start))
    }
  }

  private func time(ofText text: UnsafeBufferPointer<UInt8>) -> TimeReading {
    do throws(TimestampFault) { return .time(try timestampFormat.milliseconds(text)) } catch { return unreadable(error, text) }
  }

  /// A date that cannot be read costs no event unless that is wanted. A text that is no date at all shows that the field is another.
  private func unreadable(_ fault: TimestampFault, _ text: UnsafeBufferPointer<UInt8>) -> TimeReading {
    if input.onBadTimestamp == .recordTime, fault != .noDate { return .replaced }
    return .failure(
      DecodingFailure(.badTimestamp, "timestamp: \(fault.sentence(about: text, setting: "input.timestamp_format"))"))
  }

  /// Year, month, day, and as far as they are there hour, minute, second and nanosecond, in UTC.
  private func time(ofParts start: JSONScanner) -> TimeReading? {
    var scanner = start
    var parts: [Int64] = []
    scanner.at += 1
    while true {
      scanner.skipSpace()
      guard scanner.isAtNumber, parts.count < 7, let part = scanner.integer(scanner.validatedNumber()) else { return nil }
      parts.append(part)
      scanner.skipSpace()
      let byte = scanner.peek()
      scanner.at += 1
      if byte == 0x5D { break }
    }
    return CalendarParts.milliseconds(parts).map { .time($0) }
  }
}

extension JSONScanner {
  /// A scanner at the value of this member of the validated object from here.
  func member(_ name: StaticString) -> JSONScanner? {
    var scanner = self
    scanner.at += 1
    scanner.skipSpace()
    while scanner.peek() == 0x22 {
      scanner.at += 1
      guard let text = try? scanner.text() else { return nil }
      let isWanted = matches(UnsafeBufferPointer(start: base + text.start, count: text.count), name)
      scanner.skipSpace()
      scanner.at += 1
      scanner.skipSpace()
      if isWanted { return scanner }
      guard (try? scanner.skipValue(open: 0)) != nil else { return nil }
      scanner.skipSpace()
      guard scanner.peek() == 0x2C else { return nil }
      scanner.at += 1
      scanner.skipSpace()
    }
    return nil
  }
}
