import RunRecords

extension ComparisonPage {
  var dataSection: HTML {
    let rows = inputRows + offsetRows
    guard !rows.isEmpty else { return "" }
    let sentence: HTML = runs.count > 1 ? "<p>\(comparison.data.sentence)</p>\n" : ""
    return """
      <section><h2>Input</h2>
      \(sentence)\(table("input", first: "", rows))</section>

      """
  }

  private var inputRows: [HTML] {
    let count = runs.map(\.inputs.count).max() ?? 0
    let first = Set(runs[0].inputs.compactMap(\.sha256))
    return (0..<count).map { number in
      let cells = runs.enumerated().map { index, run -> HTML? in
        guard number < run.inputs.count else { return nil }
        let input = run.inputs[number]
        return "<code>\(input.path)</code>\(size(input))\(digest(input, isFirst: index == 0, first))"
      }
      return row(count == 1 ? "file" : "file \(number + 1)", cells)
    }
  }

  private func size(_ input: RunRecord.Input) -> HTML {
    guard let bytes = input.bytes else { return "" }
    return "<small>\(NumberFormat.bytes(bytes))</small>"
  }

  private func digest(_ input: RunRecord.Input, isFirst: Bool, _ first: Set<String>) -> HTML {
    guard let sha256 = input.sha256 else { return "<small class=\"none\">no hash</small>" }
    let words: HTML = isFirst || first.isEmpty ? "" : first.contains(sha256) ? ", as A" : ", <b>not as A</b>"
    return "<small title=\"\(sha256)\">SHA-256 \(String(sha256.prefix(12)))…\(words)</small>"
  }

  private var offsetRows: [HTML] {
    let partitions = Set(runs.flatMap(\.offsets.keys)).sorted(by: NaturalOrder.isBefore)
    return partitions.map { partition in
      row(partition, runs.map { run in run.offsets[partition].map { "below \(String($0))" } })
    }
  }

  var artifactsSection: HTML {
    // A run may have written several of the same name.
    let names = Set(runs.flatMap { $0.artifacts.map(\.name) }).sorted(by: NaturalOrder.isBefore)
    guard !names.isEmpty else { return "" }
    let rows = names.map { name in
      row(
        name,
        runs.map { run -> HTML? in
          let found = run.artifacts.filter { $0.name == name }
          return found.isEmpty ? nil : HTML(joining: found.map(artifact), "<br>")
        })
    }
    return """
      <section><h2>Artifacts</h2>
      \(table("artifacts", first: "", rows))</section>

      """
  }

  private func artifact(_ artifact: RunRecord.Artifact) -> HTML {
    let size: HTML = artifact.bytes.map { "<small>\(NumberFormat.bytes($0))</small>" } ?? ""
    return "<code>\(artifact.location)</code>\(size)"
  }
}
