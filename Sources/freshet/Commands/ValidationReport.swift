import Datasets
import Foundation
import StreamingRecommender
import Telemetry

/// What `freshet validate` found in a file or a topic.
struct ValidationReport {
  struct Reason {
    var count = 0
    /// The first one, with where it is.
    var example: String
  }

  /// How the keys of a topic's records relate to its users and partitions.
  struct Keys {
    var without = 0
    var ofUser = 0
    var ofOthers = 0
    /// Records with a key that lie where Kafka's default partitioner puts the key.
    var inPlace = 0
    var elsewhere = 0
  }

  let source: String
  /// How the source is read, in one line.
  var summary: String
  var findings: [Finding] = []
  var census = InteractionCensus()
  /// Lines or records.
  var read = 0
  var rejected: [String: Reason] = [:]
  var ignored: [String: Int] = [:]
  var forgotten = 0
  var merged = 0
  /// Events whose time cannot be read, which have the time of their record.
  var unreadableTimes = 0
  var fields: RecordFields?
  var keys: Keys?
  /// The mapping in use, as it is written in a command line or a configuration.
  var mapping: String?
  /// Another one that the names or the cells suggest.
  var proposal: String?
  var notes: [String] = []

  var rejectedCount: Int { rejected.values.reduce(0) { $0 + $1.count } }

  /// Why the source would not be used as it is; `nil` if it would be.
  var refusal: String? {
    if findings.contains(where: { $0.severity == .refusal }) { return "its columns look like something else" }
    if census.rows == 0, forgotten == 0, merged == 0 { return "it holds no interactions" }
    if rejectedCount * 2 > read { return "more than half of it is rejected" }
    return nil
  }

  mutating func reject(_ kind: String, _ example: @autoclosure () -> String) {
    if rejected[kind] == nil { rejected[kind] = Reason(example: example()) }
    rejected[kind]?.count += 1
  }

  /// Counts what a record holds; a rejected one is counted by `reject`.
  mutating func add(_ decoded: DecodedRecord) {
    switch decoded {
    case .ignored(let reason): ignored[reason.rawValue, default: 0] += 1
    case .interactions(_, let reasons): for (reason, count) in reasons { ignored[reason.rawValue, default: 0] += count }
    case .forget: forgotten += 1
    case .merge: merged += 1
    case .interaction, .failure, .waiting: break
    }
    for event in decoded.events {
      let interaction = event.interaction
      census.add(InteractionRow(user: interaction.user, item: interaction.item, timeMilliseconds: interaction.timeMilliseconds))
      if event.clamped.contains(.unreadableTimestamp) { unreadableTimes += 1 }
    }
  }

  // MARK: Text

  var text: String {
    var lines = [summary]
    lines += findings.map { "\($0.severity == .refusal ? "refused" : "warning"): \($0)" }
    lines += notes
    var table = TextTable([.left, .right, .left])
    for (name, count, remark) in counts { table.add([name, ProgressBar.count(count), remark]) }
    lines.append(String(table.description.dropLast()))
    lines += fieldLines
    if let mapping { lines.append("in use: \(mapping)") }
    if let proposal { lines.append("proposed: \(proposal)") }
    lines.append(refusal.map { "not usable as it is: \($0)" } ?? "usable")
    return lines.map { TerminalText.escaped($0, keepsLines: true) }.joined(separator: "\n")
  }

  private var counts: [(name: String, count: Int, remark: String)] {
    var rows: [(String, Int, String)] = [(keys == nil ? "lines" : "records", read, "")]
    rows.append(("interactions", census.rows, ""))
    for (name, count) in fieldCounts { rows.append(("  with a \(name)", count, share(count, census.rows))) }
    for (type, count) in census.types.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).prefix(10) {
      rows.append(("  of type \(type)", count, share(count, census.rows)))
    }
    rows.append(("rejected", rejectedCount, share(rejectedCount, read)))
    for (kind, reason) in rejected.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
      rows.append(("  \(kind)", reason.count, reason.example))
    }
    for (reason, count) in ignored.sorted(by: { $0.key < $1.key }) { rows.append(("ignored: \(reason)", count, "")) }
    if unreadableTimes > 0 { rows.append(("times that cannot be read", unreadableTimes, "these have the time of their record")) }
    if forgotten > 0 { rows.append(("tombstones", forgotten, "each deletes a user")) }
    if merged > 0 { rows.append(("merges", merged, "each joins an id to a user")) }
    let about = census.isExact ? "" : "about"
    rows += [("users", census.users.count, about), ("items", census.items.count, about), ("pairs", census.pairs.count, about)]
    rows.append(("repeats", census.repeats, "of user, item, type and time"))
    if let keys { rows += keyRows(keys) }
    if let times = census.times {
      rows.append(
        (
          "times", census.withTime,
          "\(Timestamp.rfc3339(milliseconds: times.lowerBound)) to \(Timestamp.rfc3339(milliseconds: times.upperBound))"
        ))
    }
    return rows
  }

  /// What only files tell; an event of a topic always has a value and a time.
  private var fieldCounts: [(String, Int)] {
    guard fields == nil else { return [] }
    return [("value", census.withValue), ("type", census.withType), ("time", census.withTime)]
  }

  private func keyRows(_ keys: Keys) -> [(String, Int, String)] {
    [
      ("keys that are the user", keys.ofUser, share(keys.ofUser, read)),
      ("keys of something else", keys.ofOthers, share(keys.ofOthers, read)),
      ("records without a key", keys.without, share(keys.without, read)),
      ("in the partition of their key", keys.inPlace, share(keys.inPlace, keys.inPlace + keys.elsewhere)),
    ]
  }

  private var fieldLines: [String] {
    guard let fields, !fields.places.isEmpty else { return [] }
    var table = TextTable([.left, .right, .left], header: ["field", "found", "example"])
    for (path, place) in fields.places.sorted(by: { $0.key < $1.key }).prefix(60) {
      table.add([path, share(place.count, fields.records), place.example])
    }
    return [String(table.description.dropLast())]
  }

  private func share(_ count: Int, _ total: Int) -> String {
    total == 0 ? "" : "\(ListText.fixed(Double(count) / Double(total) * 100, 1)) %"
  }

  // MARK: JSON

  var json: JSONValue {
    var output: JSONValue = [
      "source": .string(source), "summary": .string(summary), "usable": .bool(refusal == nil),
      "refusal": refusal.map { .string($0) } ?? .null,
      "findings": .array(findings.map(Self.json)), keys == nil ? "lines" : "records": .integer(read), "interactions": .integer(census.rows),
      "rejected": .integer(rejectedCount), "users": .integer(census.users.count), "items": .integer(census.items.count),
      "pairs": .integer(census.pairs.count), "repeats": .integer(census.repeats), "counts_are_exact": .bool(census.isExact),
      "first_time": census.times.map { .string(Timestamp.rfc3339(milliseconds: $0.lowerBound)) } ?? .null,
      "last_time": census.times.map { .string(Timestamp.rfc3339(milliseconds: $0.upperBound)) } ?? .null,
      "mapping": mapping.map { .string($0) } ?? .null, "proposal": proposal.map { .string($0) } ?? .null,
      "notes": .array(notes.map { .string($0) }),
    ]
    var reasons = JSONValue.object([])
    for (kind, reason) in rejected.sorted(by: { $0.key < $1.key }) {
      reasons[kind] = ["count": .integer(reason.count), "example": .string(reason.example)]
    }
    output["rejected_by_reason"] = reasons
    output["ignored_by_reason"] = Self.object(ignored)
    output["types"] = Self.object(census.types)
    if let fields {
      output["fields"] = Self.object(fields.places.mapValues(\.count))
      output["records_of_fields"] = .integer(fields.records)
    } else {
      output["fields"] = Self.object(Dictionary(uniqueKeysWithValues: fieldCounts))
    }
    if let keys {
      output["tombstones"] = .integer(forgotten)
      output["merges"] = .integer(merged)
      output["unreadable_timestamps"] = .integer(unreadableTimes)
      output["keys"] = [
        "user": .integer(keys.ofUser), "other": .integer(keys.ofOthers), "none": .integer(keys.without),
        "in_partition_of_key": .integer(keys.inPlace), "in_other_partition": .integer(keys.elsewhere),
      ]
    }
    return output
  }

  private static func object(_ counts: [String: Int]) -> JSONValue {
    var object = JSONValue.object([])
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) { object[name] = .integer(count) }
    return object
  }

  private static func json(_ finding: Finding) -> JSONValue {
    [
      "severity": .string(finding.severity.rawValue), "rule": .string(finding.rule), "sentence": .string(finding.sentence),
      "columns": .array(finding.columns.map { .integer($0) }), "share": .number(finding.share),
      "samples": .array(finding.samples.map { .string($0) }),
    ]
  }
}
