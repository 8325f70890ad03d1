import Foundation
import HTTPRequests
import Telemetry

/// What MLflow answers, as far as it is read.
enum MLflowAnswers {
  struct Experiment: Decodable {
    struct Content: Decodable {
      var id: String
      var stage: String?
      enum CodingKeys: String, CodingKey {
        case id = "experiment_id"
        case stage = "lifecycle_stage"
      }
    }
    var experiment: Content
  }

  struct NewExperiment: Decodable {
    var id: String
    enum CodingKeys: String, CodingKey { case id = "experiment_id" }
  }

  struct Run: Decodable {
    struct Info: Decodable {
      var id: String
      var artifactURI: String
      enum CodingKeys: String, CodingKey {
        case id = "run_id"
        case artifactURI = "artifact_uri"
      }
    }
    var info: Info
  }

  struct NewRun: Decodable { var run: Run }
  /// Without members where there are none.
  struct Runs: Decodable { var runs: [Run]? }

  struct Version: Decodable { var version: String }
  struct NewVersion: Decodable {
    var version: Version
    enum CodingKeys: String, CodingKey { case version = "model_version" }
  }
  struct Versions: Decodable {
    var versions: [Version]?
    enum CodingKeys: String, CodingKey { case versions = "model_versions" }
  }

  struct Nothing: Decodable {}

  struct Complaint: Decodable {
    var code: String
    var message: String?
    enum CodingKeys: String, CodingKey {
      case message
      case code = "error_code"
    }
  }

  static func read<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) -> Value? {
    try? JSONDecoder().decode(type, from: Data(body))
  }

  /// Why an answer is none, with what to do about it; `nil` for success.
  ///
  /// - Parameters:
  ///   - server: its address, for the sentence.
  ///   - purpose: as in "cannot create the run".
  static func error(_ answer: HTTPConnection.Answer, server: String, purpose: String) -> TrackingError? {
    guard !(200..<300 ~= answer.status) else { return nil }
    let complaint = read(Complaint.self, answer.body)
    let reason = complaint.map(words) ?? ""
    let start = "cannot \(purpose) in MLflow at \(server): "
    var error: TrackingError
    switch answer.status {
    case 401:
      error = TrackingError(
        .unauthorized,
        start + "it asks for credentials, or refuses those that are set (401): "
          + "check mlflow.token_file (a token, or user:password)"
      )
    case 403 where contains(answer.body, "DNS rebinding"):
      error = TrackingError(
        .forbidden,
        start
          + "it does not know itself by the host of this address (403): start it with --allowed-hosts and that host, or correct mlflow.uri")
    case 403:
      error = TrackingError(
        .forbidden, start + "these credentials may not do that (403)\(reason): grant them the right to write, or set others")
    case 300..<400:
      error = TrackingError(
        .unexpectedAnswer, start + "it answers \(answer.status), a redirection, which is not followed: set mlflow.uri to the address itself"
      )
    case 404 where complaint == nil:
      error = TrackingError(.unexpectedAnswer, start + "it answers 404, but not as MLflow does: correct the path of mlflow.uri")
    case 413:
      error = TrackingError(.refused, start + "it is too large for the server or a proxy before it (413): raise their limit of bodies")
    case 408, 429, 500...:
      error = TrackingError(
        .unavailable, start + "it answers \(answer.status)\(reason): try again later, and see its log if that does not help")
      error.isTransient = answer.status != 501
    default:
      error = TrackingError(.refused, start + "it answers \(answer.status)\(reason): correct what it names, or see the log of the server")
    }
    error.serverCode = complaint?.code
    error.retryAfter = answer.retryAfter
    return error
  }

  /// What the server says of itself, on one line.
  private static func words(_ complaint: Complaint) -> String {
    guard let message = complaint.message, !message.isEmpty else { return " \(complaint.code)" }
    return " \(complaint.code): \(JSONString.escaped(String(message.prefix(300)), quotes: false))"
  }

  private static func contains(_ body: [UInt8], _ words: String) -> Bool {
    String(decoding: body.prefix(4096), as: UTF8.self).contains(words)
  }
}
