import Foundation
import RunRecords
import Testing

@testable import freshet

extension EndToEnd {
  /// Records of commands, and what can be done with them.
  @Suite(.serialized) struct RunsTests {
    /// A store of its own with a file of clicks.
    private struct Scene {
      let store: String
      let data: String

      init() throws {
        store = try Bench.directory("runs")
        let clicks = (0..<3000).map { "u\($0 % 40),i\($0 * 7 % 61 / ($0 % 2 + 1)),\(1_700_000_000 + $0)\n" }.joined()
        data = try Bench.write("clicks.csv", "user,item,time\n" + clicks)
      }

      func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Outcome {
        try freshet(arguments, environment: environment.merging(["FRESHET_RUNS_STORE": store]) { $1 })
      }

      func train(_ more: [String] = []) throws -> Outcome { try run(["train", "--train", data, "--factors", "8", "--json"] + more) }

      func records(_ more: [String] = []) throws -> [[String: Any]] {
        let listed = try run(["runs", "list", "--json"] + more)
        return try #require(listed.json["runs"] as? [[String: Any]], "\(listed.output) \(listed.messages)")
      }

      func show(_ word: String) throws -> [String: Any] { try run(["runs", "show", word, "--json"]).json }
    }

    @Test func aTrainingLeavesARecordOfWhatItDid() throws {
      let scene = try Scene()
      #expect(try scene.records().isEmpty)
      let output = try Bench.directory("factors")
      let trained = try scene.train(["--seed", "7", "--output", output])
      #expect(trained.status == 0, "\(trained.messages)")
      let record = try scene.show("last")
      #expect(record["kind"] as? String == "train" && record["state"] as? String == "done" && record["seed"] as? String == "7")
      #expect((record["settings"] as? [String: String])?["model.factors"] == "8")
      let input = try #require((record["inputs"] as? [[String: Any]])?.first)
      #expect(input["path"] as? String == scene.data && input["sha256"] as? String == FileDigest.sha256(scene.data)?.text)
      #expect(input["bytes"] as? Int == FileDigest.sha256(scene.data)?.bytes)
      let artifacts = try #require(record["artifacts"] as? [[String: Any]])
      #expect(artifacts.map { $0["name"] as? String } == ["user_factors.npy", "item_factors.npy", "user_ids.txt", "item_ids.txt"])
      #expect(artifacts.allSatisfy { ($0["bytes"] as? Int ?? 0) > 0 })
      #expect((record["result"] as? [String: Any])?["users"] as? Int == trained.json["users"] as? Int && trained.json["users"] != nil)
      #expect(record["cpu_seconds"] as? Double ?? 0 > 0 && record["peak_memory_bytes"] as? Int ?? 0 > 1 << 20)
      let text = try scene.run(["runs", "show", "last:train"])
      #expect(text.status == 0 && text.output.contains("freshet train --train \(scene.data) --factors 8 --seed 7"), "\(text.output)")
      #expect(text.output.contains("model.factors") && !text.output.contains("model.solver"), "\(text.output)")
      let table = try scene.run(["runs", "list"])
      #expect(table.output.contains(try #require(record["id"] as? String)) && table.output.contains("done"))
    }

    @Test func theSameKeyRunsOnce() throws {
      let scene = try Scene()
      let first = try scene.train(["--idempotency-key", "daily"])
      let second = try scene.train(["--idempotency-key", "daily"])
      #expect(first.status == 0 && second.status == 0, "\(first.messages) \(second.messages)")
      #expect(NSDictionary(dictionary: first.json) == NSDictionary(dictionary: second.json) && first.json["users"] as? Int == 40)
      #expect(try scene.records().count == 1)
      let other = try scene.train(["--idempotency-key", "daily", "--iterations", "3"])
      #expect(other.status == 1 && other.messages.contains("belongs to"), "\(other.messages)")
      // A failure gives the key back.
      #expect(try scene.run(["train", "--train", "/nowhere.csv", "--idempotency-key", "k"]).status == 1)
      let failed = try #require(scene.records(["--state", "failed"]).first)
      #expect((failed["message"] as? String)?.contains("/nowhere.csv") == true, "\(failed)")
      #expect(try scene.train(["--idempotency-key", "k"]).status == 0)
      #expect(try scene.run(["runs", "clean", "last", "--force"]).status == 0)
      #expect(try scene.train(["--idempotency-key", "k", "--iterations", "2"]).status == 0)
      let none = try scene.run(["train", "--train", scene.data, "--idempotency-key", "k", "--set", "runs.store=none"])
      #expect(none.status == ExitStatus.configuration.rawValue && none.messages.contains("runs.store is none"), "\(none.messages)")
    }

    @Test func aRunIsRepeatedWithTheSettingsThatItHad() throws {
      let scene = try Scene()
      let file = try Bench.write("freshet.json", #"{"model.factors": 8, "model.seed": 3}"#)
      let command = ["evaluate", "holdout", "--data", scene.data, "--baselines", "none", "--json", "--config", file]
      let first = try scene.run(command)
      try Data(#"{"model.factors": 16, "model.seed": 4}"#.utf8).write(to: URL(fileURLWithPath: file))
      let again = try scene.run(["runs", "rerun", "last", "--json"])
      #expect(first.status == 0 && again.status == 0, "\(first.messages) \(again.messages)")
      #expect(again.messages.contains("model.factors = 8, as it was"), "\(again.messages)")
      let (one, two) = (try scene.records()[1], try scene.records()[0])
      #expect(two["rerun_of"] as? String == one["id"] as? String && one["id"] != nil)
      func quality(_ record: [String: Any]) -> [String: Double] {
        (record["metrics"] as? [String: Double] ?? [:]).filter { $0.key.contains("recall") }
      }
      #expect(!quality(one).isEmpty && quality(one) == quality(two))
      try Data("user,item,time\na,b,1\n".utf8).write(to: URL(fileURLWithPath: scene.data))
      #expect(try scene.run(["runs", "rerun", "last"]).messages.contains("has changed since"))
    }

    @Test func recordsAndFilesOfAStepAreCleaned() throws {
      let scene = try Scene()
      let (model, lists) = (try Bench.directory("build") + "/model", try Bench.directory("lists") + "/lists.csv")
      #expect(try scene.run(["build", "--data", scene.data, "--output", model, "--factors", "8"]).status == 0)
      #expect(try scene.run(["export", "lists", "--snapshot", model, "--output", lists]).status == 0)
      let refused = try scene.run(["runs", "clean", "last:export"])
      #expect(refused.status == ExitStatus.usage.rawValue && refused.messages.contains("--force"), "\(refused.messages)")
      let cleaned = try scene.run(["runs", "clean", "last:export", "--artifacts", "--force", "--json"])
      #expect(cleaned.json["removed"] as? Int == 1 && cleaned.json["artifacts"] as? Int == 1, "\(cleaned.messages)")
      #expect(!FileManager.default.fileExists(atPath: lists))
      // Somebody has written it since.
      #expect(try scene.run(["export", "lists", "--snapshot", model, "--output", lists]).status == 0)
      try Data("mine".utf8).write(to: URL(fileURLWithPath: lists))
      let kept = try scene.run(["runs", "clean", "--kind", "export", "--artifacts", "--force"])
      #expect(kept.messages.contains("stays") && FileManager.default.fileExists(atPath: lists), "\(kept.messages)")
      #expect(try scene.records().map { $0["kind"] as? String } == ["build"])
      #expect(try scene.run(["runs", "clean", "--older-than", "1h", "--force"]).output.contains("removed 0"))
      #expect(try scene.run(["runs", "clean", "--keep", "0", "--force"]).output.contains("removed 1"))
      let nothing = try scene.run(["runs", "clean"])
      #expect(nothing.status == ExitStatus.usage.rawValue && nothing.messages.contains("--older-than"), "\(nothing.messages)")
    }

    @Test func aRunThatWasKilledIsInterruptedAndGivesItsKeyBack() throws {
      let scene = try Scene()
      let program = try Program(
        [Place.binary, "evaluate", "prequential", "--data", Place.shippedEvents, "--idempotency-key", "long"],
        environment: ["FRESHET_RUNS_STORE": scene.store])
      try eventually("the run has begun") { try scene.records(["--state", "running"]).count == 1 }
      let second = try scene.run(["evaluate", "prequential", "--data", Place.shippedEvents, "--idempotency-key", "long"])
      #expect(second.status == 1 && second.messages.contains("is running"), "\(second.messages)")
      program.end(SIGKILL)
      #expect(try scene.records().map { $0["state"] as? String } == ["interrupted"])
      let data = ["evaluate", "prequential", "--data", scene.data, "--idempotency-key", "long"]
      #expect(try scene.run(data).status == 0)
    }

    @Test func aStoreThatCannotBeWrittenFailsNoTraining() throws {
      let scene = try Scene()
      let away = ["--set", "runs.store=s3://nowhere-bucket?endpoint=http://127.0.0.1:9", "--set", "store.timeout=1s"]
      let environment = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
      let trained = try scene.run(["train", "--train", scene.data, "--factors", "8", "--json"] + away, environment)
      #expect(trained.status == 0 && trained.json["users"] as? Int == 40, "\(trained.messages)")
      #expect(trained.messages.contains("leaves no record"), "\(trained.messages)")
      let keyed = try scene.run(["train", "--train", scene.data, "--idempotency-key", "k"] + away, environment)
      #expect(keyed.status == 1 && keyed.messages.contains("idempotency key cannot be kept"), "\(keyed.messages)")
    }
  }

  /// Records of the retrains of a real engine, and the models that it keeps.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct EngineRunsTests {
    @Test func retrainsAreRecordedAndModelsKeptMarkedAndRemoved() throws {
      let (store, models) = (try Bench.directory("runs"), try Bench.directory("models"))
      let scene = try Scene("runs", settings: ["runs.store=\(store)", "retrain.epoch_store=\(models)", "retrain.keep_epochs=2"])
      try scene.engine.start()
      try scene.produceShipped(3000)
      try scene.engine.settle(applied: 3000)
      let directory = ["--data-dir", scene.engine.directory]
      for _ in 1...3 { #expect(try freshet(["retrain", "--wait"] + directory).status == 0) }
      let listed = try freshet(["runs", "list", "--kind", "retrain", "--json", "--set", "runs.store=\(store)"])
      let records = try #require(listed.json["runs"] as? [[String: Any]], "\(listed.messages)")
      let newest = try #require(records.first)
      #expect(records.count >= 3 && records.allSatisfy { $0["state"] as? String == "done" }, "\(records)")
      #expect((newest["offsets"] as? [String: Int])?.values.reduce(0, +) == 3000, "\(newest)")
      #expect((newest["metrics"] as? [String: Double])?["interactions"] ?? 0 > 0, "\(newest)")

      // The store follows the directory.
      func copies() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: models).filter { $0.hasPrefix("epoch-") }.sorted()
      }
      let kept = try #require(try freshet(["models", "--json"] + directory).json["kept_epochs"] as? [Int])
      try eventually("two models are copied") { try copies().count == 2 }
      let (old, live) = (kept[0], kept[1])
      #expect(try freshet(["models", "keep", "\(old)"] + directory).status == 0)
      let refused = try freshet(["models", "remove", "\(live)"] + directory)
      #expect(refused.status == 1 && refused.messages.contains("is in use"), "\(refused.messages)")
      #expect(try freshet(["retrain", "--wait"] + directory).status == 0)
      #expect(try freshet(["retrain", "--wait"] + directory).status == 0)
      let after = try freshet(["models", "--json"] + directory).json
      #expect((after["kept_epochs"] as? [Int])?.first == old && after["marked_epochs"] as? [Int] == [old], "\(after)")
      #expect(try freshet(["models"] + directory).output.contains("\(old) (marked to stay)"))
      #expect(try freshet(["models", "remove", "\(old)"] + directory).status == 0)
      try eventually("it is gone from the store") { try !copies().contains { $0.hasPrefix("epoch-000000000\(old)") } }
      let unknown = try freshet(["models", "remove", "\(old)"] + directory)
      #expect(unknown.status == 1 && unknown.messages.contains("is not kept"), "\(unknown.messages)")
      #expect(try scene.engine.stop() == 0)
    }

    @Test func aShadowOfADocumentIsComparedPromotedAndSurvivesARestart() throws {
      let scene = try Scene("shadow", settings: ["model.factors=8"])
      try scene.engine.start()
      try scene.produceShipped(3000)
      try scene.engine.settle(applied: 3000)
      let directory = ["--data-dir", scene.engine.directory]
      let job = try Bench.write("job.json", #"{"data":"events.csv","model":{"factors":12,"history_per_user":500},"save":{}}"#)
      let chosen = try freshet(["shadow", "set", "--job", job, "--name", "twelve"] + directory)
      #expect(chosen.status == 0 && chosen.messages.contains("model.history_per_user is left out"), "\(chosen.messages)")
      #expect(try freshet(["retrain", "--wait"] + directory).status == 0)
      func shadow() throws -> [String: Any]? { try freshet(["models", "--json"] + directory).json["shadow"] as? [String: Any] }
      try eventually("the shadow is trained") { try shadow()?["trained"] as? Bool == true }
      #expect(try shadow()?["name"] as? String == "twelve")
      #expect(try scene.engine.stop() == 0)
      try scene.engine.start()
      try eventually("it is trained again") { try shadow()?["trained"] as? Bool == true }
      let promoted = try freshet(["models", "promote", "--wait"] + directory)
      #expect(promoted.status == 0, "\(promoted.output) \(promoted.messages)")
      let promotion = try freshet(["models", "--json"] + directory).json["promoted"] as? [String: String]
      #expect(promotion == ["model.factors": "12"], "\(String(describing: promotion))")
      let wrong = try freshet(["shadow", "set", "model.factor=96"] + directory)
      #expect(wrong.status == ExitStatus.usage.rawValue && wrong.messages.contains("did you mean model.factors?"), "\(wrong.messages)")
      #expect(try freshet(["shadow", "remove"] + directory).status == 0)
      try eventually("there is none") { try shadow() == nil }
      #expect(try scene.engine.stop() == 0)
    }
  }
}
