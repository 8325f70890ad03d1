import Foundation
import StreamingRecommender
import Testing

@testable import freshet

/// From a document to command lines, without running any.
@Suite struct JobPlanTests {
  private static func document(_ json: String) throws -> JobDocument {
    try JobDocument(try JSONDecoder().decode([String: ConfigurationInput].self, from: Data(json.utf8)), name: "job.json")
  }

  private static func lines(_ json: String, global: [String] = []) throws -> [String] {
    let plan = JobPlan(document: try document(json), home: "jobs", output: "out", globalArguments: global)
    return try plan.steps().map { String($0.line.dropFirst("freshet ".count)) }
  }

  private static func problems(_ json: String) -> [String] {
    do { return try lines(json) + ["no error"] } catch let error as ConfigurationError { return error.problems.map(\.message) } catch {
      return ["\(error)"]
    }
  }

  @Test(arguments: [
    (#"{"data": "e.csv", "save": {}}"#, ["build --data jobs/e.csv --output out/model --force"]),
    (
      #"{"data": {"file": "/d/e.tsv", "columns": "user=1,item=3", "value": "log1p"}, "split": {"by": "user", "test_share": 0.1}}"#,
      ["split --data /d/e.tsv --output out/split --by user --test-share 0.1 --columns user=1,item=3 --force"]
    ),
    (
      #"{"data": "e.csv", "split": {}, "train": {}, "evaluate": {"baselines": "none", "output": "m.json"}, "model": {"factors": 8}}"#,
      [
        "split --data jobs/e.csv --output out/split --force --set model.factors=8",
        "train --train out/split/train.csv --output out/factors --set model.factors=8",
        "evaluate model --model out/factors --train out/split/train.csv --test out/split/test.csv --output out/m.json --baselines none --force --set model.factors=8",
      ]
    ),
    (
      #"{"data": {"file": "r.jsonl.gz", "accept_columns": true}, "feedback": "explicit", "split": {"by": "random"}, "train": {"nonnegative": true}, "save": true}"#,
      [
        "split --data jobs/r.jsonl.gz --output out/split --by random --accept-columns --force",
        "train --explicit --train out/split/train.jsonl --output out/factors --nonnegative --accept-columns",
        "build --data jobs/r.jsonl.gz --output out/model --value weight --accept-columns --force",
      ]
    ),
    (
      #"{"data": {"file": "e.csv", "test": "t.csv", "value": "weight", "header": "no"}, "train": {}, "evaluate": {}, "split": false}"#,
      [
        "train --train jobs/e.csv --output out/factors --value weight --header no",
        "evaluate model --model out/factors --train jobs/e.csv --test jobs/t.csv --output out/metrics.json --value weight --header no --force",
      ]
    ),
    (
      #"{"data": "s3://shop/in/e.csv?region=eu-west-1", "save": {"output": "/srv/m"}, "predict": {"users": "u.txt", "count": 5}}"#,
      [
        "store get 's3://shop/in?region=eu-west-1' e.csv out/data/e.csv --force", "build --data out/data/e.csv --output /srv/m --force",
        "recommend --model /srv/m --count 5 --users jobs/u.txt --output out/lists.parquet --force",
      ]
    ),
    (
      #"{"data": "s3://shop/events", "predict": {"model": "m", "format": "csv"}}"#,
      ["recommend --model jobs/m --format csv --output out/lists.csv --force"]
    ),
    (
      #"{"data": "file:///srv/in/e.csv", "predict": {"model": "m", "output": "s3://shop/lists.parquet"}}"#,
      [
        "store get file:///srv/in e.csv out/data/e.csv --force",
        "recommend --model jobs/m --output s3://shop/lists.parquet --force",
      ]
    ),
    (
      #"{"data": "e.csv", "train": {}, "save": {}, "model": {"trend": "windows", "trend.half_life": "1h", "factors": 9}, "input.types": ["a", "b"]}"#,
      [
        "train --train jobs/e.csv --output out/factors --set input.types=a,b --set model.factors=9",
        "build --data jobs/e.csv --output out/model --force --set input.types=a,b --set model.factors=9 --set model.trend=windows --set model.trend.half_life=1h",
      ]
    ),
  ])
  func aDocumentIsASequenceOfCommands(json: String, expected: [String]) throws {
    #expect(try Self.lines(json) == expected)
    // Each is a command line that the parser accepts.
    for step in try JobPlan(document: try Self.document(json), home: "jobs", output: "out").steps() {
      _ = try CommandLineParser.parse(step.arguments)
    }
  }

  @Test func whatRunWasGivenComesAfterTheDocument() throws {
    let json = #"{"data": "e.csv", "save": {}, "model": {"factors": 8}}"#
    #expect(
      try Self.lines(json, global: ["--set", "model.factors=16", "--quiet"]) == [
        "build --data jobs/e.csv --output out/model --force --set model.factors=8 --set model.factors=16 --quiet"
      ])
  }

  @Test(arguments: [
    (#"{"data": "e.csv", "save": {}, "spilt": {}}"#, "unknown key spilt; did you mean split?"),
    (#"{"data": {"file": "e.csv", "colums": "x"}, "save": {}}"#, "unknown key data.colums; did you mean data.columns?"),
    (#"{"data": "e.csv", "split": {"test_shar": 1}}"#, "unknown key split.test_shar; did you mean split.test_share?"),
    (#"{"data": "e.csv", "train": {"factors": 64}}"#, "unknown key train.factors; did you mean model.factors?"),
    (#"{"data": "e.csv", "save": {}, "factors": 64}"#, "unknown key factors; did you mean"),
    (#"{"save": {}}"#, "data is missing"), (#"{"data": {"value": "weight"}, "save": {}}"#, "data.file is missing"),
    (#"{"data": "e.csv"}"#, "there is no step"), (#"{"data": "e.csv", "save": 3}"#, "save is an object, or true or false, not 3"),
    (#"{"data": "e.csv", "save": {}, "feedback": "stars"}"#, "feedback is implicit or explicit"),
    (#"{"data": "e.csv", "train": {}, "evaluate": {}}"#, "evaluate needs a test part"),
    (#"{"data": "e.csv", "split": {}, "evaluate": {}}"#, "evaluate measures the factors of train"),
    (#"{"data": "e.csv", "predict": {}}"#, "predict needs a model"),
    (#"{"data": {"file": "e.csv", "test": "t.csv"}, "split": {}}"#, "leave one of them away"),
    (#"{"data": {"file": "e.csv", "value": "weight"}, "feedback": "explicit", "save": {}}"#, "values are ratings"),
    (#"{"data": "https://example.org/e.csv", "save": {}}"#, "curl"), (#"{"data": "s3://shop", "save": {}}"#, "names no object"),
  ])
  func aMistakeIsSaidWithItsFix(json: String, expected: String) {
    let problems = Self.problems(json)
    #expect(problems.count == 1 && problems[0].contains(expected), "\(problems)")
  }

  @Test func allMistakesAreSaidAtOnce() {
    #expect(Self.problems(#"{"data": {"fil": "e.csv"}, "spilt": {}, "save": {"x": 1}}"#).count == 4)
  }

  // MARK: Schema and examples

  private static func object(_ path: String) throws -> [String: Any] {
    let data = try Data(contentsOf: URL(fileURLWithPath: Place.packageRoot + "/" + path))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test func theSchemaHasTheKeysOfTheTable() throws {
    let schema = try Self.object("schemas/job-v1.schema.json")
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    #expect(Set(properties.keys) == Set(JobDocument.keys))
    func keys(_ name: String) throws -> Set<String> {
      let forms = try #require(properties[name]?["anyOf"] as? [[String: Any]])
      return Set(try #require(forms.compactMap { $0["properties"] as? [String: Any] }.first).keys)
    }
    #expect(try keys("data") == Set(JobTable.dataKeys))
    for step in JobStep.ID.allCases where step != .get { #expect(try keys(step.rawValue) == Set(JobTable.keys(of: step)), "\(step)") }
  }

  @Test(arguments: ["retail", "ratings"]) func theExamplesAreJobs(name: String) throws {
    let path = Place.packageRoot + "/examples/batch/\(name).json"
    let steps = try JobPlan(document: try JobDocument(path: path), home: "jobs", output: "out").steps()
    #expect(steps.map(\.id) == [.split, .train, .evaluate, .save, .predict])
    for step in steps { _ = try CommandLineParser.parse(step.arguments).loadConfiguration(environment: [:]) }
  }
}
