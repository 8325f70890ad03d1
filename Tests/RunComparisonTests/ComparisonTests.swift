import RunRecords
import Telemetry
import Testing

@testable import RunComparison

struct ComparisonTests {
  @Test func settingsAreDividedByWhetherTheyDiffer() throws {
    let runs = [makeRun(1, settings: ["a": "1", "b": "2"]), makeRun(2, settings: ["a": "1", "b": "3", "c": "4"])]
    let comparison = try Comparison(runs)
    #expect(comparison.settings.filter { !$0.isSame }.map(\.name) == ["b", "c"])
    #expect(comparison.settings.first { $0.name == "c" }?.values == [nil, "4"])
  }

  @Test func aSettingThatOnlyOneKindHasIsNoDifference() throws {
    let runs = [makeRun(1, kind: "train", settings: ["a": "1"]), makeRun(2, kind: "task", settings: ["b": "1"])]
    #expect(try Comparison(runs).settings.allSatisfy(\.isSame))
  }

  @Test func settingsOfTheResultCountToo() throws {
    let runs = ["time", "strong"].enumerated().map { index, split in
      makeRun(UInt32(index), ["settings": ["split": .string(split), "model.factors": 64]], settings: ["model.factors": "64"])
    }
    let comparison = try Comparison(runs)
    #expect(comparison.settings.filter { !$0.isSame }.map(\.name) == ["split"])
    #expect(comparison.cautions == ["The runs were judged differently (split); their figures cannot be compared directly."])
  }

  @Test func whatASearchHasChosenStandsBesideWhatItWasStartedWith() throws {
    func search(_ number: UInt32, _ factors: String) -> RunRecord {
      makeRun(number, ["trials": [], "settings": ["model.factors": .string(factors)]], settings: ["model.factors": "64"])
    }
    let chosen = try Comparison([search(1, "64"), search(2, "32")]).settings.first { $0.name == "model.factors (chosen)" }
    #expect(chosen?.values == ["64", "32"])
  }

  @Test func differencesAreToTheFirstRun() throws {
    let comparison = try Comparison([makeRun(1, ["recall": 0.2]), makeRun(2, ["recall": 0.25]), makeRun(3, ["other": 1])])
    let recall = try #require(comparison.metrics.first { $0.path == "recall" })
    #expect(recall.values == [0.2, 0.25, nil])
    #expect(recall.difference(0) == nil && recall.difference(2) == nil)
    #expect(abs(recall.difference(1)! - 0.05) < 1e-12 && abs(recall.share(1)! - 0.25) < 1e-12)
    #expect(recall.best == 1)
  }

  @Test func intervalsBelongToTheNumbersBesideThem() throws {
    let comparison = try Comparison([
      makeRun(
        1,
        [
          "ndcg": 0.5, "intervals_95": ["ndcg": [0.4, 0.6]], "test": ["value": 0.3, "interval_95": [0.2, 0.4]],
          "part": ["difference": 1, "difference_interval_95": [0, 2]], "wrong": 1, "wrong_interval_95": [2, 1],
        ])
    ])
    func interval(_ path: String) -> ClosedRange<Double>? { comparison.metrics.first { $0.path == path }?.intervals[0] }
    #expect(interval("ndcg") == 0.4...0.6)
    #expect(interval("test.value") == 0.2...0.4)
    #expect(interval("part.difference") == 0...2)
    #expect(interval("wrong") == nil)
  }

  @Test func metricsStandInTheOrderOfTheirNumbers() throws {
    let metrics = try Comparison([makeRun(1, ["users": 1, "recall_at_100": 1, "recall_at_20": 1, "seconds": 1, "b": ["map": 1]])]).metrics
    #expect(metrics.map(\.path) == ["recall_at_20", "recall_at_100", "seconds", "users", "b.map"])
  }

  @Test func seriesAreListsOfNumbersAndMembersOfObjectsInLists() throws {
    let trials: JSONValue = [["value": 1, "name": "x"], ["value": nil, "name": "y"], ["value": 3, "settings": ["a": 1]]]
    let result: JSONValue = ["loss": [3, 2], "trials": trials, "words": ["a", "b"], "one": [1], "difference_interval_95": [1, 2]]
    let comparison = try Comparison([makeRun(1, result), makeRun(2)])
    #expect(comparison.series.map(\.path).sorted() == ["loss", "trials[].value"])
    #expect(comparison.series.first { $0.path == "trials[].value" }?.values == [[1, nil, 3], []])
  }

  @Test func differentHashesAreDifferentData() throws {
    func run(_ number: UInt32, _ hashes: String?...) -> RunRecord {
      var record = makeRun(number)
      record.inputs = hashes.map { .init(path: "f\(number)", sha256: $0) }
      return record
    }
    #expect(try Comparison([run(1, "a"), run(2, "a")]).data == .same)
    #expect(try Comparison([run(1, "a"), run(2, "b")]).data == .different)
    #expect(try Comparison([run(1, "a", "b"), run(2, "b", "a")]).data == .same)
    #expect(try Comparison([run(1, "a"), run(2, nil)]).data == .unknown)
    #expect(try Comparison([run(1, "a"), run(2)]).data == .unknown)
    #expect(try Comparison([run(1, "a"), run(2, nil), run(3, "b")]).data == .different, "one that says nothing hid a difference")
    var (early, late) = (run(1), run(2))
    (early.offsets, late.offsets) = (["t[0]": 1], ["t[0]": 2])
    #expect(try Comparison([early, late]).data == .different)
  }

  @Test func oneToTwelveRunsAreCompared() {
    #expect(throws: ComparisonError.none) { try Comparison([]) }
    #expect(throws: ComparisonError.tooMany(13)) { try Comparison((1...13).map { makeRun($0) }) }
    #expect(throws: ComparisonError.twice(makeRun(1).id)) { try Comparison([makeRun(1), makeRun(2), makeRun(1)]) }
  }

  @Test func secretsOfOtherProgramsAreMasked() throws {
    var record = makeRun(1, settings: ["sasl.password": "hunter2"])
    record.message = "failed at redis://user:hunter2@host"
    let comparison = try Comparison([record])
    #expect(!comparison.json.text.contains("hunter2"))
    #expect(!ComparisonPage(comparison, version: "1", madeAtMilliseconds: 0).text.contains("hunter2"))
  }

  @Test func theObjectHasWhatDiffersAndWhatWasMeasured() throws {
    let runs = [
      makeRun(1, ["rmse": 2], settings: ["a": "1", "same": "0"]), makeRun(2, ["rmse": 1], settings: ["a": "2", "same": "0"]),
    ]
    let json = try Comparison(runs).json
    #expect(json["settings"]?.text == #"{"a":["1","2"]}"#)
    #expect(json["data"] == "unknown")
    let metrics = #"{"rmse":{"values":[2,1],"differences":[null,-1],"shares":[null,-0.5],"better":"lower","best":"B"}}"#
    #expect(json["metrics"]?.text == metrics)
  }
}

struct MetricDirectionTests {
  @Test(arguments: [
    ("recall_at_10", MetricDirection.higher), ("beside.popularity.ndcg_at_10", .higher), ("AUC", .higher), ("coverage", .higher),
    ("rmse", .lower), ("rmse.mean", .lower), ("mean_percentile_rank", .lower), ("recall_seconds", .lower), ("bytes", .lower),
    ("events_per_second", .higher), ("users", .unknown), ("fold_in_comparison.difference", .unknown), ("ndcg_difference", .unknown),
  ])
  func theNameSaysWhichIsBetter(_ path: String, _ direction: MetricDirection) { #expect(MetricDirection(path: path) == direction) }

  @Test func theObjectiveOfASearchNamesItsValues() {
    #expect(MetricDirection(path: "test.value", objective: "ndcg_at_10") == .higher)
    #expect(MetricDirection(path: "validation", objective: "rmse") == .lower)
    #expect(MetricDirection(path: "validation") == .unknown)
  }

  @Test func nothingIsBestOfEqualOrLoneValues() {
    #expect(MetricDirection.higher.best(of: [1, 1]) == nil)
    #expect(MetricDirection.higher.best(of: [nil, 1]) == nil)
    #expect(MetricDirection.unknown.best(of: [1, 2]) == nil)
    #expect(MetricDirection.lower.best(of: [2, nil, 1]) == 2)
  }
}
