import HTTPRequests
import Telemetry

/// One call of MLflow's REST interface, independent of the server's address.
struct MLflowCall {
  var method = HTTPConnection.Request.Method.post
  /// Behind the address, with the query.
  var path: String
  var body: HTTPConnection.Request.Body
  /// What fails if it fails, as in "cannot create the run".
  var purpose: String
  /// Whether a second call would make a second thing, so that it must be looked for before.
  var createsAnew = false

  private static let base = "/api/2.0/mlflow/"

  private init(_ path: String, _ value: JSONValue, _ purpose: String) {
    self.path = Self.base + path
    // Any other content type is refused.
    body = .bytes(value.bytes, contentType: "application/json")
    self.purpose = purpose
  }

  private init(getting path: String, _ query: [(String, String)], _ purpose: String) {
    method = .get
    self.path = Self.base + path + "?" + query.map { "\($0.0)=\(PercentEscape.encode($0.1))" }.joined(separator: "&")
    body = .none
    self.purpose = purpose
  }

  // MARK: Experiments

  static func experiment(named name: String) -> MLflowCall {
    MLflowCall(getting: "experiments/get-by-name", [("experiment_name", name)], "look for the experiment \"\(name)\"")
  }

  static func createExperiment(_ name: String) -> MLflowCall {
    MLflowCall("experiments/create", ["name": .string(name)], "create the experiment \"\(name)\"")
  }

  /// Any call that needs credentials where a server asks for some.
  static var anyExperiment: MLflowCall { MLflowCall("experiments/search", ["max_results": 1], "list experiments") }

  // MARK: Runs

  /// The tag by which a run is found again if the answer to its creation was lost.
  static let deliveryTag = "freshet.delivery"

  /// - Parameter delivery: of hexadecimal digits and `-`.
  static func createRun(_ run: TrackedRun, experimentID: String, delivery: String) -> MLflowCall {
    var call = MLflowCall(
      "runs/create",
      [
        "experiment_id": .string(experimentID), "run_name": .string(run.name), "start_time": .integer(Int(run.startedMilliseconds)),
        "tags": [["key": .string(deliveryTag), "value": .string(delivery)]],
      ], "create the run \"\(run.name)\"")
    call.createsAnew = true
    return call
  }

  static func runs(experimentID: String, delivery: String) -> MLflowCall {
    MLflowCall(
      "runs/search",
      ["experiment_ids": [.string(experimentID)], "filter": .string("tags.`\(deliveryTag)` = '\(delivery)'"), "max_results": 1],
      "look whether the run was created")
  }

  static func logBatch(_ batch: JSONValue, runID: String) -> MLflowCall {
    var body = batch
    body["run_id"] = .string(runID)
    return MLflowCall("runs/log-batch", body, "store parameters, tags and metrics")
  }

  static func updateRun(_ runID: String, status: TrackedRun.Status, endedMilliseconds: Int64) -> MLflowCall {
    let word =
      switch status {
      case .finished: "FINISHED"
      case .failed: "FAILED"
      case .killed: "KILLED"
      }
    return MLflowCall(
      "runs/update", ["run_id": .string(runID), "status": .string(word), "end_time": .integer(Int(endedMilliseconds))], "end the run")
  }

  // MARK: Artifacts

  /// - Parameter root: the path of the run's artifacts, from `artifactRoot`.
  static func putArtifact(_ artifact: TrackedRun.Artifact, root: String) -> MLflowCall {
    var call = MLflowCall("", .null, "store the artifact \"\(artifact.path)\"")
    call.method = .put
    call.path = "/api/2.0/mlflow-artifacts/artifacts/" + PercentEscape.encode(root + "/" + artifact.path, keepingSlashes: true)
    // The server takes any type; what it is shows in its name.
    call.body =
      switch artifact.content {
      case .bytes(let bytes): .bytes(bytes, contentType: "application/octet-stream")
      case .file(let path): .file(path: path, contentType: "application/octet-stream")
      }
    return call
  }

  /// The path behind `mlflow-artifacts:`, or `nil` if the artifacts of a run do not pass through the server.
  static func artifactRoot(_ uri: String) -> String? {
    let scheme = "mlflow-artifacts:"
    guard uri.hasPrefix(scheme) else { return nil }
    var path = uri.dropFirst(scheme.count)
    // `mlflow-artifacts://host:port/path` names a server, this one.
    if path.hasPrefix("//") { path = path.dropFirst(2).drop { $0 != "/" } }
    let trimmed = String(path.drop { $0 == "/" }.reversed().drop { $0 == "/" }.reversed())
    return trimmed.isEmpty ? nil : trimmed
  }

  // MARK: Models

  static func createModel(_ name: String) -> MLflowCall {
    MLflowCall("registered-models/create", ["name": .string(name)], "create the registered model \"\(name)\"")
  }

  static func createVersion(_ registration: TrackedRun.Registration, runID: String, artifactURI: String) -> MLflowCall {
    var call = MLflowCall(
      "model-versions/create",
      [
        "name": .string(registration.model), "run_id": .string(runID), "source": .string(artifactURI + "/" + registration.artifactPath),
      ], "create a version of the model \"\(registration.model)\"")
    call.createsAnew = true
    return call
  }

  static func versions(runID: String) -> MLflowCall {
    MLflowCall(getting: "model-versions/search", [("filter", "run_id='\(runID)'")], "look whether the version was created")
  }

  static func setAlias(_ alias: String, model: String, version: String) -> MLflowCall {
    MLflowCall(
      "registered-models/alias", ["name": .string(model), "alias": .string(alias), "version": .string(version)],
      "give version \(version) of the model \"\(model)\" the alias \"\(alias)\"")
  }
}
