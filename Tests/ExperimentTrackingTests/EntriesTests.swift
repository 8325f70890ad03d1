import Foundation
import Telemetry
import Testing

@testable import ExperimentTracking

private func run() -> TrackedRun { TrackedRun(experiment: "e", name: "n", startedMilliseconds: 1000, endedMilliseconds: 2000) }

private func entries(_ value: JSONValue, _ key: String) -> [JSONValue] {
  guard case .array(let entries)? = value[key] else { return [] }
  return entries
}

/// What is sent, without a server.
@Suite struct EntriesTests {
  @Test(arguments: [
    ("recall@20", "recall_at_20"), ("model.factors", "model.factors"), ("a/b c:d-e_f", "a/b c:d-e_f"), ("50% é", "50_x25_ _xE9_"),
    ("a/../b", "a/_x2E__x2E_/b"), ("./a", "_x2E_/a"), ("/a//b/", "a/b"), ("", "_"), ("/", "_"), ("line\nbreak", "line_xA_break"),
  ])
  func aNameBecomesOneThatMLflowTakes(name: String, legal: String) { #expect(MLflowNames.escaped(name) == legal) }

  @Test func differentNamesStayDifferent() {
    var names = MLflowNames()
    #expect(names.legal("recall@20") == "recall_at_20")
    #expect(names.legal("recall_at_20") == "recall_at_20_2")
    #expect(names.legal("recall@20") == "recall_at_20")
    let long = String(repeating: "x", count: 300)
    let (first, second) = (names.legal(long + "a"), names.legal(long + "b"))
    #expect(first != second && first.utf8.count == 250 && second.utf8.count <= 250)
    // A path that is cut does not end with a slash, and an escape keeps it within the limit.
    let path = MLflowNames.escaped(String(repeating: "x", count: 249) + "/" + String(repeating: "é", count: 300))
    #expect(path == String(repeating: "x", count: 249))
  }

  @Test(arguments: [(0, 0), (1, 1), (100, 1), (101, 2), (250, 3)]) func parametersComeInHundreds(count: Int, batches: Int) {
    var run = run()
    run.params = (0..<count).map { ("p\($0)", "\($0)") }
    let sent = MLflowEntries(run).batches
    #expect(sent.count == batches)
    #expect(sent.flatMap { entries($0, "params") }.count == count && sent.allSatisfy { entries($0, "params").count <= 100 })
  }

  @Test func noBatchIsLargerThanARequestMayBe() {
    var run = run()
    run.params = (0..<100).map { ("p\($0)", String(repeating: "日", count: 6000)) }
    let sent = MLflowEntries(run)
    #expect(sent.batches.count == 3 && sent.batches.allSatisfy { $0.bytes.count < 1_000_000 } && sent.shortenedValues.isEmpty)
  }

  @Test func aLongValueEndsWithAMarkWithinTheLimit() throws {
    var run = run()
    run.params = [("short", String(repeating: "é", count: 6000)), ("long", String(repeating: "é", count: 6001))]
    run.tags = [("tag", String(repeating: "x", count: 8001))]
    let sent = MLflowEntries(run)
    #expect(sent.shortenedValues == ["long", "tag"])
    guard case .string(let long)? = entries(sent.batches[0], "params")[1]["value"] else {
      Issue.record("no value")
      return
    }
    #expect(long.unicodeScalars.count == 6000 && long.hasSuffix("é ... [shortened: 6001 characters]"))
  }

  @Test func ofTwoValuesOfAParameterTheLastIsSent() {
    var run = run()
    run.params = [("a", "1"), ("b", "2"), ("a", "3")]
    let expected: JSONValue = ["params": [["key": "a", "value": "3"], ["key": "b", "value": "2"]]]
    #expect(MLflowEntries(run).batches == [expected])
  }

  @Test func onlyFiniteMetricsAreSentAsNumbers() {
    var run = run()
    run.metrics = [("recall@20", 0.25), ("none", .nan), ("whole", 3), ("huge", 1e300)]
    run.series = [
      .init("loss", step: 1, value: 0.5, milliseconds: 1500), .init("loss", step: 2, value: -.infinity, milliseconds: 1600),
      .init("loss", step: 3, value: .infinity, milliseconds: 1700),
    ]
    let sent = MLflowEntries(run)
    #expect(sent.omittedMetrics == ["none", "loss"])
    #expect(
      sent.batches.map(\.text) == [
        #"{"metrics":[{"key":"recall_at_20","value":0.25,"timestamp":2000,"step":0},"#
          + #"{"key":"whole","value":3,"timestamp":2000,"step":0},{"key":"huge","value":1e+300,"timestamp":2000,"step":0},"#
          + #"{"key":"loss","value":0.5,"timestamp":1500,"step":1}]}"#
      ])
    run.series = (0..<2500).map { .init("loss", step: $0, value: 1, milliseconds: 1) }
    #expect(MLflowEntries(run).batches.map { entries($0, "metrics").count } == [1000, 1000, 503])
  }

  @Test(arguments: ["v1", "V20", "latest", "Latest", "", "a b", "é", "a/b", String(repeating: "a", count: 256)])
  func anAliasThatMLflowRefusesIsRefusedWithAnother(alias: String) {
    #expect(TrackedRun.problem(alias: alias)?.contains("champion") == true)
  }

  @Test(arguments: ["champion", "v", "v1a", "version-1", "a_b", "1"]) func otherAliasesAreFine(alias: String) {
    #expect(TrackedRun.problem(alias: alias) == nil)
  }

  @Test(arguments: ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a#b", "50%", "a\\b", "C:x", "a\nb"])
  func aPathThatMLflowWouldChangeIsRefused(path: String) { #expect(TrackedRun.problem(artifactPath: path) != nil) }

  @Test func aRunWithAProblemSaysIt() {
    var run = run()
    run.artifacts = [.init("model/é 日.bin", .bytes([]))]
    run.registration = .init(model: "m", alias: "champion", artifactPath: "model")
    #expect(run.problem == nil)
    run.registration?.artifactPath = "mod"
    #expect(run.problem?.contains("neither an artifact") == true)
    run.registration = .init(model: "a/b", artifactPath: "model")
    #expect(run.problem?.contains("a/b") == true)
    run.registration = nil
    run.artifacts.append(.init("model/é 日.bin", .bytes([1])))
    #expect(run.problem?.contains("two artifacts") == true)
    run.artifacts = []
    run.experiment = " "
    #expect(run.problem?.contains("no name") == true)
  }

  @Test(
    arguments: [
      ("mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"), ("mlflow-artifacts://host:5000/1/r/artifacts/", "1/r/artifacts"),
      ("s3://bucket/1/r/artifacts", nil), ("/var/mlruns/1", nil), ("mlflow-artifacts:/", nil),
    ] as [(String, String?)])
  func artifactsPassThroughTheServerOrNot(uri: String, root: String?) { #expect(MLflowCall.artifactRoot(uri) == root) }

  @Test func pausesDoubleFollowTheServerAndEndWithTheTime() {
    let policy = RepetitionPolicy()
    func pause(_ attempt: Int, _ chance: Double = 1, wanted: Duration? = nil, left: Duration = .seconds(60)) -> Duration? {
      policy.pause(after: attempt, chance: chance, wanted: wanted, timeLeft: left)
    }
    #expect(pause(1) == .milliseconds(200) && pause(3) == .milliseconds(800) && pause(1, 0) == .milliseconds(100))
    #expect(pause(4) == nil && pause(1, wanted: .seconds(7)) == .seconds(7))
    #expect(pause(1, wanted: .seconds(61)) == nil && pause(1, left: .milliseconds(200)) == nil)
  }
}
