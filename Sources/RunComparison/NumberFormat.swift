import Foundation

/// Writes numbers that belong together, all with the same decimals: as many as the largest of them needs for five digits.
struct NumberFormat: Equatable {
  private let decimals: Int?
  private static let digits = 5

  init(_ values: [Double]) {
    let size = values.map(abs).max() ?? 0
    if values.allSatisfy({ $0 == $0.rounded() && abs($0) < 1e15 }) {
      decimals = 0
    } else {
      decimals = size < 1e-6 || size >= 1e15 ? nil : max(0, Self.digits - 1 - Int(log10(size).rounded(.down)))
    }
  }

  /// As many decimals as tell ticks apart.
  init(ticks: [Double]) {
    let step = zip(ticks, ticks.dropFirst()).map { $1 - $0 }.min() ?? 1
    decimals = step < 1e-9 || (ticks.map(abs).max() ?? 0) >= 1e15 ? nil : max(0, -Int(log10(step * 1.001).rounded(.down)))
  }

  /// `12,345`, `0.09536`, `1.2e-08`.
  func text(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    guard let decimals else { return String(format: "%.4g", value) }
    return Self.grouped(String(format: "%.\(decimals)f", value))
  }

  /// With a sign, for a difference; `0` where nothing of it is left.
  func signed(_ value: Double) -> String {
    let text = text(abs(value))
    if !text.contains(where: { ("1"..."9").contains($0) }) { return "±0" }
    return (value < 0 ? "−" : "+") + text
  }

  static func percent(_ share: Double) -> String {
    let percent = share * 100
    let text = String(format: abs(percent) < 10 ? "%.2f" : "%.1f", abs(percent))
    if !text.contains(where: { ("1"..."9").contains($0) }) { return "±0 %" }
    return "\(percent < 0 ? "−" : "+")\(grouped(text)) %"
  }

  /// `12.5 KiB`
  static func bytes(_ count: Int) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var (size, unit) = (Double(count), 0)
    while size >= 1024, unit < units.count - 1 { (size, unit) = (size / 1024, unit + 1) }
    return unit == 0 ? "\(count) bytes" : "\(String(format: size < 10 ? "%.2f" : size < 100 ? "%.1f" : "%.0f", size)) \(units[unit])"
  }

  static func seconds(_ seconds: Double) -> String {
    if seconds >= 600 {
      let whole = Int(seconds.rounded())
      let hours = whole / 3600
      return (hours > 0 ? "\(hours) h " : "") + "\(whole / 60 % 60) min \(whole % 60) s"
    }
    return String(format: seconds < 10 ? "%.3f s" : "%.1f s", seconds)
  }

  static func coordinate(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func grouped(_ text: String) -> String {
    let sign = text.hasPrefix("-") ? "-" : ""
    let parts = text.dropFirst(sign.count).split(separator: ".", maxSplits: 1)
    var whole = ""
    for (index, digit) in parts[0].enumerated() {
      if index > 0, (parts[0].count - index) % 3 == 0 { whole.append(",") }
      whole.append(digit)
    }
    return sign + whole + (parts.count > 1 ? ".\(parts[1])" : "")
  }
}
