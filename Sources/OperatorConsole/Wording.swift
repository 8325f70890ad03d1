/// Numbers as people read them. Figures that change all the time are rounded, so that a line does not change with each of them.
enum Wording {
  static func seconds(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.95: "\(fixed(max(0, seconds), 1)) s"
    case ..<90: "\(Int(seconds.rounded())) s"
    case ..<5400: "\(Int((seconds / 60).rounded())) min"
    case ..<172_800: "\(Int((seconds / 3600).rounded())) h"
    default: "\(Int((seconds / 86_400).rounded())) days"
    }
  }

  static func milliseconds(_ milliseconds: Double) -> String {
    switch milliseconds {
    case ..<10: "\(fixed(milliseconds, 1)) ms"
    case ..<1000: "\(Int(milliseconds.rounded())) ms"
    case ..<10_000: "\(fixed(milliseconds / 1000, 1)) s"
    default: seconds(milliseconds / 1000)
    }
  }

  /// A count with commas between the thousands.
  static func count(_ number: Int) -> String {
    var digits = String(number.magnitude)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits = String(digits.dropLast(3))
    }
    return (number < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }

  static func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(count(number)) \(number == 1 ? singular : plural ?? singular + "s")"
  }

  static func rate(_ perSecond: Double) -> String {
    perSecond > 0 && perSecond < 10 ? "\(fixed(perSecond, 1)) a second" : "\(count(Int(perSecond.rounded()))) a second"
  }

  static func bytes(_ bytes: Double) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB"]
    var value = bytes
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 || value >= 100 ? "\(Int(value.rounded())) \(units[unit])" : "\(fixed(value, 1)) \(units[unit])"
  }

  static func bytes(_ bytes: Int) -> String { Self.bytes(Double(bytes)) }

  static func share(_ share: Double) -> String {
    let percent = share * 100
    return percent > 0 && percent < 10 ? "\(fixed(max(percent, 0.01), percent < 1 ? 2 : 1)) %" : "\(Int(percent.rounded())) %"
  }

  /// A share without digits behind the point.
  static func percent(_ share: Double) -> String { share > 0 && share < 0.01 ? "under 1 %" : "\(Int((share * 100).rounded())) %" }

  static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    let padding = String(repeating: "0", count: digits - fraction.count)
    return "\(value < 0 && scaled > 0 ? "-" : "")\(scaled / scale).\(padding)\(fraction)"
  }

  /// The text with a full stop, to stand behind a colon.
  static func ended(_ text: String) -> String {
    text.last.map { ".!?".contains($0) } ?? true ? text : text + "."
  }

  /// The text as a sentence of its own.
  static func sentence(_ text: String) -> String { ended(text.prefix(1).uppercased() + text.dropFirst()) }
}
