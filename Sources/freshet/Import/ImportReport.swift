import Datasets
import RedisPublishing
import Telemetry

/// What `freshet import lists` has done.
struct ImportReport {
  var name: String
  var namespace: String
  var isReplacement: Bool
  var grouping: RankedListGrouping
  var lines: InteractionFile.Report
  var imported: ImportedLists
  /// When the lists of this import expire; others of the name may live longer.
  var expiresAtMilliseconds: Int64
  /// Of the first users, how many have a list of the engine.
  var known: (users: Int, of: Int)

  var json: JSONValue {
    let rejected = lines.kinds.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .integer($0.value.count)) }
    return [
      "name": .string(name), "namespace": .string(namespace), "mode": .string(isReplacement ? "replace" : "update"),
      "users": .integer(grouping.lists), "items": .integer(grouping.items), "items_cut": .integer(grouping.cut),
      "lines": .integer(lines.rows + lines.badLines), "lines_rejected": .integer(lines.badLines), "rejected": .object(rejected),
      "lists_with_gaps": .integer(grouping.listsWithGaps), "lists_with_rising_scores": .integer(grouping.listsWithRisingScores),
      "known_users": .integer(known.users), "known_users_of": .integer(known.of), "generation": .integer(Int(imported.generation)),
      "expires_at": .string(Timestamp.rfc3339(milliseconds: expiresAtMilliseconds)),
    ]
  }

  var text: String {
    "\(ProgressBar.count(grouping.lists)) lists \(name) with \(ProgressBar.count(grouping.items)) items in \(namespace)"
      + (isReplacement ? ", in the place of all before" : "") + ", shown until "
      + "\(Timestamp.rfc3339(milliseconds: expiresAtMilliseconds).prefix(16))Z"
      + (lines.badLines == 0 ? "" : "; \(ProgressBar.count(lines.badLines)) lines were left out")
  }

  /// What looks wrong and is no reason to refuse it.
  static func warnings(_ grouping: RankedListGrouping) -> [String] {
    var warnings: [String] = []
    if grouping.listsWithRisingScores * 2 > grouping.lists {
      warnings.append(
        "in \(grouping.listsWithRisingScores) of \(grouping.lists) lists the last item has a higher score than the first: the rank decides, "
          + "and the scores contradict it")
    }
    if grouping.listsWithGaps > 0 {
      warnings.append(
        "\(grouping.listsWithGaps) of \(grouping.lists) lists lack a rank between the first and the last, or begin after rank 1: are lines missing?"
      )
    }
    if grouping.cut > 0 { warnings.append("\(grouping.cut) items beyond place \(grouping.countMax) are left out (--count)") }
    return warnings
  }
}
