/// Parses and formats durations such as `250ms`, `5s`, `1h30m` and `7d`.
public enum ConfigurationDuration {
  private static let units: [(name: String, microseconds: Int64)] = [
    ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1),
  ]

  /// Returns the duration that `text` denotes, or `nil` if it is not a duration. Except for 0, a number needs a unit.
  public static func parse(_ text: String) -> Duration? {
    if text == "0" { return .zero }
    var total: Int64 = 0
    var rest = text[...]
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let letters = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(letters.count)
      guard let unit = units.first(where: { $0.name == letters })?.microseconds, let part = microseconds(digits, unit: unit),
        case let (sum, overflow) = total.addingReportingOverflow(part), !overflow
      else { return nil }
      total = sum
    }
    return .microseconds(total)
  }

  /// Returns the shortest text that `parse` converts back to `duration` (to the microsecond).
  public static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    guard microseconds != 0 else { return "0s" }
    let unit = units.first { microseconds % $0.microseconds == 0 }!
    return "\(microseconds / unit.microseconds)\(unit.name)"
  }

  private static func microseconds(_ digits: Substring, unit: Int64) -> Int64? {
    if let whole = Int64(digits) {
      let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
      return overflow ? nil : product
    }
    guard let number = Double(digits), number.isFinite, number * Double(unit) < 9e18 else { return nil }
    return Int64((number * Double(unit)).rounded())
  }
}
