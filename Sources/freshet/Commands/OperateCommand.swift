import Foundation
import StreamingRecommender
import Telemetry

/// `freshet retrain`, `status`, `models` and `snapshot`: send requests to a running engine.
struct OperateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func client() throws -> AdminClient {
    AdminClient(try context.loadedForRunningEngine(using: ["admin.listen"]), serveLine: context.line("serve"))
  }

  // MARK: Jobs

  func retrain() throws -> ExitStatus {
    if context.options.flag("resume") {
      try accept("/v1/retrain/resume", "retrains start by themselves again")
      return .done
    }
    return try start("/v1/retrain", label: "retrain")
  }

  func rollBack() throws -> ExitStatus { try start("/v1/models/\(try epoch())/rollback", label: "rollback") }

  /// `freshet import factors`: vectors of another program, through the gate.
  func importFactors() throws -> ExitStatus {
    let directory = URL(fileURLWithPath: context.parsed.operands[0]).standardizedFileURL.path
    // Said here, and not after the engine has begun.
    do { _ = try VectorFiles.read(directory) } catch { throw CommandFailure("\(error)") }
    var allowed = CharacterSet.urlQueryAllowed
    allowed.remove(charactersIn: "&+=#")
    let name = directory.addingPercentEncoding(withAllowedCharacters: allowed) ?? directory
    return try start("/v1/models/import?directory=\(name)", label: "import")
  }

  private func epoch() throws -> UInt32 {
    let word = context.parsed.operands.first ?? ""
    guard let epoch = UInt32(word) else { throw UsageError("\(word) is not an epoch number", usage: context.parsed.command.usage) }
    return epoch
  }

  func keepModel() throws {
    let (client, epoch) = (try client(), try epoch())
    let releases = context.options.flag("release")
    try changed(
      releases ? client.delete("/v1/models/\(epoch)/keep") : client.put("/v1/models/\(epoch)/keep"),
      releases ? "epoch \(epoch) goes when newer ones need its place" : "epoch \(epoch) stays until it is released or removed")
  }

  func removeModel() throws {
    let (client, epoch) = (try client(), try epoch())
    try changed(client.delete("/v1/models/\(epoch)"), "epoch \(epoch) is removed")
  }

  private func changed(_ answer: AdminClient.Answer, _ sentence: String) throws {
    guard answer.status == 200 else { throw CommandFailure(Self.problem(answer)) }
    context.report(
      ["epoch": .integer(answer.object["epoch"] as? Int ?? 0), "done": .string(answer.object["done"] as? String ?? "")], text: sentence)
  }

  func promote() throws -> ExitStatus { try start("/v1/models/promote", label: "promotion") }

  func republish() throws {
    try accept("/v1/republish", "the engine writes everything again; watch it with \(context.line("status --watch"))")
  }

  private func accept(_ path: String, _ sentence: String) throws {
    let answer = try client().post(path)
    guard answer.status == 202 else { throw CommandFailure(Self.problem(answer)) }
    context.print(context.json ? answer.text.trimmingCharacters(in: .newlines) : sentence)
  }

  static func problem(_ answer: AdminClient.Answer) -> String {
    let fix = (answer.object["fix"] as? String).map { "; \($0)" } ?? ""
    return (answer.object["error"] as? String).map { $0 + fix } ?? answer.text
  }

  private func start(_ path: String, label: String) throws -> ExitStatus {
    let client = try client()
    let answer = try client.post(path)
    guard let job = answer.object["job"] as? String, answer.status == 202 || answer.status == 409 else {
      throw CommandFailure(Self.problem(answer))
    }
    if answer.status == 409 {
      // Another request than this one: it has not begun, whatever becomes of the running one.
      if label != "retrain" || !job.hasPrefix("retrain") { throw CommandFailure("\(job) is running: try again when it has ended") }
      context.note("a retrain is already running: \(job)")
    }
    guard context.options.flag("wait") else {
      if context.json {
        context.print(answer.text.trimmingCharacters(in: .newlines))
      } else {
        context.print("\(label) \(job) has started; watch it with \(context.line("status --watch"))")
      }
      return answer.status == 202 ? .done : .failed
    }
    return try wait(client, job, label: label)
  }

  func snapshot() throws -> ExitStatus {
    let (client, job) = try startSnapshot()
    return try wait(client, job, label: "snapshot")
  }

  private func startSnapshot() throws -> (client: AdminClient, job: String) {
    let client = try client()
    let answer = try client.post("/v1/snapshot")
    guard let job = answer.object["job"] as? String else { throw CommandFailure(answer.object["error"] as? String ?? answer.text) }
    return (client, job)
  }

  /// A snapshot of the running engine, for a command that reads it.
  func freshSnapshot() throws {
    let (client, job) = try startSnapshot()
    let (end, state) = try ended(client, job, label: "snapshot")
    guard state == "done" else { throw CommandFailure("the engine's snapshot: \(end.object["message"] as? String ?? state)") }
  }

  private func wait(_ client: AdminClient, _ job: String, label: String) throws -> ExitStatus {
    let (answer, state) = try ended(client, job, label: label)
    return show(answer, state, label)
  }

  private func ended(_ client: AdminClient, _ job: String, label: String) throws -> (answer: AdminClient.Answer, state: String) {
    var progress = context.progress(label, total: 100, unit: .percent)
    while true {
      let answer = try client.get("/v1/jobs/\(job)")
      guard let state = answer.object["state"] as? String else { throw CommandFailure(answer.text) }
      let ratio = answer.object["ratio"] as? Double ?? 0
      guard state == "running" else {
        progress.label = label
        progress.finish(100)
        return (answer, state)
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
        if let churn = Self.churn(result) { context.print(churn) }
      }
    }
    return state == "done" ? .done : .failed
  }

  /// Describes the quality of the old and the new model in a retrain record.
  static func comparison(_ record: [String: Any]) -> String {
    if let base = record["base_epoch"] as? Int { return "item vectors of epoch \(base), as asked; not judged" }
    // Without an iteration nothing was trained: the model was there already.
    if record["iterations"] as? Int == 0, record["solver"] as? String != RetrainRecord.external, let reason = record["reason"] as? String {
      return "\(reason), as asked; not judged"
    }
    guard let new = record["recall_at_20_new"] as? Double else {
      return record["epoch"] as? Int == 1
        ? "not compared: it is the first model" : "not compared: fewer than \(Holdout.pairsMin) new interactions"
    }
    let old = (record["recall_at_20_old"] as? Double).map { ListText.fixed($0, 4) } ?? "none"
    return "recall@20 on the newest interactions: old model \(old), new model \(ListText.fixed(new, 4))"
  }

  /// How lists changed with a model.
  static func churn(_ record: [String: Any]) -> String? {
    guard let churn = record["churn"] as? [String: Any], let users = churn["users"] as? Int else { return nil }
    func percent(_ key: String) -> String { ListText.fixed((churn[key] as? Double ?? 0) * 100, 1) }
    return "lists of \(users) users: \(percent("overlap")) % of the items stayed, \(percent("first_changed")) % have another first item; "
      + "distinct items \(percent("coverage_before")) -> \(percent("coverage_after")) % of the catalogue, places of the most popular tenth "
      + "\(percent("popular_share_before")) -> \(percent("popular_share_after")) %"
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
      [.right, .left, .left, .right, .right, .right, .right, .right, .right, .left],
      header: ["epoch", "ended (UTC)", "result", "seconds", "users", "items", "old", "new", "overlap", "reason"])
    for case let model as [String: Any] in answer.object["models"] as? [Any] ?? [] {
      let seconds = (model["seconds"] as? [String: Double] ?? [:]).values.reduce(0, +)
      table.add([
        (model["epoch"] as? Int).map { "\($0)" } ?? "-", Self.time(model["ended_ms"] as? Int), model["result"] as? String ?? "",
        ListText.fixed(seconds, 2),
        "\(model["users"] ?? 0)", "\(model["items"] ?? 0)", (model["recall_at_20_old"] as? Double).map { ListText.fixed($0, 4) } ?? "-",
        (model["recall_at_20_new"] as? Double).map { ListText.fixed($0, 4) } ?? "-",
        ((model["churn"] as? [String: Any])?["overlap"] as? Double).map { ListText.fixed($0, 3) } ?? "-",
        (model["message"] as? String) ?? (model["reason"] as? String ?? ""),
      ])
    }
    context.print(String(table.description.dropLast()))
    if let kept = answer.object["kept_epochs"] as? [Int], !kept.isEmpty {
      let marked = Set(answer.object["marked_epochs"] as? [Int] ?? [])
      let words = kept.map { marked.contains($0) ? "\($0) (marked to stay)" : "\($0)" }
      context.print("kept for freshet models rollback: \(words.joined(separator: ", "))")
    }
    if let epoch = answer.object["rolled_back_to"] as? Int {
      context.print("rolled back to epoch \(epoch): retrains wait for freshet retrain, or freshet retrain --resume")
    }
    if let shadow = answer.object["shadow"] as? [String: Any], let name = shadow["name"] as? String {
      context.print("\(name): \(shadow["sentence"] as? String ?? "")")
    }
    if let promoted = answer.object["promoted"] as? [String: String] {
      let settings = promoted.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
      context.print("promoted settings in use: \(settings); write them into the configuration")
    }
  }

  /// Formats a time as `2026-01-31 23:59:59`.
  private static func time(_ milliseconds: Int?) -> String {
    milliseconds.map { String(Timestamp.rfc3339(milliseconds: Int64($0)).prefix(19).replacing("T", with: " ")) } ?? "-"
  }
}
