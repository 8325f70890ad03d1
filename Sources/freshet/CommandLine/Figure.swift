/// A mean over users and its 95 % interval.
struct Figure: CustomStringConvertible {
  var mean: Double
  var interval: ClosedRange<Double>

  /// `0.1234 [0.1198, 0.1270]`
  var description: String {
    "\(ListText.fixed(mean, 4)) [\(ListText.fixed(interval.lowerBound, 4)), \(ListText.fixed(interval.upperBound, 4))]"
  }
}
