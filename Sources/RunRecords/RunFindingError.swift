/// Why a word names no run.
public struct RunFindingError: Error, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    case none
    /// Several runs match: the newest of them, and how many there are.
    case several(newest: [RunID], count: Int)
    /// The object is there, but it is not a record.
    case notARecord(RunID)
  }

  public let code: Code
  public let word: String
  /// The address of the store.
  public let store: String

  public var description: String {
    switch code {
    case .none where word == "last": return "\(store) has no runs yet: a command that trains, evaluates or exports leaves one"
    case .none:
      return "no run in \(store) matches \"\(word)\": `freshet runs list` shows them; give an id, a part of one, last or last:KIND"
    case .several(let newest, let count):
      let names = newest.map(\.text).joined(separator: ", ")
      let more = count > newest.count ? " and \(count - newest.count) older ones" : ""
      return "\"\(word)\" matches \(count) runs: \(names)\(more); give more of the id"
    case .notARecord(let id): return "runs/\(id.text).json in \(store) is not the record of a run: remove it, or name another run"
    }
  }
}
