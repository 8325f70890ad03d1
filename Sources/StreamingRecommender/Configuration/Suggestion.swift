/// Finds the known word most similar to an unknown one ("did you mean").
public enum Suggestion {
  /// Returns the candidate nearest to `word`, or `nil` if none is similar enough.
  ///
  /// With `separator`, `word` is also compared with the last components of the candidates, so `factors` finds `model.factors`.
  public static func nearest(to word: String, in candidates: [String], separator: Character? = nil) -> String? {
    let lowered = word.lowercased()
    if let separator {
      let tails = candidates.filter { $0.lowercased().hasSuffix("\(separator)\(lowered)") }
      if let shortest = tails.min(by: { ($0.count, $0) < ($1.count, $1) }) { return shortest }
    }
    let near = best(lowered, candidates) { $0 }
    guard let separator else { return near }
    let last = lowered.split(separator: separator).last.map(String.init) ?? lowered
    return near ?? best(last, candidates) { $0.split(separator: separator).last.map(String.init) ?? $0 }
  }

  /// Returns the Damerau-Levenshtein distance (insertion, deletion, substitution, transposition of neighbours), counted in bytes.
  public static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8)
    let b = Array(b.utf8)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      row.reserveCapacity(b.count + 1)
      for j in 0..<b.count {
        var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }

  private static func best(_ word: String, _ candidates: [String], part: (String) -> String) -> String? {
    let scored = candidates.map { (candidate: $0, distance: distance(word, part($0).lowercased())) }
    guard let nearest = scored.min(by: { ($0.distance, $0.candidate) < ($1.distance, $1.candidate) }) else { return nil }
    return nearest.distance <= max(1, word.utf8.count / 3) ? nearest.candidate : nil
  }
}
