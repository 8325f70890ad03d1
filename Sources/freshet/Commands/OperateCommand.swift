import Foundation
import StreamingRecommender

/// `freshet retrain`, `status`, `models`, `snapshot`: talk to a running engine.
struct OperateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private func client() throws -> AdminClient { AdminClient(try context.loadedForRunningEngine()) }

  // MARK: Jobs

  func retrain() throws -> ExitStatus {
    let client = try client()
    let answer = try client.post("/v1/retrain")
    guard let job = answer.object["job"] as? String, answer.status == 202 || answer.status == 409 else {
      throw CommandFailure(answer.object["error"] as? String ?? answer.text)
    }
    if answer.status == 409 { context.note("a retrain is under way: \(job)") }
    guard context.options.flag("wait") else {
      if context.json {
        context.print(answer.text.trimmingCharacters(in: .newlines))
      } else {
        context.print("retrain \(job) has begun; watch it with `freshet status --watch`")
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
    var progress = context.progress(label, total: 100)
    while true {
      let answer = try client.get("/v1/jobs/\(job)")
      guard let state = answer.object["state"] as? String else { throw CommandFailure(answer.text) }
      let ratio = answer.object["ratio"] as? Double ?? 0
      guard state == "running" else {
        progress.finish(100)
        return show(answer, state, label)
      }
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
        let old = (result["recall_at_20_old"] as? Double).map { ListText.fixed($0, 4) } ?? "-"
        let new = (result["recall_at_20_new"] as? Double).map { ListText.fixed($0, 4) } ?? "-"
        context.print("epoch \(result["epoch"] as? Int ?? 0), recall@20 on the newest interactions: old model \(old), new model \(new)")
      }
    }
    return state == "done" ? .done : .failed
  }

  // MARK: Status

  func status() throws {
    let client = try client()
    repeat {
      let answer = try client.get("/v1/status")
      guard answer.status == 200 else { throw CommandFailure(answer.text) }
      if context.json { context.print(answer.text.trimmingCharacters(in: .newlines)) } else { show(answer.object) }
      if context.options.flag("watch") { sleep(1) }
    } while context.options.flag("watch")
  }

  private func show(_ status: [String: Any]) {
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
      table.add([key, isUp ? "up" : "away: \(part["problem"] as? String ?? "no answer yet")"])
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
    if let problem = status["problem"] as? String { table.add(["problem", problem]) }
    context.print(String(table.description.dropLast()))
  }

  // MARK: Models

  func models() throws {
    let answer = try client().get("/v1/models")
    if context.json {
      context.print(answer.text.trimmingCharacters(in: .newlines))
      return
    }
    var table = TextTable(
      [.right, .left, .right, .right, .right, .right, .right, .left],
      header: ["epoch", "result", "seconds", "users", "items", "old", "new", "reason"])
    for case let model as [String: Any] in answer.object["models"] as? [Any] ?? [] {
      let seconds = (model["seconds"] as? [String: Double] ?? [:]).values.reduce(0, +)
      table.add([
        (model["epoch"] as? Int).map { "\($0)" } ?? "-", model["result"] as? String ?? "", ListText.fixed(seconds, 2),
        "\(model["users"] ?? 0)", "\(model["items"] ?? 0)", (model["recall_at_20_old"] as? Double).map { ListText.fixed($0, 4) } ?? "-",
        (model["recall_at_20_new"] as? Double).map { ListText.fixed($0, 4) } ?? "-",
        (model["message"] as? String) ?? (model["reason"] as? String ?? ""),
      ])
    }
    context.print(String(table.description.dropLast()))
  }
}
