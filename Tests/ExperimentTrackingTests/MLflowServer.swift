import Foundation
import HTTPServing
import Telemetry

/// As much of MLflow as a client sees, with what the tests want to go wrong.
enum MLflowServer {
  struct Fault: Sendable {
    /// The end of the path.
    var call: String
    var times: Int
    var status = 503
    var body: JSONValue = ["error_code": "TEMPORARILY_UNAVAILABLE", "message": "x"]
    /// Whether the call has an effect, as if only the answer were lost.
    var hasEffect = false
  }

  static func start(_ faults: [Fault] = [], deletedExperiment: Bool = false, artifacts: String = "mlflow-artifacts:/1") throws
    -> ScriptedServer
  {
    try ScriptedServer { request, state in
      let call = ScriptedServer.call(request)
      for (number, fault) in faults.enumerated() where call.hasSuffix(fault.call) {
        guard case .integer(let count) = state["fault \(number)"] ?? 0, count < fault.times else { continue }
        state["fault \(number)"] = .integer(count + 1)
        if fault.hasEffect { _ = answer(call, &state, deletedExperiment, artifacts) }
        return .json(fault.body, status: fault.status)
      }
      return answer(call, &state, deletedExperiment, artifacts)
    }
  }

  private static let missing = HTTPResponse.json(["error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"], status: 404)
  private static let exists = HTTPResponse.json(["error_code": "RESOURCE_ALREADY_EXISTS", "message": "is there"], status: 400)

  private static func answer(
    _ call: String, _ state: inout [String: JSONValue], _ deletedExperiment: Bool, _ artifacts: String
  ) -> HTTPResponse {
    func created(_ key: String) -> Bool {
      let isNew = state[key] == nil
      state[key] = true
      return isNew
    }
    let run: JSONValue = ["info": ["run_id": "r1", "artifact_uri": .string(artifacts + "/r1/artifacts")]]
    switch call {
    case "GET experiments/get-by-name":
      if deletedExperiment { return .json(["experiment": ["experiment_id": "1", "lifecycle_stage": "deleted"]]) }
      return state["experiment"] == nil ? missing : .json(["experiment": ["experiment_id": "1", "lifecycle_stage": "active"]])
    case "POST experiments/create": return created("experiment") ? .json(["experiment_id": "1"]) : exists
    case "POST experiments/search": return .json([:])
    case "POST runs/create": return created("run") ? .json(["run": run]) : .json(["error_code": "TWICE"], status: 400)
    case "POST runs/search": return .json(state["run"] == nil ? [:] : ["runs": [run]])
    case "POST runs/log-batch", "POST runs/update", "POST registered-models/alias": return .json([:])
    case "POST registered-models/create": return created("model") ? .json([:]) : exists
    case "POST model-versions/create":
      return created("version") ? .json(["model_version": ["version": "7"]]) : .json(["error_code": "TWICE"], status: 400)
    case "GET model-versions/search": return .json(state["version"] == nil ? [:] : ["model_versions": [["version": "7"]]])
    // As the real one does.
    case _ where call.hasPrefix("PUT artifacts/"): return .empty(200)
    default: return .empty(404)
    }
  }
}
