import HTTPRequests
import Telemetry

/// The calls for one run, over one connection and before one deadline. Not Sendable: one thread at a time.
final class MLflowSession {
  let repetition: Repetition
  private let connection: HTTPConnection
  private let address: HTTPAddress
  private let credentials: HTTPConnection.Credentials
  private let settings: MLflowSettings

  init(_ settings: MLflowSettings, _ address: HTTPAddress, _ repetition: Repetition) {
    self.settings = settings
    self.address = address
    self.repetition = repetition
    credentials = settings.credentials == .none ? address.credentials : settings.credentials
    connection = HTTPConnection(timeout: settings.timeout, caFile: settings.caFile)
  }

  /// Makes a call that may be made twice, again if it fails for a while.
  func repeated<Value: Decodable>(_ call: MLflowCall, _ type: Value.Type) throws(TrackingError) -> Value {
    try repetition.perform { _ throws(TrackingError) in try self.once(call, type) }
  }

  func once<Value: Decodable>(_ call: MLflowCall, _ type: Value.Type) throws(TrackingError) -> Value {
    let answer = try send(call, limit: limit(call))
    // To an artifact the server answers with an empty body, or an empty object.
    let body = answer.body.isEmpty && call.method == .put ? Array("{}".utf8) : answer.body
    guard let value = MLflowAnswers.read(type, body) else {
      throw TrackingError(
        .unexpectedAnswer, "\(address.url) answers, but not as MLflow does: set mlflow.uri to the address of a server of MLflow")
    }
    return value
  }

  /// Marks a run that could not be sent as a whole: one attempt, also a little behind the deadline.
  func markAsFailed(_ runID: String, endedMilliseconds: Int64) {
    let call = MLflowCall.updateRun(runID, status: .failed, endedMilliseconds: endedMilliseconds)
    _ = try? send(call, limit: min(settings.timeout, .seconds(3)))
  }

  /// A file takes the time that it needs; silence ends it.
  private func limit(_ call: MLflowCall) -> Duration {
    call.method == .put ? repetition.timeLeft : min(settings.timeout, repetition.timeLeft)
  }

  private func send(_ call: MLflowCall, limit: Duration) throws(TrackingError) -> HTTPConnection.Answer {
    guard limit > .zero else {
      throw TrackingError(
        .unavailable, "cannot \(call.purpose) in MLflow at \(address.url): its \(Int(settings.deadline.milliseconds / 1000)) s are over")
    }
    var request = HTTPConnection.Request(call.method, address.url + call.path)
    request.body = call.body
    request.isSentOnce = call.createsAnew
    request.credentials = credentials
    request.timeLimit = limit
    let answer: HTTPConnection.Answer
    do throws(HTTPConnection.Fault) { answer = try connection.send(request) } catch { throw self.error(error, call) }
    if let error = MLflowAnswers.error(answer, server: address.url, purpose: call.purpose) { throw redacted(error) }
    return answer
  }

  private func error(_ fault: HTTPConnection.Fault, _ call: MLflowCall) -> TrackingError {
    let start = "cannot \(call.purpose) in MLflow at \(address.url): "
    switch fault.kind {
    case .transport:
      var error = TrackingError(.unavailable, start + "\(credentials.redacted(fault.sentence)): start the server, or correct mlflow.uri")
      error.isTransient = true
      return error
    case .permanent:
      return TrackingError(
        .invalidSettings, start + "\(credentials.redacted(fault.sentence)): correct mlflow.uri, mlflow.ca_file or mlflow.token_file")
    case .answerTooLarge:
      return TrackingError(.unexpectedAnswer, start + "\(fault.sentence): set mlflow.uri to the address of a server of MLflow")
    case .unreadableFile:
      return TrackingError(.unreadableArtifact, start + "\(fault.sentence): leave the file where it is until the run is sent")
    }
  }

  /// Should a server repeat a secret.
  private func redacted(_ error: TrackingError) -> TrackingError {
    var clean = TrackingError(error.code, credentials.redacted(error.description))
    clean.serverCode = error.serverCode
    clean.isTransient = error.isTransient
    clean.retryAfter = error.retryAfter
    return clean
  }
}
