import Foundation
import Testing

@testable import freshet

extension EndToEnd {
  /// Files in, files out: split, train, evaluate model, recommend --model, and run, which joins them.
  @Suite(.serialized) struct BatchTests {
    private static let clicks =
      "user,item,time\n" + (0..<3000).map { "u\($0 % 40),i\($0 * 7 % 61 / ($0 % 2 + 1)),\(1_700_000_000 + $0 / 3)\n" }.joined()

    private static func rows(_ path: String) throws -> [[String]] {
      try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline).map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
    }

    // MARK: Split

    @Test func aSplitByTimeLeaksNothingAndLosesNothing() throws {
      let data = try Bench.write("clicks.csv", Self.clicks)
      let output = try Bench.directory("split") + "/parts"
      let split = try freshet(["split", "--data", data, "--output", output, "--json"])
      #expect(split.status == 0, "\(split.messages)")
      let (train, test) = (try Self.rows(output + "/train.csv"), try Self.rows(output + "/test.csv"))
      #expect(train[0] == ["user_id", "item_id", "timestamp"] && train[0] == test[0])
      #expect(split.json["train_rows"] as? Int == train.count - 1 && split.json["test_rows"] as? Int == test.count - 1)
      #expect(train.count + test.count == 3002)
      // RFC 3339 of one zone and length sorts as time.
      let cut = try #require(split.json["cut"] as? String)
      #expect(train.dropFirst().allSatisfy { $0[2] < cut } && test.dropFirst().map { $0[2] }.min() == cut)
      #expect(try freshet(["split", "--data", data, "--output", output]).messages.contains("--force"))
      #expect(try freshet(["split", "--data", "-", "--output", output]).status == ExitStatus.usage.rawValue)
    }

    @Test func jsonLinesAndOddIdsSurviveASplit() throws {
      let lines = (0..<40).map { #"{"user_id":"u\#($0 % 5)","item_id":"i\#($0)","timestamp":\#(1_700_000_000 + $0),"properties":{"a":1}}"# }
      let data = try Bench.write("events.jsonl", lines.joined(separator: "\n") + "\n")
      let output = try Bench.directory("split")
      #expect(try freshet(["split", "--data", data, "--output", output, "--test-share", "0.25"]).status == 0)
      #expect(try String(contentsOfFile: output + "/train.jsonl", encoding: .utf8) == lines[..<30].joined(separator: "\n") + "\n")
      #expect(try String(contentsOfFile: output + "/test.jsonl", encoding: .utf8) == lines[30...].joined(separator: "\n") + "\n")

      let quoted = (0..<30).map { "\"a, \"\"\($0 % 3)\"\"\",i\($0),\($0 % 5 + 1).5,\(1_700_000_000 + $0)\n" }.joined()
      let text = try Bench.write("quoted.csv", "user,item,rating,time\n" + quoted)
      #expect(try freshet(["split", "--data", text, "--output", output, "--by", "user"]).status == 0)
      let part = try String(contentsOfFile: output + "/train.csv", encoding: .utf8).split(separator: "\n")
      #expect(part[0] == "user_id,item_id,value,timestamp" && part[1] == "\"a, \"\"0\"\"\",i0,1.5,2023-11-14T22:13:20.000Z", "\(part)")
      #expect(part.count == 1 + 24)
    }

    // MARK: Measuring

    /// The parts of `split`, the factors of `train` and the rules of `evaluate model` give the figures of `evaluate holdout`.
    @Test func partsMeasureWhatTheHoldoutMeasures() throws {
      let data = try Bench.head(Place.shippedEvents, 20_000)
      let output = try Bench.directory("parts")
      let model = ["--set", "model.factors=8", "--set", "model.iterations=4"]
      #expect(try freshet(["split", "--data", data, "--output", output]).status == 0)
      let trained = try freshet(["train", "--train", output + "/train.csv", "--output", output + "/factors"] + model)
      #expect(trained.status == 0, "\(trained.messages)")
      let measured = try freshet([
        "evaluate", "model", "--model", output + "/factors", "--train", output + "/train.csv", "--test", output + "/test.csv", "--json",
        "--output", output + "/metrics.json",
      ])
      let holdout = try freshet(["evaluate", "holdout", "--data", data, "--json"] + model)
      #expect(measured.status == 0 && holdout.status == 0, "\(measured.messages)\(holdout.messages)")
      for key in ["recall_at_20", "ndcg_at_100", "coverage_at_20", "users", "cold_users", "repeated_pairs"] {
        #expect(measured.json[key] as? Double == holdout.json[key] as? Double && measured.json[key] != nil, "\(key)")
      }
      #expect(try String(contentsOfFile: output + "/metrics.json", encoding: .utf8) == measured.output)

      let other = try freshet([
        "evaluate", "model", "--model", output + "/factors", "--train", data, "--test", output + "/test.csv",
      ])
      #expect(other.status == 1 && other.messages.contains("other ids"), "\(other.messages)")
    }

    @Test func ratingsAreMeasuredAsTrainMeasuresThem() throws {
      let data = Place.packageRoot + "/examples/batch/ratings.csv"
      let output = try Bench.directory("parts")
      let split = ["split", "--data", data, "--output", output, "--by", "random", "--columns", "user=reader,item=book,value=stars"]
      #expect(try freshet(split).status == 0)
      let (train, test) = (output + "/train.csv", output + "/test.csv")
      let trained = try freshet(["train", "--explicit", "--train", train, "--test", test, "--output", output + "/factors", "--json"])
      let measured = try freshet(["evaluate", "model", "--model", output + "/factors", "--train", train, "--test", test, "--json"])
      #expect(trained.status == 0 && measured.status == 0, "\(trained.messages)\(measured.messages)")
      for key in ["rmse", "mae", "rmse_bias_baseline", "rows_scored"] {
        #expect(measured.json[key] as? Double == trained.json[key] as? Double && measured.json[key] != nil, "\(key)")
      }
      #expect(
        try freshet(["evaluate", "model", "--model", output, "--train", train, "--test", test]).messages.contains("freshet train --output"))
    }

    // MARK: Lists

    @Test func recommendFromAModelIsTheExport() throws {
      let data = try Bench.write("clicks.csv", Self.clicks)
      let model = try Bench.directory("model") + "/m"
      #expect(try freshet(["build", "--data", data, "--output", model, "--factors", "8"]).status == 0)
      let users = try Bench.write("users.txt", "u7\nnobody\nu3\n")
      let exported = try freshet(["export", "lists", "--snapshot", model, "--users", users, "--format", "csv", "--count", "4"])
      let made = try freshet(["recommend", "--model", model, "--users", users, "--format", "csv", "--count", "4"])
      #expect(made.status == 0 && made.output == exported.output && !made.output.isEmpty, "\(made.messages)")
      #expect(try freshet(["recommend", "--model", model]).output == freshet(["export", "lists", "--snapshot", model]).output)

      let one = try freshet(["recommend", "u7", "--model", model, "-n", "4", "--json"])
      let items = (one.json["items"] as? [[String: Any]] ?? []).compactMap { $0["item"] as? String }
      let rows = exported.output.split(separator: "\r\n").map { $0.split(separator: ",").map(String.init) }
      #expect(one.status == 0 && items == rows.filter { $0[0] == "u7" }.map { $0[2] }, "\(one.output)\(one.messages)")
      let without = try freshet(["recommend", "u7", "--model", model, "-n", "3", "--exclude", items[0], "--json"])
      #expect((without.json["items"] as? [[String: Any]] ?? []).compactMap { $0["item"] as? String } == Array(items[1...3]))
      #expect(try freshet(["recommend", "nobody", "--model", model, "--json"]).json["source"] as? String == "popular")
    }

    @Test(arguments: [
      ("", "needs USER, or --model DIR"), ("u1 --output x.csv", "--output goes with --model"), ("u1 --users f --model m", "not both"),
      ("--model m --exclude i1", "--exclude is for"),
    ])
    func recommendSaysWhatGoesTogether(options: String, expected: String) throws {
      let outcome = try freshet(["recommend"] + options.split(separator: " ").map(String.init))
      #expect(outcome.status == ExitStatus.usage.rawValue && outcome.messages.contains(expected), "\(outcome.messages)")
    }

    // MARK: Jobs

    private static func steps(_ outcome: Outcome) -> [[String: Any]] { outcome.json["steps"] as? [[String: Any]] ?? [] }

    @Test(arguments: [("retail", "recall_at_20"), ("ratings", "rmse")]) func theExamplesRun(name: String, metric: String) throws {
      let job = Place.packageRoot + "/examples/batch/\(name).json"
      let output = try Bench.directory("job") + "/results"
      let run = try freshet(["run", job, "--output-dir", output, "--json", "--set", "model.iterations=3"], within: 900)
      #expect(run.status == 0, "\(run.messages)")
      let steps = Self.steps(run)
      #expect(steps.map { $0["step"] as? String } == ["split", "train", "evaluate", "save", "predict"])
      #expect(steps.allSatisfy { $0["status"] as? Int == 0 && $0["seconds"] as? Double ?? 0 > 0 && $0["result"] is [String: Any] })
      let metrics = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: output + "/metrics.json")))
      let measured = try #require((metrics as? [String: Any])?[metric] as? Double)
      #expect((steps[2]["result"] as? [String: Any])?[metric] as? Double == measured && measured > 0)
      #expect(FileManager.default.fileExists(atPath: output + (name == "retail" ? "/lists.parquet" : "/lists.csv")))

      // One step again, in text, with what the others have made.
      let again = try freshet(["run", job, "--output-dir", output, "--only", "evaluate", "--set", "model.iterations=3"])
      #expect(again.status == 0 && (again.output.contains("tested") || again.output.contains("RMSE")), "\(again.messages)")
      #expect(again.messages.contains("step 1 of 1, evaluate: freshet evaluate model"))
    }

    @Test func aDryRunPrintsLinesThatDoTheSame() throws {
      let data = try Bench.write("clicks.csv", Self.clicks)
      let job = try Bench.write(
        "job.json", #"{"data": "\#(data)", "model": {"factors": 8}, "save": {}, "predict": {"format": "csv", "count": 3}}"#)
      let dry = try freshet(["run", job, "--dry-run"])
      let output = String(job.dropLast(5))
      #expect(dry.status == 0 && !FileManager.default.fileExists(atPath: output), "\(dry.messages)")
      let lines = dry.output.split(separator: "\n").map(String.init)
      #expect(lines.count == 2)
      #expect(try freshet(["run", job, "--quiet"]).status == 0)
      let lists = try String(contentsOfFile: output + "/lists.csv", encoding: .utf8)
      try FileManager.default.removeItem(atPath: output)
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
      for line in lines { try shell("'\(Place.binary)'" + line.dropFirst("freshet".count)) }
      #expect(try String(contentsOfFile: output + "/lists.csv", encoding: .utf8) == lists && lists.count > 100)
    }

    @Test func aFailingStepEndsTheRunAndSaysHowToGoOn() throws {
      let data = try Bench.write("clicks.csv", Self.clicks)
      let json = #"{"data": "\#(data)", "save": {}, "predict": {"users": "nowhere.txt", "format": "csv"}, "model.factors": 8}"#
      let job = try Bench.write("job.json", json)
      let run = try freshet(["run", job, "--json"])
      #expect(run.status == 1 && run.json["failed"] as? String == "predict", "\(run.messages)")
      #expect(Self.steps(run).map { $0["status"] as? Int } == [0, 1])
      #expect(run.messages.contains("nowhere.txt cannot be read") && run.messages.contains("--from predict"), "\(run.messages)")
      #expect(run.messages.contains("To repeat it: freshet recommend --model"))
      // The file next to the document is found, and nothing is built again.
      try Data("u3\n".utf8).write(to: URL(fileURLWithPath: (job as NSString).deletingLastPathComponent + "/nowhere.txt"))
      let rest = try freshet(["run", job, "--from", "predict", "--json"])
      #expect(rest.status == 0 && Self.steps(rest).count == 1, "\(rest.messages)")
    }

    @Test func mistakesAreSaidBeforeAnythingRuns() throws {
      let data = try Bench.write("clicks.csv", Self.clicks)
      func run(_ rest: String, _ options: [String] = []) throws -> Outcome {
        let job = try Bench.write("job.json", #"{"data": "\#(data)", "split": {}, \#(rest)}"#)
        let outcome = try freshet(["run", job] + options)
        #expect(!FileManager.default.fileExists(atPath: String(job.dropLast(5))))
        return outcome
      }
      let value = try run(#""predict": {"model": "m", "count": "many"}"#)
      #expect(value.status == 78 && value.messages.contains("predict: --count many: allowed"), "\(value.messages)")
      let key = try run(#""model": {"factrs": 8}"#)
      #expect(key.status == 78 && key.messages.contains("model.factors"), "\(key.messages)")
      let step = try run(#""save": {}"#, ["--only", "evaluate"])
      #expect(step.status == 64 && step.messages.contains("split, save"), "\(step.messages)")
      let missing = try freshet(["run", "/nowhere/job.json"])
      #expect(missing.status == 78 && missing.messages.contains("does not exist"), "\(missing.messages)")
    }

    @Test func dataOfAStoreIsCopiedFirst() throws {
      let data = try Bench.write("clicks.csv", Self.clicks)
      let job = try Bench.write("job.json", #"{"data": "file://\#(data)", "split": {}}"#)
      let run = try freshet(["run", job, "--json"])
      #expect(run.status == 0 && Self.steps(run).map { $0["step"] as? String } == ["get", "split"], "\(run.messages)")
      #expect(try String(contentsOfFile: String(job.dropLast(5)) + "/data/clicks.csv", encoding: .utf8) == Self.clicks)
    }
  }
}
