import Foundation
import StreamingRecommender
import Telemetry

/// `freshet retrain`, `status`, `models` and `snapshot`: send requests to a running engine.
struct OperateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private func client() throws -> AdminClient {
    AdminClient(try context.loadedForRunningEngine(using: ["admin.listen"]), serveLine: context.line("serve"))
  }

  // MARK: Jobs

  func retrain() throws -> ExitStatus {
    let client = try client()
    let answer = try client.post("/v1/retrain")
    guard let job = answer.object["job"] as? String, answer.status == 202 || answer.status == 409 else {
      throw CommandFailure(answer.object["error"] as? String ?? answer.text)
    }
    if answer.status == 409 { context.note("a retrain is already running: \(job)") }
    guard context.options.flag("wait") else {
      if context.json {
        context.print(answer.text.trimmingCharacters(in: .newlines))
      } else {
        context.print("retrain \(job) has started; watch it with \(context.line("status --watch"))")
      }
      return answer.status == 202 ? .done : .failed
    }
    return try wait(client, job, label: "retrain")
  }

  func snapshot() throws -> ExitStatus {
    let client = try client()
    let answer = try client.post("/v1/snapshot")
    guard let job = answer.object["job"] as? String else { throw CommandFailure(answer.object["error"] as? String ?? answer.text) }
    return try wait(client, job, label: "snapshot")
  }

  private func wait(_ client: AdminClient, _ job: String, label: String) throws -> ExitStatus {
    var progress = context.progress(label, total: 100, unit: .percent)
    while true {
      let answer = try client.get("/v1/jobs/\(job)")
      guard let state = answer.object["state"] as? String else { throw CommandFailure(answer.text) }
      let ratio = answer.object["ratio"] as? Double ?? 0
      guard state == "running" else {
        progress.label = label
        progress.finish(100)
        return show(answer, state, label)
      }
      if let phase = answer.object["phase"] as? String, !phase.isEmpty { progress.label = "\(label), \(phase)" }
      progress.update(Int(ratio * 100))
      usleep(200_000)
    }
  }

  private func show(_ answer: AdminClient.Answer, _ state: String, _ label: String) -> ExitStatus {
    if context.json {
      context.print(answer.text.trimmingCharacters(in: .newlines))
    } else {
      context.print("\(label): \(state) \(answer.object["message"] as? String ?? "")".trimmingCharacters(in: .whitespaces))
      if let result = answer.object["result"] as? [String: Any] {
        let epoch = (result["epoch"] as? Int).map { "epoch \($0), " } ?? ""
        context.print(epoch + Self.comparison(result))
      }
    }
    return state == "done" ? .done : .failed
  }

  /// Describes the quality of the old and the new model in a retrain record.
  static func comparison(_ record: [String: Any]) -> String {
    guard let new = record["recall_at_20_new"] as? Double else {
      return record["epoch"] as? Int == 1
        ? "not compared: it is the first model" : "not compared: fewer than \(Holdout.pairsMin) new interactions"
    }
    let old = (record["recall_at_20_old"] as? Double).map { ListText.fixed($0, 4) } ?? "none"
    return "recall@20 on the newest interactions: old model \(old), new model \(ListText.fixed(new, 4))"
  }

  // MARK: Status

  func status() throws {
    let client = try client()
    // The hash takes a pass over the whole state, so `--watch` does not request it.
    let path = context.options.flag("watch") ? "/v1/status" : "/v1/status?state_hash=true"
    var screen = ScreenFrame(terminal: context.terminal)
    repeat {
      let answer = try client.get(path)
      guard answer.status == 200 else { throw CommandFailure(answer.text) }
      context.print(context.json ? answer.text.trimmingCharacters(in: .newlines) : screen.next(Self.table(answer.object)))
      if context.options.flag("watch") { sleep(1) }
    } while context.options.flag("watch")
  }

  private static func table(_ status: [String: Any]) -> String {
    func text(_ key: String) -> String {
      switch status[key] {
      case let number as NSNumber:
        number.doubleValue == number.doubleValue.rounded() ? "\(number.intValue)" : ListText.fixed(number.doubleValue, 2)
      case let string as String: string
      default: "-"
      }
    }
    let keys = [
      "epoch", "users", "items", "interactions", "events_applied", "lag_records", "lag_seconds", "freshness_p50_ms", "freshness_p99_ms",
      "state_bytes", "bytes_per_interaction", "bytes_per_user", "state_hash",
    ]
    var table = TextTable([.left, .left])
    for key in keys { table.add([key, text(key)]) }
    for key in ["redis", "kafka"] {
      let part = status[key] as? [String: Any] ?? [:]
      let isUp = part["up"] as? Bool ?? false
      table.add([key, isUp ? "up" : "down: \(part["problem"] as? String ?? "no answer yet")"])
    }
    let kafka = status["kafka"] as? [String: Any] ?? [:]
    for halted in kafka["halted"] as? [String] ?? [] { table.add(["halted", halted]) }
    if status["active"] as? Bool == false {
      table.add([
        "inactive",
        "it holds \(kafka["partitions_assigned"] ?? 0) of \(kafka["partitions"] ?? 0) partitions and publishes nothing; one engine per group for now",
      ])
    }
    let retrain = status["retrain"] as? [String: Any] ?? [:]
    let phase = retrain["phase"] as? String
    table.add([
      "retrain",
      phase.map { "\($0) \(Int((retrain["ratio"] as? Double ?? 0) * 100)) %" }
        ?? "none; \(retrain["events_since"] ?? 0) events since the last",
    ])
    if let last = retrain["last"] as? [String: Any], let result = last["result"] as? String, result != "accepted" {
      table.add(["last retrain", [result, last["message"] as? String].compactMap { $0 }.joined(separator: ": ")])
    }
    if phase == nil, let next = retrain["next"] as? String { table.add(["next retrain", next]) }
    if let problem = status["problem"] as? String { table.add(["problem", problem]) }
    return String(table.description.dropLast())
  }

  // MARK: Models

  func models() throws {
    let answer = try client().get("/v1/models")
    if context.json {
      context.print(answer.text.trimmingCharacters(in: .newlines))
      return
    }
    var table = TextTable(
      [.right, .left, .left, .right, .right, .right, .right, .right, .left],
      header: ["epoch", "ended (UTC)", "result", "seconds", "users", "items", "old", "new", "reason"])
    for case let model as [String: Any] in answer.object["models"] as? [Any] ?? [] {
      let seconds = (model["seconds"] as? [String: Double] ?? [:]).values.reduce(0, +)
      table.add([
        (model["epoch"] as? Int).map { "\($0)" } ?? "-", Self.time(model["ended_ms"] as? Int), model["result"] as? String ?? "",
        ListText.fixed(seconds, 2),
        "\(model["users"] ?? 0)", "\(model["items"] ?? 0)", (model["recall_at_20_old"] as? Double).map { ListText.fixed($0, 4) } ?? "-",
        (model["recall_at_20_new"] as? Double).map { ListText.fixed($0, 4) } ?? "-",
        (model["message"] as? String) ?? (model["reason"] as? String ?? ""),
      ])
    }
    context.print(String(table.description.dropLast()))
  }

  /// Formats a time as `2026-01-31 23:59:59`.
  private static func time(_ milliseconds: Int?) -> String {
    milliseconds.map { String(Timestamp.rfc3339(milliseconds: Int64($0)).prefix(19).replacing("T", with: " ")) } ?? "-"
  }
}
