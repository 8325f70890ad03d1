import RunRecords

extension ComparisonPage {
  var runsSection: HTML {
    var rows: [HTML] = []
    func add(_ name: String, _ cell: (RunRecord) -> HTML?) {
      let cells = runs.map(cell)
      if cells.contains(where: { $0 != nil }) { rows.append(row(name, cells)) }
    }
    add("id") { "<code>\($0.id.text)</code>" }
    add("state") { "<span class=\"state \($0.state.rawValue)\">\($0.state.rawValue)</span>" }
    add("message") { run in run.message.map { "\($0)" } }
    add("started") { "\(Self.time($0.startedAtMilliseconds))" }
    add("time") { "\(NumberFormat.seconds($0.seconds))" }
    add("processor time") { run in run.processorSeconds.map { "\(NumberFormat.seconds($0))" } }
    add("processors") { "\($0.cores)" }
    add("peak memory") { run in run.peakMemoryBytes.map { "\(NumberFormat.bytes($0))" } }
    add("version") { $0.version.isEmpty ? nil : "\($0.version)" }
    add("host") { $0.host.isEmpty ? nil : "\($0.host)" }
    add("command") { $0.command.isEmpty ? nil : "<code>freshet \(Self.line($0.command))</code>" }
    add("directory") { $0.directory.isEmpty ? nil : "<code>\($0.directory)</code>" }
    add("idempotency key") { run in run.idempotencyKey.map { "<code>\($0)</code>" } }
    add("repeats") { run in run.rerunOf.map { "<code>\($0.text)</code>" } }
    add("MLflow") { run in run.tracking.map(Self.link) }
    return """
      <section><h2>\(runs.count == 1 ? "Run" : "Runs")</h2>
      \(table("runs", first: "", rows))\(costs)</section>

      """
  }

  /// Time and memory as bars, where there is something to compare.
  private var costs: HTML {
    guard runs.count > 1 else { return "" }
    let seconds = BarChart(
      title: "Time", note: "from start to end; lower is better",
      bars: runs.enumerated().map { .init(name: Comparison.letter($0), run: $0, value: $1.seconds, interval: nil) },
      text: NumberFormat.seconds)
    let memory = BarChart(
      title: "Peak memory", note: "of the process; lower is better",
      bars: runs.enumerated().compactMap { index, run in
        run.peakMemoryBytes.map { .init(name: Comparison.letter(index), run: index, value: Double($0), interval: nil) }
      },
      text: { NumberFormat.bytes(Int($0)) })
    return "<div class=\"charts\">\(seconds.html)\(memory.bars.count > 1 ? memory.html : "")</div>\n"
  }

  /// A command line that a shell takes as it was.
  private static func line(_ words: [String]) -> String {
    words.map { word in
      let isPlain =
        !word.isEmpty && word.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || "0123456789-_./=:,@%+".unicodeScalars.contains($0) }
      return isPlain ? word : "'\(word.replacing("'", with: "'\\''"))'"
    }.joined(separator: " ")
  }

  /// Only addresses of the web are links.
  private static func link(_ tracking: RunRecord.Tracking) -> HTML {
    let name = "run \(tracking.run)" + (tracking.modelVersion.map { ", model version \($0)" } ?? "")
    guard let url = tracking.url else { return "\(name)" }
    let start = url.lowercased()
    guard start.hasPrefix("https://") || start.hasPrefix("http://") else { return "\(name)" }
    return "<a href=\"\(url)\" rel=\"noopener noreferrer\">\(name)</a>"
  }
}
