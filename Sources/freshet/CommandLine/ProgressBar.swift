import Foundation

/// Progress of long work on standard error: a bar on a terminal, else a line every ten seconds.
///
/// `update` may be called at any rate; it draws at most ten times per second.
struct ProgressBar {
  /// What is counted: items, which have a rate, or percent of a whole.
  enum Unit { case items, percent }

  /// What is being done; may change in the course of it.
  var label: String
  private let unit: Unit
  private let total: Int?
  private let isTerminal: Bool
  private let columns: Int
  private let interval: Duration
  private let write: (String) -> Void
  private let start: ContinuousClock.Instant
  private var lastDrawn: ContinuousClock.Instant?

  /// - Parameters:
  ///   - total: `nil` when it is not known; there is no bar then and no time left.
  ///   - isQuiet: nothing is written at all.
  init(
    _ label: String, total: Int?, unit: Unit = .items, terminal: Terminal, isQuiet: Bool = false, now: ContinuousClock.Instant = .now,
    write: @escaping (String) -> Void = { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) }
  ) {
    self.label = label
    self.unit = unit
    self.total = total
    isTerminal = terminal.isErrorTerminal
    columns = terminal.columns
    interval = terminal.isErrorTerminal ? .milliseconds(100) : .seconds(10)
    self.write = isQuiet ? { _ in } : write
    start = now
    // Without a terminal the first line is written after ten seconds, so that short work prints nothing.
    lastDrawn = terminal.isErrorTerminal ? nil : now
  }

  mutating func update(_ done: Int, now: ContinuousClock.Instant = .now) {
    if let lastDrawn, now - lastDrawn < interval { return }
    lastDrawn = now
    draw(done, now: now)
  }

  /// Draws the last state and ends the line.
  mutating func finish(_ done: Int, now: ContinuousClock.Instant = .now) {
    draw(done, now: now)
    if isTerminal { write("\n") }
  }

  private func draw(_ done: Int, now: ContinuousClock.Instant) {
    let line = Self.line(
      label: label, done: done, total: total, unit: unit, elapsed: now - start, columns: columns, hasBar: isTerminal)
    write(isTerminal ? "\r\u{1b}[K\(line)" : line + "\n")
  }

  /// `events [=====>    ]  52 %  1.2 M  1,850/s  0:42 left`, one column short of the terminal at most.
  static func line(
    label: String, done: Int, total: Int?, unit: Unit = .items, elapsed: Duration, columns: Int, hasBar: Bool
  ) -> String {
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let rate = seconds > 0 ? Double(done) / seconds : 0
    var tail = unit == .items ? "  \(count(done))  \(count(Int(rate)))/s" : ""
    guard let total, total > 0 else { return String((label + tail + "  \(clock(seconds))").prefix(max(1, columns - 1))) }
    let ratio = min(1, max(0, Double(done) / Double(total)))
    if done < total, rate > 0 { tail += "  \(clock(Double(total - done) / rate)) left" } else { tail += "  \(clock(seconds))" }
    let percent = String(Int(ratio * 100))
    let middle = "  " + String(repeating: " ", count: 3 - percent.count) + percent + " %"
    let space = columns - 1 - label.count - middle.count - tail.count - 3
    let bar = hasBar && space >= 10 ? " " + self.bar(ratio, width: min(40, space)) : ""
    return String((label + bar + middle + tail).prefix(max(1, columns - 1)))
  }

  private static func bar(_ ratio: Double, width: Int) -> String {
    let filled = Int(ratio * Double(width))
    let head = filled < width ? ">" : ""
    return "[" + String(repeating: "=", count: filled) + head + String(repeating: " ", count: width - filled - head.count) + "]"
  }

  /// With commas below ten million, then in millions.
  static func count(_ number: Int) -> String {
    if number >= 10_000_000 { return "\(number / 1_000_000) M" }
    var digits = String(number)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: ",")
  }

  /// `0:42`, `12:05`, `3:12:05`.
  static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    let two: (Int) -> String = { ($0 < 10 ? "0" : "") + String($0) }
    let tail = two(whole % 60)
    return whole < 3600 ? "\(whole / 60):\(tail)" : "\(whole / 3600):\(two(whole / 60 % 60)):\(tail)"
  }
}
