import HTTPServing
import ItemMetadata
import Telemetry

// Experiments stand in Redis beside the rules, so that every gateway has them within a second.
extension GatewayService {
  private static let experimentSchema = "schemas/experiment-v1.schema.json"

  func getExperiments(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let (version, experiments) = try reading { try store.documents(Experiment.self) }
    return .now(.json(["version": .integer(Int(version)), "experiments": .array(experiments.map(\.json))] as JSONValue))
  }

  func getExperiment(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    let all = try reading { try store.documents(Experiment.self).documents }
    guard let experiment = all.first(where: { $0.name == id }) else { throw Self.noExperiment(id) }
    return .now(.json(experiment.json))
  }

  func putExperiment(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    var object = JSONValue.object(try Self.members(of: request.body))
    guard object["name"].map({ $0 == .string(id) }) ?? true else {
      throw Problem(.body, "name in the body is not the experiment of the path", fix: "leave it out, or name \(id.prefix(64))")
    }
    object["name"] = .string(id)
    let (bytes, now) = (object.bytes, WallClock.milliseconds())
    let experiment: Experiment
    do throws(DocumentFault) { experiment = try Experiment(bytes, createdAt: now) } catch {
      throw Self.problem(error, Self.experimentSchema)
    }
    let change = try reading {
      try store.change(id, now: now) { (before: Experiment?) throws(DocumentFault) in
        try Experiment(bytes, createdAt: before?.createdAt ?? now)
      }
    }
    let before = try Self.outcome(change, Self.experimentSchema)
    audit.record(request.caller, "experiment.put \(id)", before: before?.json ?? .null, after: experiment.json)
    return .now(.json(experiment.json, status: before == nil ? 201 : 200))
  }

  func deleteExperiment(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    let change = try reading { try store.change(id, now: WallClock.milliseconds()) { (_: Experiment?) in nil } }
    guard let before = try Self.outcome(change, Self.experimentSchema) else { throw Self.noExperiment(id) }
    audit.record(request.caller, "experiment.delete \(id)", before: before.json)
    return .now(.empty(204))
  }

  private static func noExperiment(_ id: String) -> Problem {
    Problem(.notFound, "there is no experiment \(id.prefix(64))", fix: "GET /v1/experiments lists all")
  }
}
