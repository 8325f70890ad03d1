import RunRecords
import Telemetry

/// A comparison as one page: tables and drawings, without scripts and without anything from elsewhere.
public struct ComparisonPage: Sendable {
  let comparison: Comparison
  private let version: String
  private let madeAtMilliseconds: Int64

  /// What marks a page as one of these; it stands within the first `markBytesMax` bytes.
  public static let mark = "<meta name=\"generator\" content=\"freshet compare\">"
  public static let markBytesMax = 1024

  /// - Parameter version: that of the program.
  public init(_ comparison: Comparison, version: String, madeAtMilliseconds: Int64) {
    self.comparison = comparison
    self.version = version
    self.madeAtMilliseconds = madeAtMilliseconds
  }

  public var text: String { page.text }

  var runs: [RunRecord] { comparison.runs }

  private var title: String {
    runs.count == 1 ? "\(runs[0].kind) \(runs[0].id.text)" : "\(runs.count) runs compared"
  }

  /// Styles are in the page, and nothing else may be loaded or run.
  private static let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

  private var page: HTML {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    \(Self.markup)
    <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <title>\(title) · Freshet</title>
    <style>\(ComparisonStyle.text)</style>
    </head>
    <body>
    <header>
    <svg class="logo" viewBox="0 0 16 16" aria-hidden="true"><path d="M1 5q3.5-4 7 0t7 0M1 11q3.5-4 7 0t7 0"/></svg>
    <h1>\(title)</h1>
    </header>
    <main>
    \(cautions)\(runsSection)\(settingsSection)\(metricsSection)\(seriesSection)\(dataSection)\(artifactsSection)</main>
    <footer>Made by freshet \(version) at \(Self.time(madeAtMilliseconds)).</footer>
    </body>
    </html>

    """
  }

  private static let markup: HTML = "<meta name=\"generator\" content=\"freshet compare\">"

  private var cautions: HTML {
    let found = comparison.cautions
    guard !found.isEmpty else { return "" }
    return """
      <section class="cautions"><h2>Before you compare</h2><ul>\(found.map { "<li>\($0)</li>" as HTML })</ul></section>

      """
  }

  // MARK: Parts of all sections

  static func time(_ milliseconds: Int64) -> String {
    "\(Timestamp.rfc3339(milliseconds: milliseconds).prefix(19).replacing("T", with: " ")) UTC"
  }

  /// A table with a column for each run, in a box that scrolls by itself.
  ///
  /// - Parameters:
  ///   - label: names the box for those who cannot see it.
  ///   - first: the heading of the first column.
  ///   - rows: of a name and a cell for each run.
  func table(_ label: String, first: String, _ rows: [HTML]) -> HTML {
    """
    <div class="scroll" tabindex="0" role="region" aria-label="Table: \(label)"><table>
    <thead><tr><th scope="col">\(first)</th>\(runs.indices.map(heading))</tr></thead>
    <tbody>
    \(rows)</tbody>
    </table></div>

    """
  }

  /// The name of a metric or a setting, which may be broken behind a point or an underscore.
  static func breakable(_ name: String) -> HTML {
    var pieces: [HTML] = []
    var piece = ""
    for character in name {
      piece.append(character)
      guard character == "_" || character == "." else { continue }
      pieces.append("\(piece)<wbr>")
      piece = ""
    }
    return "\(pieces)\(piece)"
  }

  private func heading(_ index: Int) -> HTML {
    "<th scope=\"col\" class=\"run\"><b class=\"t\(index)\">\(Comparison.letter(index))</b> \(runs[index].kind)</th>"
  }

  /// A row of texts; an empty cell where a run has none.
  func row(_ name: String, _ cells: [HTML?], isNumeric: Bool = false) -> HTML {
    let opening: HTML = isNumeric ? "<td class=\"number\">" : "<td>"
    return """
      <tr><th scope="row">\(Self.breakable(name))</th>\(cells.map { "\(opening)\($0 ?? "<span class=\"none\">–</span>")</td>" as HTML })</tr>

      """
  }
}
