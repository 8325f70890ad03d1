import Foundation

/// A scale that covers some values.
struct Axis: Equatable {
  let low: Double
  let high: Double
  let ticks: [Double]

  /// From the least to the greatest value.
  init(between values: [Double]) {
    let (least, greatest) = (values.min() ?? 0, values.max() ?? 1)
    low = least
    high = greatest > least ? greatest : least + 1
    ticks = [low, high]
  }

  /// With about so many ticks at round numbers, and ends at the ticks around the values.
  init(rounded values: [Double], ticks count: Int = 4) {
    var low = values.min() ?? 0
    var high = values.max() ?? 1
    if low == high { (low, high) = low == 0 ? (0, 1) : (min(low, low - abs(low) / 2), max(high, high + abs(high) / 2)) }
    let step = Self.step((high - low) / Double(count))
    let first = (low / step).rounded(.down)
    let last = (high / step).rounded(.up)
    // A step that is lost in the size of the values has no ticks between the ends.
    guard step > 0, first.isFinite, last - first > 0, last - first <= 20 else {
      (self.low, self.high, ticks) = (low, high, [low, high])
      return
    }
    (self.low, self.high) = (first * step, last * step)
    ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
  }

  /// Where a value is, from 0 to 1. Halves do not overflow.
  func position(_ value: Double) -> Double { (value / 2 - low / 2) / (high / 2 - low / 2) }

  /// 1, 2 or 5 times a power of ten, not less than the size.
  private static func step(_ size: Double) -> Double {
    guard size > 0, size.isFinite else { return 0 }
    let power = pow(10, log10(size).rounded(.down))
    return ([1, 2, 5].first { $0 * power >= size } ?? 10) * power
  }
}
