import ExperimentTracking
import Foundation
import Telemetry

// Sends one run to a server of MLflow, for the tests of `Tests/Platform`: `TrackingSample URI EXPERIMENT FILE`, with a token in
// TRACKING_TOKEN if there is one. FILE becomes an artifact, streamed. Prints one line of JSON, or why it failed.
func fail(_ message: String, status: Int32 = 1) -> Never {
  FileHandle.standardError.write(Data((message + "\n").utf8))
  exit(status)
}

guard CommandLine.arguments.count == 4 else { fail("usage: TrackingSample URI EXPERIMENT FILE", status: 64) }
var settings = MLflowSettings(uri: CommandLine.arguments[1])
settings.credentials = MLflowSettings.credentials(token: ProcessInfo.processInfo.environment["TRACKING_TOKEN"] ?? "")
settings.deadline = .seconds(20)

let started: Int64 = 1_795_219_200_000
var run = TrackedRun(
  experiment: CommandLine.arguments[2], name: "evaluate prequential é", startedMilliseconds: started, endedMilliseconds: started + 90_000)
run.params = (0..<230).map { ("model.option_\($0)", "\($0)") }
run.params += [("model.factors", "64"), ("empty", ""), ("long", String(repeating: "é", count: 7000)), ("50% of @home", "x")]
run.metrics = [("recall@20", 0.25), ("ndcg@10", 1.0 / 3.0), ("tiny", 2.5e-308), ("huge", 1e300), ("whole", 3), ("nothing", .nan)]
run.series = (0..<2500).map { TrackedRun.Point("loss", step: $0, value: 1 / Double($0 + 1), milliseconds: started + Int64($0)) }
run.series.append(TrackedRun.Point("loss", step: 2500, value: .infinity, milliseconds: started + 2500))
run.tags = [("freshet.version", "0.9 é日"), ("mlflow.note.content", "A note.\nIts second line.")]
run.artifacts = [
  .init("report/summary é 日.json", .bytes(Array(#"{"recall@20":0.25}"#.utf8))),
  .init("model/items.bin", .file(CommandLine.arguments[3])),
  .init("model/nothing.txt", .bytes([])),
]
run.registration = .init(model: "shop-als \(CommandLine.arguments[2])", alias: "champion", artifactPath: "model")
do throws(TrackingError) {
  let client = try MLflowClient(settings)
  try client.check()
  let sent = try client.send(run)
  let line: JSONValue = [
    "experiment": .string(sent.experimentID), "run": .string(sent.runID), "version": .string(sent.modelVersion ?? ""),
    "page": .string(sent.pageURL), "omitted": .array(sent.omittedMetrics.map(JSONValue.string)),
    "shortened": .array(sent.shortenedValues.map(JSONValue.string)),
  ]
  print(line.text)
} catch { fail("\(error.code): \(error)") }
