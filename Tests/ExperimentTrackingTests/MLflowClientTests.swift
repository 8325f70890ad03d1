import Foundation
import HTTPServing
import Telemetry
import Testing

@testable import ExperimentTracking

private func run() -> TrackedRun {
  var run = TrackedRun(experiment: "shop é", name: "train", startedMilliseconds: 1000, endedMilliseconds: 2000)
  run.params = [("model.factors", "64")]
  run.metrics = [("recall@20", 0.25)]
  run.tags = [("team", "shop")]
  run.artifacts = [.init("model/é.bin", .bytes([1, 2, 3]))]
  run.registration = .init(model: "als", alias: "champion", artifactPath: "model")
  return run
}

private func client(_ url: String, change: (inout MLflowSettings) -> Void = { _ in }) throws(TrackingError) -> MLflowClient {
  var settings = MLflowSettings(uri: url)
  settings.timeout = .seconds(5)
  change(&settings)
  var client = try MLflowClient(settings)
  client.policy.firstDelay = .milliseconds(1)
  return client
}

private func failure(_ url: String, _ run: TrackedRun = run(), change: (inout MLflowSettings) -> Void = { _ in }) -> TrackingError? {
  do throws(TrackingError) {
    _ = try client(url, change: change).send(run)
    return nil
  } catch { return error }
}

private let allCalls = [
  "GET experiments/get-by-name", "POST experiments/create", "POST runs/create", "POST runs/log-batch", "POST runs/log-batch",
  "POST runs/log-batch", "PUT artifacts/1/r1/artifacts/model/%C3%A9.bin", "POST registered-models/create", "POST model-versions/create",
  "POST registered-models/alias", "POST runs/update",
]

/// The client against a server over HTTP.
@Suite struct MLflowClientTests {
  @Test func aRunIsSentInOrder() throws {
    let server = try MLflowServer.start()
    let sent = try client(server.url + "/").send(run())
    #expect(sent.experimentID == "1" && sent.runID == "r1" && sent.modelVersion == "7")
    #expect(sent.pageURL == server.url + "/#/experiments/1/runs/r1")
    #expect(server.calls == allCalls)
    for request in server.requests where request.method == "POST" { #expect(request.headers["content-type"] == "application/json") }
    #expect(server.requests[0].queryValues("experiment_name") == ["shop é"] && server.requests[6].body == [1, 2, 3])
    let version = String(decoding: server.requests[8].body, as: UTF8.self)
    #expect(version == #"{"name":"als","run_id":"r1","source":"mlflow-artifacts:/1/r1/artifacts/model"}"#)
    #expect(String(decoding: server.requests[10].body, as: UTF8.self) == #"{"run_id":"r1","status":"FINISHED","end_time":2000}"#)
  }

  @Test func aServerUnderAPathIsReachedThere() throws {
    let server = try MLflowServer.start()
    let sent = try client(server.url + "/team/mlflow/").send(run())
    #expect(server.requests.allSatisfy { $0.rawPath.hasPrefix("/team/mlflow/api/2.0/") })
    #expect(sent.pageURL.hasPrefix(server.url + "/team/mlflow/#/"))
  }

  @Test func whatSomebodyElseHasCreatedMeanwhileIsUsed() throws {
    let taken = try MLflowServer.start([
      .init(
        call: "experiments/create", times: 1, status: 400, body: ["error_code": "RESOURCE_ALREADY_EXISTS"], hasEffect: true),
      .init(call: "registered-models/create", times: 1, status: 400, body: ["error_code": "RESOURCE_ALREADY_EXISTS"], hasEffect: true),
    ])
    #expect(try client(taken.url).send(run()).experimentID == "1")
    #expect(
      taken.calls.prefix(4) == [
        "GET experiments/get-by-name", "POST experiments/create", "GET experiments/get-by-name", "POST runs/create",
      ])
  }

  @Test func aDeletedExperimentIsAnErrorWithTheWayBack() throws {
    let server = try MLflowServer.start(deletedExperiment: true)
    let error = failure(server.url)
    #expect(error?.code == .deletedExperiment && error?.description.contains("mlflow experiments restore -x 1") == true)
    #expect(server.calls.count == 1)
  }

  @Test(arguments: allCalls) func aCallThatFailsForAWhileIsRepeated(call: String) throws {
    let path = String(call.split(separator: " ")[1])
    let server = try MLflowServer.start([.init(call: path, times: 2)])
    #expect(try client(server.url).send(run()).modelVersion == "7")
    #expect(server.calls.count { $0 == call } >= 3)
    #expect(server.calls.last == "POST runs/update")
  }

  @Test(arguments: ["runs/create", "model-versions/create"]) func whatWasCreatedWithoutAnAnswerIsNotCreatedAgain(call: String) throws {
    let server = try MLflowServer.start([.init(call: call, times: 1, status: 500, hasEffect: true)])
    #expect(try client(server.url).send(run()).runID == "r1")
    #expect(server.calls.count { $0 == "POST " + call } == 1)
  }

  @Test func aRunThatBreaksOffIsMarkedAsFailed() throws {
    let server = try MLflowServer.start([
      .init(call: "log-batch", times: 99, status: 400, body: ["error_code": "INVALID_PARAMETER_VALUE", "message": "bad\nvalue"])
    ])
    let error = failure(server.url)
    #expect(error?.code == .refused && error?.serverCode == "INVALID_PARAMETER_VALUE")
    #expect(error?.description.contains(#"bad\nvalue"#) == true)
    #expect(server.calls.suffix(2) == ["POST runs/log-batch", "POST runs/update"])
    #expect(server.requests.last.map { String(decoding: $0.body, as: UTF8.self) }?.contains("FAILED") == true)
  }

  @Test(arguments: [
    (401, "", TrackingError.Code.unauthorized, "mlflow.token_file"), (403, "", .forbidden, "grant"),
    (403, "Invalid Host header - possible DNS rebinding attack detected", .forbidden, "--allowed-hosts"),
    (302, "", .unexpectedAnswer, "redirection"), (404, "<html>", .unexpectedAnswer, "path of mlflow.uri"),
    (413, "", .refused, "limit of bodies"), (429, "", .unavailable, "429"), (500, "", .unavailable, "500"),
    (200, "<html>", .unexpectedAnswer, "address of a server of MLflow"),
  ])
  func everyRefusalSaysWhatToDo(status: Int, body: String, code: TrackingError.Code, words: String) throws {
    let server = try ScriptedServer { _, _ in .text(body + " s3cr3ttoken", status: status) }
    let error = failure(server.url) { $0.credentials = .bearer("s3cr3ttoken") }
    #expect(
      error?.code == code && error?.description.contains(words) == true && error?.description.contains(server.url) == true,
      "\(String(describing: error))")
    #expect(server.requests.count == (status == 429 || status == 500 ? 4 : 1))
  }

  @Test func noSecretIsEverShown() throws {
    let server = try ScriptedServer { _, _ in .json(["error_code": "X", "message": "no hunter2secret here"], status: 400) }
    let url = server.url.replacing("http://", with: "http://user:hunter2secret@")
    let error = failure(url)
    #expect(error?.description.contains("no *** here") == true && error?.description.contains("hunter2secret") == false)
    #expect(server.requests[0].headers["authorization"] == "Basic " + Data("user:hunter2secret".utf8).base64EncodedString())
    var settings = MLflowSettings(uri: url)
    settings.credentials = .bearer("hunter2secret")
    var shown = "\(settings)"
    dump(settings, to: &shown)
    #expect(!shown.contains("hunter2secret"))
    #expect(failure("ftp://user:hunter2secret@host")?.description.contains("hunter2secret") == false)
    // Settings go before what the address says.
    _ = failure(url) { $0.credentials = .bearer("t0ken") }
    #expect(server.requests.last?.headers["authorization"] == "Bearer t0ken")
  }

  @Test func aServerThatIsAwayIsAnErrorWithItsAddress() throws {
    let error = failure("http://127.0.0.1:1")
    #expect(error?.code == .unavailable && error?.description.contains("http://127.0.0.1:1") == true)
    #expect(error?.description.contains("start the server, or correct mlflow.uri") == true)
  }

  @Test func theDeadlineEndsRepetitions() throws {
    let server = try ScriptedServer { _, _ in .json([:], status: 503, headers: [.init("Retry-After", "30")]) }
    #expect(failure(server.url) { $0.deadline = .seconds(20) }?.code == .unavailable)
    #expect(server.requests.count == 1)
    #expect(failure(server.url) { $0.deadline = .zero }?.description.contains("are over") == true)
    #expect(server.requests.count == 1)
  }

  @Test func aRunThatNoServerWouldTakeAsksNoServer() throws {
    var run = run()
    run.registration?.alias = "v1"
    #expect(failure("http://127.0.0.1:1", run)?.code == .invalidRun)
  }

  @Test func artifactsThatDoNotPassThroughTheServerAreRefused() throws {
    let server = try MLflowServer.start(artifacts: "s3://bucket/1")
    let error = failure(server.url)
    #expect(error?.code == .refused && error?.description.contains("--artifacts-destination") == true)
    #expect(server.calls.last == "POST runs/update")
  }

  @Test func aMissingFileIsNamed() throws {
    let server = try MLflowServer.start()
    var run = run()
    run.artifacts = [.init("model/a", .file("/does/not/exist"))]
    let error = failure(server.url, run)
    #expect(error?.code == .unreadableArtifact && error?.description.contains("/does/not/exist") == true)
    #expect(server.calls.last == "POST runs/update")
  }
}
