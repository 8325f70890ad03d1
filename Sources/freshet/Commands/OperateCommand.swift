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
      context.print(context.json ? answer.text.trimmingCharacters(in: .newlines) : screen.next(StatusTable.text(answer.object)))
      if context.options.flag("watch") { sleep(1) }
    } while context.options.flag("watch")
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
