import Foundation
import Telemetry

extension RunRecord {
  /// The record as an object; a field without a value is left out.
  public var json: JSONValue {
    var object: JSONValue = [
      "id": .string(id.text), "kind": .string(kind), "state": .string(state.rawValue), "version": .string(version),
      "started_ms": .integer(Int(startedAtMilliseconds)), "updated_ms": .integer(Int(updatedAtMilliseconds)),
    ]
    object["ended_ms"] = endedAtMilliseconds.map { .integer(Int($0)) }
    object["seconds"] = .number(seconds)
    object["cpu_seconds"] = processorSeconds.map { .number($0) }
    object["cores"] = .integer(cores)
    object["peak_memory_bytes"] = peakMemoryBytes.map { .integer($0) }
    object["host"] = .string(host)
    object["process"] = .integer(process)
    object["process_scope"] = processScope.map { .string($0) }
    object["idempotency_key"] = idempotencyKey.map { .string($0) }
    object["rerun_of"] = rerunOf.map { .string($0.text) }
    object["message"] = message.map { .string($0) }
    if !command.isEmpty {
      object["command"] = .array(command.map { .string($0) })
      object["directory"] = .string(directory)
    }
    object["seed"] = seed.map { .string(String($0)) }
    if !inputs.isEmpty { object["inputs"] = .array(inputs.map(\.json)) }
    if !offsets.isEmpty { object["offsets"] = .object(offsets.sorted { $0.key < $1.key }.map { .init($0.key, .integer(Int($0.value))) }) }
    object["metrics"] = .object(metrics.sorted { $0.key < $1.key }.map { .init($0.key, .number($0.value)) })
    object["result"] = result
    object["artifacts"] = .array(artifacts.map(\.json))
    object["mlflow"] = tracking?.json
    object["settings"] = .object(settings.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
    return object
  }

  /// - Throws: `DecodingError` for bytes that are no record.
  public init(json bytes: [UInt8]) throws { self = try JSONDecoder().decode(RunRecord.self, from: Data(bytes)) }
}

extension RunRecord.Input {
  fileprivate var json: JSONValue {
    var object: JSONValue = ["path": .string(path)]
    object["bytes"] = bytes.map { .integer($0) }
    object["sha256"] = sha256.map { .string($0) }
    return object
  }
}

extension RunRecord.Artifact {
  fileprivate var json: JSONValue {
    var object: JSONValue = ["name": .string(name), "location": .string(location)]
    object["bytes"] = bytes.map { .integer($0) }
    object["modified_ms"] = modifiedMilliseconds.map { .integer(Int($0)) }
    return object
  }
}

extension RunRecord.Tracking {
  fileprivate var json: JSONValue {
    var object: JSONValue = ["experiment": .string(experiment), "run": .string(run)]
    object["model_version"] = modelVersion.map { .string($0) }
    object["url"] = url.map { .string($0) }
    return object
  }
}

extension RunID: Decodable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let id = RunID(text) else {
      throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "\"\(text)\" is not the id of a run"))
    }
    self = id
  }
}

/// Only what a record needs is asked for, so that records of other programs and of earlier versions can be read.
extension RunRecord: Decodable {
  private enum CodingKeys: String, CodingKey {
    case id, kind, state, version, cores, host, process, message, command, directory, seed, inputs, offsets, result, artifacts, settings
    case started = "started_ms", updated = "updated_ms", ended = "ended_ms", processorSeconds = "cpu_seconds"
    case peakMemory = "peak_memory_bytes", idempotencyKey = "idempotency_key", rerunOf = "rerun_of", tracking = "mlflow"
    case processScope = "process_scope"
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      id: try fields.decode(RunID.self, forKey: .id), kind: try fields.decode(String.self, forKey: .kind),
      startedAtMilliseconds: try fields.decode(Int64.self, forKey: .started))
    state = try fields.decode(State.self, forKey: .state)
    updatedAtMilliseconds = try fields.decodeIfPresent(Int64.self, forKey: .updated) ?? startedAtMilliseconds
    endedAtMilliseconds = try fields.decodeIfPresent(Int64.self, forKey: .ended)
    command = try fields.decodeIfPresent([String].self, forKey: .command) ?? []
    directory = try fields.decodeIfPresent(String.self, forKey: .directory) ?? ""
    settings = try fields.decodeIfPresent([String: String].self, forKey: .settings) ?? [:]
    seed = try fields.decodeIfPresent(String.self, forKey: .seed).flatMap { UInt64($0) }
    inputs = try fields.decodeIfPresent([Input].self, forKey: .inputs) ?? []
    offsets = try fields.decodeIfPresent([String: Int64].self, forKey: .offsets) ?? [:]
    processorSeconds = try fields.decodeIfPresent(Double.self, forKey: .processorSeconds)
    cores = try fields.decodeIfPresent(Int.self, forKey: .cores) ?? 1
    peakMemoryBytes = try fields.decodeIfPresent(Int.self, forKey: .peakMemory)
    version = try fields.decodeIfPresent(String.self, forKey: .version) ?? ""
    host = try fields.decodeIfPresent(String.self, forKey: .host) ?? ""
    process = try fields.decodeIfPresent(Int.self, forKey: .process) ?? 0
    processScope = try fields.decodeIfPresent(String.self, forKey: .processScope)
    idempotencyKey = try fields.decodeIfPresent(String.self, forKey: .idempotencyKey)
    rerunOf = try fields.decodeIfPresent(RunID.self, forKey: .rerunOf)
    message = try fields.decodeIfPresent(String.self, forKey: .message)
    result = try fields.decodeIfPresent(JSONValue.self, forKey: .result) ?? .null
    artifacts = try fields.decodeIfPresent([Artifact].self, forKey: .artifacts) ?? []
    tracking = try fields.decodeIfPresent(Tracking.self, forKey: .tracking)
  }
}
