import CCurl

/// The times that S3 servers write.
enum StoreTime {
  /// `2026-11-28T13:44:06.123Z` in milliseconds since 1970; 0 if it is anything else.
  static func milliseconds(iso text: String) -> Int64 {
    let numbers = text.split { !$0.isNumber }.map { Int64($0) ?? 0 }
    guard numbers.count >= 6, (1...12).contains(numbers[1]), text.hasSuffix("Z") else { return 0 }
    // Days since 1970 of the Gregorian calendar, with years that begin in March.
    let year = numbers[1] > 2 ? numbers[0] : numbers[0] - 1
    let month = (numbers[1] + 9) % 12
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + numbers[2] - 1 - 719_468
    let seconds = days * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
    let fraction = numbers.count > 6 ? text.split(separator: ".").last.map { ($0.dropLast() + "000").prefix(3) } ?? "0" : "0"
    return seconds * 1_000 + (Int64(fraction) ?? 0)
  }

  /// `Sat, 28 Nov 2026 13:44:06 GMT`, as in headers.
  static func milliseconds(header text: String) -> Int64 { max(0, Int64(curl_getdate(text, nil))) * 1_000 }
}
