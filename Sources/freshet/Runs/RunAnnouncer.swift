import ExperimentTracking
import Foundation
import RunRecords
import StreamingRecommender
import Telemetry

/// Tells others of a run that has ended: MLflow (`mlflow.uri`) and a webhook (`runs.webhook`). What fails is returned as sentences and never
/// fails the run.
struct RunAnnouncer: Sendable {
  private let configuration: RecommenderConfiguration
  /// Larger files stay where they are.
  private static let artifactBytesMax = 1 << 30

  init(_ configuration: RecommenderConfiguration) { self.configuration = configuration }

  private var tracks: Bool { !configuration.mlflow.uri.isEmpty }
  private var posts: Bool { !configuration.runs.webhook.isEmpty }
  var isNeeded: Bool { tracks || posts }
  /// Whether models are registered, for which their files are needed.
  var wantsModels: Bool { tracks && !configuration.mlflow.model.isEmpty }

  /// - Parameter model: files of the model that the run has made, which is then registered.
  /// - Returns: the record with where MLflow shows it, and what went wrong.
  func announce(_ record: RunRecord, model: [String] = []) -> (record: RunRecord, problems: [String]) {
    var record = record
    var problems: [String] = []
    if tracks {
      do {
        let sent = try send(record, model)
        record.tracking = .init(experiment: sent.experimentID, run: sent.runID, modelVersion: sent.modelVersion, url: sent.pageURL)
        if !sent.omittedMetrics.isEmpty { problems.append("MLflow has no \(sent.omittedMetrics.joined(separator: ", ")): not finite") }
        if !sent.shortenedValues.isEmpty {
          problems.append("MLflow has only the beginning of \(sent.shortenedValues.joined(separator: ", "))")
        }
      } catch { problems.append("mlflow.uri: \(error)") }
    }
    if posts {
      do { try post(record) } catch { problems.append("runs.webhook: \(error)") }
    }
    return (record, problems)
  }

  // MARK: Webhook

  private func post(_ record: RunRecord) throws {
    let secret = try Self.secret(configuration.runs.webhookSecretFile, "runs.webhook_secret_file")
    // Every state of a run is a message of its own.
    let delivery = try Webhook(url: configuration.runs.webhook, secret: Array(secret.utf8))
      .deliver(record.json, id: "\(record.id)-\(record.state.rawValue)")
    if let error = delivery.error { throw CommandFailure(error) }
  }

  private static func secret(_ file: String, _ key: String) throws -> String {
    guard !file.isEmpty else { return "" }
    do throws(SecretFile.Refusal) { return try SecretFile.read(file) } catch { throw CommandFailure("\(key) = \(file): \(error)") }
  }

  // MARK: MLflow

  private func send(_ record: RunRecord, _ model: [String]) throws -> SentRun {
    let mlflow = configuration.mlflow
    var settings = MLflowSettings(uri: mlflow.uri)
    let secret = try Self.secret(mlflow.tokenFile, "mlflow.token_file")
    let parts = secret.split(separator: ":", maxSplits: 1).map(String.init)
    settings.credentials =
      parts.count == 2
      ? MLflowSettings.credentials(token: "", username: parts[0], password: parts[1]) : MLflowSettings.credentials(token: secret)
    settings.timeout = mlflow.timeout
    settings.deadline = mlflow.timeout * 3
    settings.caFile = mlflow.caFile
    return try MLflowClient(settings).send(Self.tracked(record, model, mlflow))
  }

  static func tracked(_ record: RunRecord, _ model: [String], _ settings: RecommenderConfiguration.MLflow) -> TrackedRun {
    let ended = record.endedAtMilliseconds ?? record.updatedAtMilliseconds
    var run = TrackedRun(
      experiment: settings.experiment, name: record.id.text, startedMilliseconds: record.startedAtMilliseconds, endedMilliseconds: ended)
    run.status = record.state == .done || record.state == .rejected ? .finished : record.state == .cancelled ? .killed : .failed
    run.params = parameters(record)
    run.metrics = (record.metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) + [("seconds", record.seconds)]
    if let seconds = record.processorSeconds { run.metrics.append(("cpu_seconds", seconds)) }
    if let bytes = record.peakMemoryBytes { run.metrics.append(("peak_memory_bytes", Double(bytes))) }
    run.series = series(record, at: ended)
    run.tags = [
      ("freshet.kind", record.kind), ("freshet.state", record.state.rawValue), ("freshet.version", record.version),
      ("freshet.host", record.host),
    ]
    if !record.command.isEmpty { run.tags.append(("freshet.command", "freshet \(ParsedCommand.line(record.command))")) }
    if let message = record.message { run.tags.append(("freshet.message", message)) }
    run.artifacts = [.init("run.json", .bytes(record.json.bytes))]
    for (number, artifact) in record.artifacts.enumerated() where isFile(artifact.location) {
      run.artifacts.append(.init("files/\(number)-\(plain(artifact.name))", .file(artifact.location)))
    }
    if !model.isEmpty, !settings.model.isEmpty {
      for path in model { run.artifacts.append(.init("model/\((path as NSString).lastPathComponent)", .file(path))) }
      run.registration = .init(model: settings.model, alias: settings.alias.isEmpty ? nil : settings.alias, artifactPath: "model")
    }
    return run
  }

  /// What the result depends on.
  private static func parameters(_ record: RunRecord) -> [(name: String, value: String)] {
    let groups: Set<String> = ["input", "foldin", "retrain", "topn"]
    let model = record.settings.filter { $0.key.hasPrefix("model.") }.sorted { $0.key < $1.key }
    var parameters = model.map { (name: $0.key, value: $0.value) }
    for (key, value) in record.changedSettings where groups.contains(String(key.prefix { $0 != "." })) { parameters.append((key, value)) }
    for (number, input) in record.inputs.enumerated() {
      parameters.append(("input.\(number).path", input.path))
      if let digest = input.sha256 { parameters.append(("input.\(number).sha256", digest)) }
    }
    for (partition, offset) in record.offsets.sorted(by: { $0.key < $1.key }) { parameters.append(("offset.\(partition)", String(offset))) }
    return parameters
  }

  /// Lists of numbers in the result, such as the loss of each iteration.
  private static func series(_ record: RunRecord, at milliseconds: Int64) -> [TrackedRun.Point] {
    guard case .object(let members) = record.result else { return [] }
    return members.flatMap { member -> [TrackedRun.Point] in
      guard case .array(let values) = member.value else { return [] }
      return values.enumerated().compactMap { step, value in
        switch value {
        case .number(let number): TrackedRun.Point(member.key, step: step, value: number, milliseconds: milliseconds)
        case .integer(let number): TrackedRun.Point(member.key, step: step, value: Double(number), milliseconds: milliseconds)
        default: nil
        }
      }
    }
  }

  private static func isFile(_ path: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return attributes?[.type] as? FileAttributeType == .typeRegular && (attributes?[.size] as? Int ?? .max) <= artifactBytesMax
  }

  /// MLflow takes few characters in the path of an artifact.
  private static func plain(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
  }
}
