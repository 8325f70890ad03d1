import Datasets

/// Reads the lists of a file one by one.
struct ListsReading {
  /// What was read so far.
  private(set) var grouping: RankedListGrouping
  let file: RankedListFile

  init(_ path: String, countMax: Int, rejects: RejectedLines? = nil) throws(DatasetError) {
    file = try RankedListFile(path: path, rejects: rejects)
    grouping = RankedListGrouping(countMax: countMax)
  }

  /// Calls `body` for each list.
  ///
  /// - Throws: `DatasetError`, `CommandFailure` if the lines of a user do not follow each other, and errors of `body`.
  mutating func read(_ body: (RankedListGrouping.List) throws -> Void) throws {
    while let next = try file.next() {
      let row: RankedListRow
      do throws(RankedListRow.Fault) {
        switch next {
        case .columns(let columns): row = columns
        case .json(let bytes): row = try RankedListRow.reading(json: bytes)
        }
      } catch {
        file.reject(error)
        continue
      }
      let outcome: (finished: RankedListGrouping.List?, fault: RankedListRow.Fault?)
      do throws(RankedListGrouping.Split) { outcome = try grouping.add(row) } catch { throw split(error) }
      if let fault = outcome.fault { file.reject(fault) }
      if let list = outcome.finished { try body(list) }
    }
    if let list = grouping.finish() { try body(list) }
  }

  private func split(_ split: RankedListGrouping.Split) -> CommandFailure {
    let user = TerminalText.escaped(String(String(decoding: split.user, as: UTF8.self).prefix(80)))
    return CommandFailure(
      "line \(file.lineNumber) goes on with the list of \(user), and lines of other users stand in between: sort the lines below the header by user, "
        + "or with ORDER BY user in the query that made them; nothing was written")
  }
}
