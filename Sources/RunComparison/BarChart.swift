/// Horizontal bars from zero, with the 95 % interval across where there is one.
struct BarChart {
  struct Bar {
    /// What stands before the bar.
    let name: String
    /// Decides the colour.
    let run: Int
    let value: Double
    let interval: ClosedRange<Double>?
  }

  let title: String
  let note: String
  let bars: [Bar]
  /// Writes a value.
  let text: (Double) -> String

  private static let (width, row, valueWidth) = (360.0, 24.0, 84.0)

  private var nameWidth: Double { min(120, Double(bars.map(\.name.count).max() ?? 1) * 7 + 12) }

  var html: HTML {
    // Bars begin at zero, or their lengths would mislead.
    let axis = Axis(between: bars.flatMap { [0, $0.value] + ($0.interval.map { [$0.lowerBound, $0.upperBound] } ?? []) })
    let height = Double(bars.count) * Self.row + 4
    let plot = (left: nameWidth, width: Self.width - nameWidth - Self.valueWidth)
    func x(_ value: Double) -> Double { plot.left + axis.position(value) * plot.width }
    let description = bars.map { "\($0.name): \(sentence($0))" }.joined(separator: "; ")
    return """
      <figure><figcaption>\(title)<span>\(note)</span></figcaption>
      <svg viewBox="0 0 \(Self.width) \(height)" role="img" aria-label="\(title). \(description)">
      <line class="axis" x1="\(x(0))" y1="0" x2="\(x(0))" y2="\(height)"/>
      \(bars.enumerated().map { drawing($1, at: Double($0) * Self.row + 2, x) })
      </svg></figure>

      """
  }

  private func sentence(_ bar: Bar) -> String {
    text(bar.value) + (bar.interval.map { ", 95 % interval \(text($0.lowerBound)) to \(text($0.upperBound))" } ?? "")
  }

  private func drawing(_ bar: Bar, at top: Double, _ x: (Double) -> Double) -> HTML {
    let middle = top + Self.row / 2
    let (left, right) = (x(min(0, bar.value)), x(max(0, bar.value)))
    return """
      <g><title>\(bar.name): \(sentence(bar))</title>
      <text class="name" x="0" y="\(middle + 4)">\(Self.shortened(bar.name))</text>
      <rect class="bar c\(bar.run)" x="\(left)" y="\(top + 3)" width="\(max(right - left, 0.5))" height="\(Self.row - 6)" rx="2"/>
      \(whisker(bar.interval, middle, x))<text class="value" x="\(Self.width)" y="\(middle + 4)">\(text(bar.value))</text></g>

      """
  }

  private func whisker(_ interval: ClosedRange<Double>?, _ middle: Double, _ x: (Double) -> Double) -> HTML {
    guard let interval else { return "" }
    let (low, high) = (x(interval.lowerBound), x(interval.upperBound))
    return """
      <path class="whisker" d="M\(low) \(middle)H\(high)M\(low) \(middle - 4)v8M\(high) \(middle - 4)v8"/>
      """
  }

  private static func shortened(_ name: String) -> String { name.count > 16 ? "\(name.prefix(15))…" : name }
}
