import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// The status of an engine as text, made from the JSON that its admin server answers.
enum StatusTable {
  private typealias Object = [String: Any]

  static func text(_ status: [String: Any]) -> String {
    var table = TextTable([.left, .left])
    addEngine(status, to: &table)
    for key in [
      "epoch", "users", "items", "interactions", "events_applied", "lag_records", "lag_seconds", "freshness_p50_ms", "freshness_p99_ms",
      "state_bytes", "bytes_per_interaction", "bytes_per_user", "state_hash",
    ] { table.add([key, value(status[key])]) }
    for key in ["redis", "kafka"] {
      let isUp = (status[key] as? Object)?["up"] as? Bool ?? false
      table.add([key, isUp ? "up" : "down"])
    }
    addRetrain(status["retrain"] as? Object ?? [:], to: &table)
    addRecords(status["records"] as? Object ?? [:], to: &table)
    for case let condition as Object in status["conditions"] as? [Any] ?? [] {
      let label = condition["severity"] as? String == Condition.Severity.notReady.rawValue ? "NOT READY" : "WARNING"
      table.add([label, "\(condition["name"] ?? ""): \(condition["message"] ?? "")"])
    }
    return String(table.description.dropLast())
  }

  private static func addEngine(_ status: Object, to table: inout TextTable) {
    let topics = (status["topics"] as? [String] ?? []).joined(separator: ", ")
    let uptime = ListText.age(Int64(status["uptime_seconds"] as? Int ?? 0) * 1000)
    table.add(["engine", "\(value(status["instance"])), version \(value(status["version"])), up \(uptime)"])
    table.add(["topics", topics.isEmpty ? "-" : topics])
    table.add(["namespace", value(status["namespace"])])
    table.add(["data_dir", value(status["data_dir"])])
    addStart(status, to: &table)
  }

  /// Where this process began to read; the group's committed offsets only where they differ, because they do not count.
  private static func addStart(_ status: Object, to table: inout TextTable) {
    guard let start = status["start"] as? Object else { return }
    let from =
      switch start["from"] as? String {
      case "snapshot": "the offsets of snapshot \(value(start["snapshot"]))"
      case "earliest": "the earliest records, by --from"
      case "time": "the records since \(Timestamp.rfc3339(milliseconds: Int64(start["time_ms"] as? Int ?? 0))), by --from"
      default: "the earliest records, without a snapshot"
      }
    table.add(["read from", from])
    let differing = (status["positions"] as? [Object] ?? []).filter { position in
      (position["committed"] as? Int).map { $0 != position["start"] as? Int } ?? false
    }
    guard let first = differing.first else { return }
    let others = differing.count > 1 ? ", and \(differing.count - 1) more partitions differ" : ""
    table.add([
      "committed",
      "\(value(first["topic"]))[\(value(first["partition"]))]: the group had committed \(value(first["committed"])), and "
        + "\((first["start"] as? Int).map { "\($0)" } ?? "earliest") counted\(others)",
    ])
  }

  private static func addRetrain(_ retrain: Object, to table: inout TextTable) {
    let phase = retrain["phase"] as? String
    table.add([
      "retrain",
      phase.map { "\($0) \(Int((retrain["ratio"] as? Double ?? 0) * 100)) %" }
        ?? "none; \(retrain["events_since"] ?? 0) events since the last",
    ])
    if phase == nil, let next = retrain["next"] as? String { table.add(["next retrain", next]) }
    guard let last = retrain["last"] as? Object, let ended = last["ended_ms"] as? Int, let started = last["started_ms"] as? Int else {
      return
    }
    var text = "\(last["result"] ?? ""), \(ListText.fixed(Double(ended - started) / 1000, 1)) s"
    if let done = last["rolled_out_ms"] as? Int {
      text += ", and \(ListText.fixed(Double(done - ended) / 1000, 1)) s until every user had its list"
    }
    table.add(["last retrain", text])
  }

  private static func addRecords(_ records: Object, to table: inout TextTable) {
    for (kind, label) in [("rejected", "rejected"), ("ignored", "ignored"), ("key_mismatch", "wrong key")] {
      guard let part = records[kind] as? Object, let total = part["total"] as? Int else { continue }
      guard total > 0 else {
        table.add([label, "none of \(records["total"] ?? 0) records"])
        continue
      }
      table.add([label, counts(part, minutes: records["window_minutes"]) + ", of \(records["total"] ?? 0) records"])
      for case let reason as Object in part["reasons"] as? [Any] ?? [] {
        let example = (reason["example"] as? Object).map {
          "; for example \($0["topic"] ?? "")[\($0["partition"] ?? "")] offset \($0["offset"] ?? ""): \($0["message"] ?? "")"
        }
        table.add([
          "  \(reason["reason"] ?? "")", counts(reason, minutes: records["window_minutes"]) + (example ?? ""),
        ])
      }
    }
  }

  private static func counts(_ part: Object, minutes: Any?) -> String {
    "\(part["total"] ?? 0) in all, \(part["recent"] ?? 0) in the last \(minutes ?? "") minutes"
  }

  private static func value(_ value: Any?) -> String {
    switch value {
    case let number as NSNumber:
      number.doubleValue == number.doubleValue.rounded() ? "\(number.intValue)" : ListText.fixed(number.doubleValue, 2)
    case let string as String: string
    default: "-"
    }
  }
}
