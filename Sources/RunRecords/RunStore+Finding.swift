import Telemetry

extension RunStore {
  static let candidatesMax = 5

  /// The run that a word names: an id, a part of one that no other id has, `last` for the newest run, or `last:KIND` for the newest of a
  /// kind.
  ///
  /// - Parameter now: to see whether a running one still lives, in milliseconds since 1970.
  /// - Throws: `RunFindingError` if there is no such run or more than one.
  public func find(_ word: String, now: Int64) throws -> RunRecord {
    let id = try resolve(word)
    do {
      guard let record = try record(id, now: now) else { throw RunFindingError(code: .none, word: word, store: name) }
      return record
    } catch is DecodingError { throw RunFindingError(code: .notARecord(id), word: word, store: name) }
  }

  private func resolve(_ word: String) throws -> RunID {
    if let id = RunID(word) { return id }
    let matches = Self.matches(word, among: try ids())
    guard let newest = matches.last else { throw RunFindingError(code: .none, word: word, store: name) }
    if matches.count > 1, !Self.asksForTheNewest(word) {
      let shown = Array(matches.suffix(Self.candidatesMax).reversed())
      throw RunFindingError(code: .several(newest: shown, count: matches.count), word: word, store: name)
    }
    return newest
  }

  private static func asksForTheNewest(_ word: String) -> Bool { word == "last" || word.hasPrefix("last:") }

  /// - Returns: the ids that match, in the order of `ids`.
  private static func matches(_ word: String, among ids: [RunID]) -> [RunID] {
    if word == "last" { return ids }
    guard word.hasPrefix("last:") else { return word.isEmpty ? [] : ids.filter { $0.text.contains(word) } }
    // `last:evaluate` also finds the newest `evaluate holdout`.
    let kind = RunID.slug(String(word.dropFirst("last:".count)))
    return ids.filter { $0.kind == kind || $0.kind.hasPrefix("\(kind)-") }
  }
}
