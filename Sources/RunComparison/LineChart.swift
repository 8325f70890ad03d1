/// Lines over the number of the step, one for each run.
struct LineChart {
  struct Line {
    let run: Int
    let values: [Double?]
  }

  let title: String
  let note: String
  let lines: [Line]

  private static let (width, height) = (400.0, 200.0)
  private static let (top, bottom, right) = (10.0, 26.0, 22.0)
  private static let pointsMax = 300
  private static let letterHeight = 13.0

  var html: HTML {
    let axis = Axis(rounded: lines.flatMap { $0.values.compactMap(\.self) })
    let format = NumberFormat(ticks: axis.ticks)
    let left = Double(axis.ticks.map { format.text($0).count }.max() ?? 1) * 7 + 10
    let steps = max(2, lines.map(\.values.count).max() ?? 2)
    let frame = Frame(left: left, axis: axis, steps: steps)
    let description = lines.map { line in "\(Comparison.letter(line.run)): \(sentence(line, format))" }.joined(separator: "; ")
    return """
      <figure class="wide"><figcaption>\(title)<span>\(note)</span></figcaption>
      <svg viewBox="0 0 \(Self.width) \(Self.height)" role="img" aria-label="\(title). \(description)">
      \(axis.ticks.map { horizontal($0, format, frame) })\(marks(steps).map { vertical($0, frame) })
      \(lines.map { drawing($0, frame) })\(letters(frame))
      </svg></figure>

      """
  }

  /// Where values are in the drawing.
  private struct Frame {
    let left: Double
    let axis: Axis
    let steps: Int

    func x(_ index: Int) -> Double { left + Double(index) / Double(steps - 1) * (LineChart.width - left - LineChart.right) }
    func y(_ value: Double) -> Double {
      LineChart.top + (1 - axis.position(value)) * (LineChart.height - LineChart.top - LineChart.bottom)
    }
  }

  private func sentence(_ line: Line, _ format: NumberFormat) -> String {
    let known = line.values.compactMap(\.self)
    guard let first = known.first, let last = known.last else { return "no values" }
    let exact = NumberFormat([first, last])
    return "\(known.count) values, from \(exact.text(first)) to \(exact.text(last))"
  }

  // MARK: Axes

  private func horizontal(_ tick: Double, _ format: NumberFormat, _ frame: Frame) -> HTML {
    let y = frame.y(tick)
    return """
      <line class="grid" x1="\(frame.left)" y1="\(y)" x2="\(Self.width - Self.right)" y2="\(y)"/>\
      <text class="tick end" x="\(frame.left - 6)" y="\(y + 4)">\(format.text(tick))</text>

      """
  }

  /// Steps that are numbered, from 1.
  private func marks(_ steps: Int) -> [Int] {
    guard steps > 6 else { return Array(1...steps) }
    let ticks = Axis(rounded: [1, Double(steps)], ticks: 5).ticks.filter { $0 > 1 && $0 < Double(steps) && $0 == $0.rounded() }
    return [1] + ticks.map { Int($0) }.filter { Double(steps - $0) > Double(steps) / 20 } + [steps]
  }

  private func vertical(_ step: Int, _ frame: Frame) -> HTML {
    """
    <text class="tick middle" x="\(frame.x(step - 1))" y="\(Self.height - 8)">\(step)</text>
    """
  }

  // MARK: Lines

  private func drawing(_ line: Line, _ frame: Frame) -> HTML {
    let stride = max(1, line.values.count / Self.pointsMax)
    var path: [HTML] = []
    var points: [HTML] = []
    var isOpen = false
    for (index, value) in line.values.enumerated() where index % stride == 0 || index == line.values.count - 1 {
      guard let value else {
        isOpen = false
        continue
      }
      let (x, y) = (frame.x(index), frame.y(value))
      path.append(isOpen ? "L\(x) \(y)" : "M\(x) \(y)")
      isOpen = true
      if line.values.count <= 30 { points.append("<circle class=\"dot c\(line.run)\" cx=\"\(x)\" cy=\"\(y)\" r=\"2.5\"/>") }
    }
    return """
      <path class="line l\(line.run)" d="\(path)"/>\(points)

      """
  }

  /// The letter of each run at the end of its line; letters that would cover one another are moved apart.
  private func letters(_ frame: Frame) -> [HTML] {
    let ends = lines.compactMap { line -> (run: Int, x: Double, y: Double)? in
      guard let index = line.values.lastIndex(where: { $0 != nil }), let value = line.values[index] else { return nil }
      return (line.run, frame.x(index) + 6, frame.y(value) + 4)
    }
    var pieces: [HTML] = []
    var free = 0.0
    for (number, end) in ends.sorted(by: { $0.y < $1.y }).enumerated() {
      let rest = Double(ends.count - number - 1) * Self.letterHeight
      let y = min(max(end.y, free), Self.height - 8 - rest)
      free = y + Self.letterHeight
      pieces.append("<text class=\"letter t\(end.run)\" x=\"\(end.x)\" y=\"\(y)\">\(Comparison.letter(end.run))</text>")
    }
    return pieces
  }
}
